"""Apple's GPUs, which share the system's memory up to a limit, from ``sysctl``.

It knows the limit that a person set, and estimates the one that macOS chooses otherwise.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from deploy.hardware.gpu_facts import facts_for
from deploy.hardware.nvidia import FoundGpus
from deploy.spec import GIB, MIB, Gpu

Sysctl = Callable[[str], str]

_PROGRAM = "/usr/sbin/sysctl"
_SECONDS = 5.0
# macOS lets the GPU have a part of the memory (Metal's recommendedMaxWorkingSetSize). Seen: 10.67 of 16 GiB
# (exo-explore/exo, pull 1672), 75 % (gpustack/gpustack, issue 1375), 107.5 of 128 (antirez/ds4, pull 893).
# The lower ones are taken: a plan that asks for more than the limit swaps or fails.
_SMALL_SHARE = 2 / 3
_LARGE_SHARE = 3 / 4
_LARGE_BYTES = 36 * GIB


def read_apple(
    total_bytes: int, available_bytes: int, sysctl: Sysctl | None = None, *, architecture: str = "arm64"
) -> FoundGpus:
    """The GPU of an Apple chip; none on an Intel Mac.

    Args:
        total_bytes: the system's memory.
        available_bytes: what can be taken now without swapping.
        sysctl: answers the value of a name, or an empty string.
        architecture: of the processor, as ``platform.machine()`` names it.
    """
    if architecture != "arm64":
        return FoundGpus()
    ask = sysctl or run_sysctl
    name = ask("machdep.cpu.brand_string") or "Apple GPU"
    share = working_set_bytes(total_bytes, ask("iogpu.wired_limit_mb"))
    facts = facts_for(name)
    gpu = Gpu(
        index=0,
        name=name,
        total_bytes=share,
        free_bytes=min(share, available_bytes),
        driver="Metal",
        vendor="apple",
        bandwidth_bytes_per_s=facts.bandwidth_bytes_per_s if facts else 0.0,
        fp16_flops=facts.fp16_flops if facts else 0.0,
        unified=True,
        source="sysctl",
    )
    return FoundGpus((gpu,))


def working_set_bytes(total_bytes: int, wired_limit_mib: str = "") -> int:
    """How much of the memory the GPU may use: the limit that was set, else a cautious share.

    Example:
        >>> working_set_bytes(64 * GIB) // GIB, working_set_bytes(64 * GIB, "57344") // GIB
        (48, 56)
    """
    if wired_limit_mib.isdecimal() and int(wired_limit_mib):
        return min(total_bytes, int(wired_limit_mib) * MIB)
    return int(total_bytes * (_LARGE_SHARE if total_bytes >= _LARGE_BYTES else _SMALL_SHARE))


def run_sysctl(name: str) -> str:
    """The value of a kernel's variable; empty where it has none."""
    try:
        done = subprocess.run(
            [_PROGRAM, "-n", name], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()

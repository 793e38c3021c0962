"""NVIDIA GPUs as ``nvidia-smi`` prints them, where NVML's binding is not installed.

It tells less than NVML: no processes, no MIG instances, no clocks.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deploy.hardware.gpu_facts import facts_for
from deploy.hardware.nvidia import FoundGpus, select_visible
from deploy.spec import MIB, Gpu
from stillroom.errors import EnvironmentUnfitError

if TYPE_CHECKING:
    from deploy.hardware.nvidia import SystemMemory

_PROGRAM: Final = "nvidia-smi"
_FIELDS: Final = ("uuid", "name", "memory.total", "memory.free", "driver_version")
_SECONDS: Final = 20.0  # a driver that was asleep takes several


def run_nvidia_smi(
    memory: SystemMemory, *, visible: str | None = None, executable: str = _PROGRAM
) -> FoundGpus:
    """The GPUs that it lists; none where it is missing, and a note where it fails.

    Raises:
        EnvironmentUnfitError: it succeeded and its answer cannot be read.
    """
    path = shutil.which(executable)
    if path is None:
        return FoundGpus()
    command = [path, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as exc:
        return FoundGpus(notes=(f"nvidia-smi does not run: {exc}",))
    if done.returncode:
        said = (done.stdout + done.stderr).strip().partition("\n")[0]
        return FoundGpus(notes=(f"nvidia-smi failed: {said}",))
    return FoundGpus(parse_nvidia_smi(done.stdout, memory, visible=visible))


def parse_nvidia_smi(text: str, memory: SystemMemory, *, visible: str | None = None) -> tuple[Gpu, ...]:
    """The lines of ``nvidia-smi --query-gpu=uuid,name,memory.total,memory.free,driver_version``, in MiB.

    GPUs without memory of their own say ``[N/A]`` and get the system's.

    Raises:
        EnvironmentUnfitError: a line has another form; the message shows it.
    """
    lines = [_fields(line) for line in text.splitlines() if line.strip()]
    shown = select_visible([fields[0] for fields in lines], visible)
    return tuple(replace(_gpu(lines[place], memory), index=index) for index, place in enumerate(shown))


def _fields(line: str) -> list[str]:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) == len(_FIELDS) and all(_is_size(value) for value in fields[2:4]):
        return fields
    raise EnvironmentUnfitError(
        f"nvidia-smi answered {line.strip()!r}, and {', '.join(_FIELDS)} were expected",
        hint=f"nvidia-smi --query-gpu={','.join(_FIELDS)} --format=csv",
    )


def _is_size(value: str) -> bool:
    return value.isdecimal() or value.startswith("[")


def _gpu(fields: list[str], memory: SystemMemory) -> Gpu:
    _, name, total_mib, free_mib, driver = fields
    unified = not (total_mib.isdecimal() and free_mib.isdecimal())
    total = memory.total_bytes if unified else int(total_mib) * MIB
    facts = facts_for(name, total_bytes=total)
    return Gpu(
        index=0,
        name=name,
        total_bytes=total,
        free_bytes=memory.available_bytes if unified else int(free_mib) * MIB,
        driver=driver,
        vendor="nvidia",
        bandwidth_bytes_per_s=facts.bandwidth_bytes_per_s if facts else 0.0,
        fp16_flops=facts.fp16_flops if facts else 0.0,
        compute_capability=facts.compute_capability if facts else 0.0,
        unified=unified,
        source="nvidia-smi",
    )

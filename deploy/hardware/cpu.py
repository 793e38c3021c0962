"""The processor and the memory of the machine that runs this, under a container's limits.

It knows no GPU. Files are read under a root that is an argument, so that another machine's can stand in.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from deploy.hardware.apple import run_sysctl
from deploy.hardware.cgroup import CgroupMemory, read_cgroup_cpus, read_cgroup_memory
from deploy.hardware.drm import read_text


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory.

    Attributes:
        available_bytes: what can be taken now without swapping.
        limited_by: whether the container's limit is lower than what the machine has.
    """

    total_bytes: int
    available_bytes: int
    limited_by: Literal["physical", "cgroup"]


def read_memory() -> Memory:
    """Total and available memory now."""
    now = psutil.virtual_memory()
    return limit_memory(now.total, now.available, read_cgroup_memory())


def limit_memory(total_bytes: int, available_bytes: int, cgroup: CgroupMemory | None) -> Memory:
    """Memory under a container's limit.

    Example:
        >>> limit_memory(1000, 900, CgroupMemory(limit_bytes=500, used_bytes=100))
        Memory(total_bytes=500, available_bytes=400, limited_by='cgroup')
    """
    if cgroup is None or cgroup.limit_bytes >= total_bytes:
        return Memory(total_bytes, available_bytes, "physical")
    left = max(0, cgroup.limit_bytes - cgroup.used_bytes)
    return Memory(cgroup.limit_bytes, min(available_bytes, left), "cgroup")


def cpu_cores() -> int:
    """The cores that this process may use: fewer than the machine has under an affinity mask or a quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return limit_cores(cores, read_cgroup_cpus())


def limit_cores(cores: int, quota_cpus: float | None) -> int:
    """Cores under a container's quota of CPU time, in whole cores and at least one.

    Example:
        >>> limit_cores(64, 2.5), limit_cores(4, None)
        (2, 4)
    """
    return cores if quota_cpus is None else max(1, min(cores, int(quota_cpus)))


def cpu_name(root: Path = Path("/")) -> str:
    """The processor's name, as the kernel tells it."""
    name = parse_cpu_name(read_text(root / "proc/cpuinfo"))
    if not name and platform.system() == "Darwin":
        name = run_sysctl("machdep.cpu.brand_string")
    # ARM's kernels tell no name; a board's device tree often does.
    model = read_text(root / "sys/firmware/devicetree/base/model").strip("\0")
    return name or model or platform.processor() or platform.machine()


def parse_cpu_name(cpu_info: str) -> str:
    """The processor's name in the text of ``/proc/cpuinfo``; empty where it has none."""
    for line in cpu_info.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""


def wsl_notes(root: Path = Path("/")) -> tuple[str, ...]:
    """What limits a machine under the Windows Subsystem for Linux; nothing elsewhere.

    WSL's kernel names Microsoft in ``/proc/version``. By default it gets half of the machine's memory.
    """
    if "microsoft" not in read_text(root / "proc/version").lower():
        return ()
    notes = [
        "WSL: this is Windows's share of the memory (half by default); .wslconfig's memory= changes it",
        "WSL: the GPU is reached through the Windows driver, and a desktop there takes part of its memory",
    ]
    if not (root / "dev/dxg").exists():
        notes[1] = "WSL: no GPU is passed through (/dev/dxg is missing); update with wsl --update"
    return tuple(notes)

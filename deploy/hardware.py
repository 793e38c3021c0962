"""What this machine has for a model: processor, memory, disk and NVIDIA GPUs, on Linux and macOS.

The one module that asks the machine. What the answers mean for a model is the planner's. AMD and Intel GPUs,
and GPUs that share the system's memory, are not reported.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Final, Literal

import psutil

from deploy.cgroup import CgroupMemory, read_cgroup_cpus, read_cgroup_memory
from deploy.spec import MIB, Gpu, Machine
from stillroom.errors import EnvironmentUnfitError

_NVIDIA_SMI: Final = "nvidia-smi"
_GPU_FIELDS: Final = ("index", "name", "memory.total", "memory.free", "driver_version")
_NVIDIA_SMI_SECONDS: Final = 20.0  # a driver that was asleep takes several
_SYSCTL_SECONDS: Final = 5.0
_CPU_INFO: Final = Path("/proc/cpuinfo")


def detect_machine(*, disk_path: Path) -> Machine:
    """What this machine has now.

    Args:
        disk_path: where weights will be kept; it need not exist yet.

    Raises:
        EnvironmentUnfitError: ``nvidia-smi`` answered something that cannot be read.
    """
    memory = psutil.virtual_memory()
    total, available, limited_by = limit_memory(memory.total, memory.available, read_cgroup_memory())
    return Machine(
        cpu_name=_cpu_name(),
        cpu_cores=_cpu_cores(),
        memory_total_bytes=total,
        memory_available_bytes=available,
        memory_limited_by=limited_by,
        disk_free_bytes=shutil.disk_usage(nearest_existing(disk_path)).free,
        gpus=detect_gpus(),
        operating_system=f"{platform.system()} {platform.release()}",
        python_version=platform.python_version(),
    )


def limit_memory(
    total_bytes: int, available_bytes: int, cgroup: CgroupMemory | None
) -> tuple[int, int, Literal["physical", "cgroup"]]:
    """Total and available memory under a container's limit, and which of the two limits binds.

    Example:
        >>> limit_memory(1000, 900, CgroupMemory(limit_bytes=500, used_bytes=100))
        (500, 400, 'cgroup')
    """
    if cgroup is None or cgroup.limit_bytes >= total_bytes:
        return total_bytes, available_bytes, "physical"
    left = max(0, cgroup.limit_bytes - cgroup.used_bytes)
    return cgroup.limit_bytes, min(available_bytes, left), "cgroup"


def limit_cores(cores: int, quota_cpus: float | None) -> int:
    """Cores under a container's quota of CPU time, in whole cores and at least one.

    Example:
        >>> limit_cores(64, 2.5), limit_cores(4, None)
        (2, 4)
    """
    return cores if quota_cpus is None else max(1, min(cores, int(quota_cpus)))


def detect_gpus(executable: str = _NVIDIA_SMI) -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that the driver reports; none where ``nvidia-smi`` is missing or fails.

    Raises:
        EnvironmentUnfitError: it succeeded and its answer cannot be read.
    """
    path = shutil.which(executable)
    if path is None:
        return ()
    command = [path, f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader,nounits"]
    text = _output_of(command, seconds=_NVIDIA_SMI_SECONDS)
    return parse_nvidia_smi(text) if text is not None else ()


def parse_nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """The lines of ``nvidia-smi --query-gpu=index,name,memory.total,memory.free,driver_version``, in MiB.

    GPUs without memory of their own say ``[N/A]`` and are left out.

    Raises:
        EnvironmentUnfitError: a line has another form; the message shows it.

    Example:
        >>> parse_nvidia_smi("0, NVIDIA GeForce RTX 4090, 24564, 24111, 550.54")[0].free_bytes // 2**20
        24111
    """
    return tuple(gpu for line in text.splitlines() if line.strip() and (gpu := _parse_gpu(line)))


def nearest_existing(path: Path) -> Path:
    """The path itself, or its nearest parent that exists: where its bytes will land."""
    absolute = path.expanduser().absolute()
    return next(candidate for candidate in (absolute, *absolute.parents) if candidate.exists())


def parse_cpu_name(cpu_info: str) -> str:
    """The processor's name in the text of ``/proc/cpuinfo``; empty on ARM, whose kernels tell none."""
    for line in cpu_info.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""


def _parse_gpu(line: str) -> Gpu | None:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) == len(_GPU_FIELDS):
        index, name, total, free, driver = fields
        if total.startswith("["):
            return None
        if index.isdigit() and total.isdigit() and free.isdigit():
            return Gpu(
                index=int(index),
                name=name,
                total_bytes=int(total) * MIB,
                free_bytes=int(free) * MIB,
                driver=driver,
            )
    raise EnvironmentUnfitError(
        f"nvidia-smi answered {line.strip()!r}, and {', '.join(_GPU_FIELDS)} were expected",
        hint=f"nvidia-smi --query-gpu={','.join(_GPU_FIELDS)} --format=csv",
    )


def _cpu_cores() -> int:
    """The cores that this process may use: fewer than the machine has under an affinity mask or a quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return limit_cores(cores, read_cgroup_cpus())


def _cpu_name() -> str:
    name = ""
    if _CPU_INFO.exists():
        name = parse_cpu_name(_CPU_INFO.read_text(errors="replace"))
    elif platform.system() == "Darwin":
        name = (
            _output_of(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], seconds=_SYSCTL_SECONDS) or ""
        )
    return name.strip() or platform.processor() or platform.machine()


def _output_of(command: list[str], *, seconds: float) -> str | None:
    """What a command printed, or None if it failed or took too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout

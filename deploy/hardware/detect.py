"""The machine that runs this: everything that is asked of it, in one value.

The one module that puts the readers together. What the answers mean for a model is the planner's.
"""

from __future__ import annotations

import platform
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.hardware.amd import read_amd
from deploy.hardware.apple import read_apple
from deploy.hardware.bandwidth import cached_bandwidth
from deploy.hardware.cpu import cpu_cores, cpu_name, read_memory, wsl_notes
from deploy.hardware.intel import read_intel
from deploy.hardware.nvidia import FoundGpus, SystemMemory, driver_present, load_nvml, read_nvidia
from deploy.hardware.nvidia_smi import run_nvidia_smi
from deploy.spec import Machine

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.hardware.cpu import Memory
    from deploy.spec import Gpu


def detect_machine(
    *, disk_path: Path, cache_dir: Path | None = None, visible_gpus: str | None = None
) -> Machine:
    """What this machine has now.

    No program is started unless a GPU's driver is there and NVML cannot be asked.

    Args:
        disk_path: where weights will be kept; it need not exist yet.
        cache_dir: where a measured memory bandwidth is kept; without it the bandwidth is left unknown.
        visible_gpus: the value of ``CUDA_VISIBLE_DEVICES``; None where it is not set.

    Raises:
        EnvironmentUnfitError: ``nvidia-smi`` answered something that cannot be read.
    """
    memory = read_memory()
    found = detect_gpus(memory, visible_gpus=visible_gpus)
    name, cores = cpu_name(), cpu_cores()
    return Machine(
        cpu_name=name,
        cpu_cores=cores,
        memory_total_bytes=memory.total_bytes,
        memory_available_bytes=memory.available_bytes,
        memory_limited_by=memory.limited_by,
        disk_free_bytes=shutil.disk_usage(nearest_existing(disk_path)).free,
        gpus=found.gpus,
        operating_system=f"{platform.system()} {platform.release()}",
        python_version=platform.python_version(),
        memory_bandwidth_bytes_per_s=cached_bandwidth(cache_dir, name, cores) if cache_dir else 0.0,
        notes=(*wsl_notes(), *found.notes),
    )


def detect_gpus(memory: Memory, *, visible_gpus: str | None = None) -> FoundGpus:
    """Every vendor's GPUs, numbered from 0 in one row: NVIDIA's first."""
    if platform.system() == "Darwin":
        return read_apple(memory.total_bytes, memory.available_bytes, architecture=platform.machine())
    system = SystemMemory(memory.total_bytes, memory.available_bytes)
    found = [_nvidia(system, visible_gpus), read_amd(), read_intel()]
    gpus: list[Gpu] = [gpu for part in found for gpu in part.gpus]
    return FoundGpus(
        tuple(replace(gpu, index=index) for index, gpu in enumerate(gpus)),
        tuple(note for part in found for note in part.notes),
    )


def nearest_existing(path: Path) -> Path:
    """The path itself, or its nearest parent that exists: where its bytes will land."""
    absolute = path.expanduser().absolute()
    return next(candidate for candidate in (absolute, *absolute.parents) if candidate.exists())


def _nvidia(memory: SystemMemory, visible: str | None) -> FoundGpus:
    if not driver_present():
        return FoundGpus()
    nvml = load_nvml()
    if nvml is None:
        return run_nvidia_smi(memory, visible=visible)
    return read_nvidia(nvml, memory, visible=visible)

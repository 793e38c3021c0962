"""Measure a running engine: its processes by the operating system, its GPUs by NVIDIA's driver.

It reads no engine's log and asks no engine: what the engine reported is an argument.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deploy.measurement import GpuUse, Measurement
from deploy.process_memory import family_memory

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import ModuleType

    from deploy.engines.base import MeasuredTerm

# What engines number GPUs by; its numbers are the plan's.
_VISIBLE: Final = "CUDA_VISIBLE_DEVICES"


def measure_processes(
    pid: int,
    terms: tuple[MeasuredTerm, ...],
    *,
    environment: Mapping[str, str] | None = None,
    visible_gpus: str | None = None,
) -> Measurement:
    """Measure the process and all its children now; zeros where it has ended.

    Args:
        pid: the engine's first process.
        terms: what the engine itself reported.
        environment: what it was started with beside the inherited; its ``CUDA_VISIBLE_DEVICES`` says which
            of the plan's GPUs it numbers from 0.
        visible_gpus: ``CUDA_VISIBLE_DEVICES`` of the machine that was planned for, as the settings have it.
    """
    family = family_memory(pid)
    return Measurement(
        rss_bytes=family.rss_bytes,
        file_backed_bytes=family.file_backed_bytes,
        anonymous_bytes=family.anonymous_bytes,
        terms=as_planned(terms, (environment or {}).get(_VISIBLE, "")),
        pss_bytes=family.pss_bytes,
        held_bytes=family.held_bytes,
        gpus=_nvidia_use(family.pids, visible_gpus),
    )


def as_planned(terms: tuple[MeasuredTerm, ...], visible: str) -> tuple[MeasuredTerm, ...]:
    """The terms with the plan's numbers of the GPUs, where the engine was shown only some of them.

    Args:
        terms: as the engine numbers GPUs.
        visible: the plan's numbers in the engine's order, such as ``2,0``; empty where it sees all.
    """
    if not visible:
        return terms
    numbers = {f"gpu:{place}": f"gpu:{number.strip()}" for place, number in enumerate(visible.split(","))}
    return tuple(replace(term, device=numbers.get(term.device, term.device)) for term in terms)


def gpu_use(nvml: ModuleType, pids: Collection[int], *, visible: str | None = None) -> tuple[GpuUse, ...]:
    """What those processes, and all together, hold of each NVIDIA GPU with memory of its own.

    Args:
        nvml: the module ``pynvml``.
        pids: of the engine's processes.
        visible: the value of ``CUDA_VISIBLE_DEVICES`` that GPUs are numbered by; None where it is not set.
    """
    from deploy.hardware.nvidia import SystemMemory, read_nvidia

    found = read_nvidia(nvml, SystemMemory(0, 0), visible=visible)
    return tuple(
        GpuUse(
            device=f"gpu:{gpu.index}",
            own_bytes=sum(one.used_bytes for one in gpu.processes if one.pid in pids) or None,
            used_bytes=gpu.total_bytes - gpu.free_bytes,
        )
        for gpu in found.gpus
        if not gpu.unified
    )


def _nvidia_use(pids: Collection[int], visible: str | None) -> tuple[GpuUse, ...]:
    from deploy.hardware.nvidia import driver_present, load_nvml

    nvml = load_nvml() if driver_present() else None
    return () if nvml is None else gpu_use(nvml, pids, visible=visible)

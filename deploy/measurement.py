"""What a running engine really takes, to be put beside what was planned.

Three sources that answer different questions: the operating system (what the machine's main memory lost),
NVIDIA's driver (what each GPU's lost) and the engine's own figures (which component took it). It predicts
nothing and judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from deploy.process_memory import family_memory
from deploy.serving import CPU

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import ModuleType

    from deploy.engines.base import MeasuredTerm

# What the engines number GPUs by, and what a plan's own numbers are given in.
_VISIBLE: Final = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True, slots=True)
class GpuUse:
    """Memory of one GPU that is in use, in bytes.

    Attributes:
        device: ``gpu:N``, N as plans number GPUs.
        own_bytes: what the engine's processes hold; None where the driver does not tell (in a container
            whose process numbers are its own, under WSL).
        used_bytes: what all programs hold.
    """

    device: str
    own_bytes: int | None
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """Memory of an engine and its children, in bytes.

    Attributes:
        rss_bytes: resident set, summed over the processes; pages that they share are counted for each.
        file_backed_bytes: the part that maps files, such as weights: the system can drop and re-read it.
            None where the system does not tell (outside Linux).
        anonymous_bytes: the part that only these processes hold: KV cache, compute buffers. None likewise.
        terms: the components that the engine reported itself.
        pss_bytes: as ``rss_bytes``, each page divided by how many processes map it, strangers among them.
        held_bytes: pages of main memory that any of the processes keeps, each counted once.
        gpus: the GPUs that the driver tells of.
    """

    rss_bytes: int
    file_backed_bytes: int | None
    anonymous_bytes: int | None
    terms: tuple[MeasuredTerm, ...]
    pss_bytes: int | None = None
    held_bytes: int | None = None
    gpus: tuple[GpuUse, ...] = ()

    def total_bytes(self, device: str) -> int | None:
        """What the engine takes of a device in all; None where nobody tells.

        Example:
            >>> Measurement(300, 100, 200, (), held_bytes=280).total_bytes("cpu")
            280
        """
        if device == CPU:
            return self.held_bytes or self.rss_bytes or None
        return next((gpu.own_bytes for gpu in self.gpus if gpu.device == device), None)


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

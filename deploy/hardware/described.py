"""Machines that one does not sit at, told by flags.

What is not told is assumed, and the machine's notes say so. Nothing here asks the machine that runs this: the
caller hands it over as the base.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.hardware.apple import working_set_bytes
from deploy.hardware.gpu_facts import find_gpu
from deploy.hardware.sizes import parse_bandwidth, parse_size
from deploy.spec import GIB, Gpu, Machine
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.hardware.gpu_facts import GpuFacts

NO_GPU = "none"
_COUNTED = re.compile(r"\s*(\d{1,4})\s*[x×*]\s+(.+)|\s*(\d{1,4})[x×*](\D.*)")
_MOST_GPUS = 64
# A workstation has at least that much, and rarely less than its GPUs.
_SMALLEST_MEMORY_BYTES = 16 * GIB
# What a system with a desktop leaves of its memory.
_AVAILABLE_SHARE = 0.85
_CORES = 8
_DISK_BYTES = 1024 * GIB


@dataclass(frozen=True, slots=True)
class MachineFlags:
    """What was said of a machine, as it was typed; empty for what was not.

    Attributes:
        gpus: names, each with or without a count before it: ``RTX 4090``, ``2x RTX 4090``; ``none`` for none.
        gpu_count: how many of the one GPU that is named, or that is there.
        gpu_memory: memory of each GPU: ``24GiB``.
        memory: main memory.
        bandwidth: memory bandwidth of each GPU, or of the main memory where there is no GPU.
    """

    gpus: Sequence[str] = ()
    gpu_count: int = 0
    gpu_memory: str = ""
    memory: str = ""
    cores: int = 0
    bandwidth: str = ""

    def __bool__(self) -> bool:
        """Whether anything was said."""
        return bool(
            self.gpus or self.gpu_count or self.gpu_memory or self.memory or self.cores or self.bandwidth
        )


def describe_machine(base: Machine, flags: MachineFlags) -> Machine:
    """The machine that the flags tell of; the base itself where they say nothing.

    A named GPU means another machine: its cores and memory are what is said, or assumed, never the base's, so
    that the same command plans the same everywhere. Without a name it is the base with what is said replaced.

    Raises:
        PlanError: a name, a size or a count that cannot be understood, or that does not go with another.

    Example:
        >>> base = Machine("CPU", 4, 8 * GIB, 6 * GIB, "physical", 50 * GIB)
        >>> machine = describe_machine(base, MachineFlags(gpus=["2x RTX 4090"], memory="64GiB"))
        >>> [gpu.name for gpu in machine.gpus], machine.memory_total_bytes // GIB, machine.described
        (['RTX 4090', 'RTX 4090'], 64, True)
    """
    if not flags:
        return base
    if flags.gpus:
        return _other_machine(flags)
    return _changed_machine(base, flags)


def _other_machine(flags: MachineFlags) -> Machine:
    names = _names(flags)
    memory = parse_size(flags.memory, name="--ram") if flags.memory else 0
    gpus = tuple(_named_gpu(name, index, flags, memory) for index, name in enumerate(names))
    notes: list[str] = []
    if not memory:
        memory = _assumed_memory(gpus)
        notes.append(f"memory was not said: {memory / GIB:.0f} GiB assumed; --ram says it")
    cores = flags.cores or _CORES
    if not flags.cores:
        notes.append(f"cores were not said: {cores} assumed; --cores says them")
    return Machine(
        cpu_name="described",
        cpu_cores=_checked_cores(cores),
        memory_total_bytes=memory,
        memory_available_bytes=int(memory * _AVAILABLE_SHARE),
        memory_limited_by="physical",
        disk_free_bytes=_DISK_BYTES,
        gpus=gpus,
        memory_bandwidth_bytes_per_s=_system_bandwidth(flags, gpus),
        described=True,
        notes=tuple(notes),
    )


def _changed_machine(base: Machine, flags: MachineFlags) -> Machine:
    gpus = _changed_gpus(base.gpus, flags)
    memory = base.memory_total_bytes
    available = base.memory_available_bytes
    if flags.memory:
        memory = parse_size(flags.memory, name="--ram")
        available = int(memory * _AVAILABLE_SHARE)
    bandwidth = base.memory_bandwidth_bytes_per_s
    if flags.bandwidth and not gpus:
        bandwidth = parse_bandwidth(flags.bandwidth, name="--bandwidth")
    return replace(
        base,
        cpu_cores=_checked_cores(flags.cores or base.cpu_cores),
        memory_total_bytes=memory,
        memory_available_bytes=available,
        memory_limited_by="physical" if flags.memory else base.memory_limited_by,
        gpus=gpus,
        memory_bandwidth_bytes_per_s=bandwidth,
        described=True,
    )


def _names(flags: MachineFlags) -> list[str]:
    """Each GPU's name as often as there are such GPUs."""
    names: list[str] = []
    for text in flags.gpus:
        if text.strip().lower() == NO_GPU:
            continue
        counted = _COUNTED.fullmatch(text)
        count, name = (counted[1] or counted[3], counted[2] or counted[4]) if counted else ("1", text)
        names += [name.strip()] * min(int(count), _MOST_GPUS + 1)
    if flags.gpu_count:
        if len(names) != 1:
            raise PlanError(
                f"--gpus {flags.gpu_count} goes with one --gpu, and {len(names)} were named",
                hint=f"--gpu '{flags.gpu_count}x RTX 4090'",
            )
        names *= _checked_count(flags.gpu_count)
    if len(names) > _MOST_GPUS:
        raise PlanError(f"at most {_MOST_GPUS} GPUs can be planned for", hint="--gpu '8x H100'")
    return names


def _named_gpu(name: str, index: int, flags: MachineFlags, memory_bytes: int) -> Gpu:
    said = parse_size(flags.gpu_memory, name="--vram") if flags.gpu_memory else 0
    facts = _facts(name, said)
    total, free = _gpu_memory(facts, said, memory_bytes)
    bandwidth = facts.bandwidth_bytes_per_s
    return Gpu(
        index=index,
        name=facts.name,
        total_bytes=total,
        free_bytes=free,
        vendor=facts.vendor,
        bandwidth_bytes_per_s=parse_bandwidth(flags.bandwidth, name="--bandwidth")
        if flags.bandwidth
        else bandwidth,
        fp16_flops=facts.fp16_flops,
        compute_capability=facts.compute_capability,
        unified=facts.unified,
        source="described",
    )


def _facts(name: str, said_bytes: int) -> GpuFacts:
    """What is known of the card; the memory that is said decides between cards of one name."""
    try:
        return find_gpu(name)
    except PlanError:
        if not said_bytes:
            raise
        return find_gpu(name, total_bytes=said_bytes)


def _gpu_memory(facts: GpuFacts, said_bytes: int, memory_bytes: int) -> tuple[int, int]:
    """Total and free memory of a described GPU: what is said counts as free, whole."""
    if said_bytes:
        return said_bytes, said_bytes
    if not facts.unified:
        return facts.total_bytes, facts.idle_free_bytes
    if facts.vendor == "nvidia":  # GB10 comes in one size
        total = memory_bytes or facts.total_bytes
        return total, int(total * _AVAILABLE_SHARE)
    if not memory_bytes:
        raise PlanError(
            f"{facts.name} shares the system's memory, which comes in many sizes, and none was said",
            hint=f"--gpu {facts.name!r} --ram {facts.marketed_gb}GiB",
        )
    share = working_set_bytes(memory_bytes)
    return share, min(share, int(memory_bytes * _AVAILABLE_SHARE))


def _changed_gpus(gpus: tuple[Gpu, ...], flags: MachineFlags) -> tuple[Gpu, ...]:
    if not (flags.gpu_memory or flags.gpu_count or (flags.bandwidth and gpus)):
        return gpus
    count = _checked_count(flags.gpu_count or len(gpus) or 1)
    if not gpus and not flags.gpu_memory:
        raise PlanError(f"--gpus {count}, and this machine has none: which?", hint="--gpu 'RTX 4090'")
    chosen = gpus or (Gpu(0, "GPU", 0, 0),)
    # More GPUs than are there: more of the first kind.
    chosen = (chosen + chosen[:1] * count)[:count]
    changed: dict[str, object] = {"source": "described"}
    if flags.gpu_memory:
        said = parse_size(flags.gpu_memory, name="--vram")
        changed |= {"total_bytes": said, "free_bytes": said}
    if flags.bandwidth:
        changed["bandwidth_bytes_per_s"] = parse_bandwidth(flags.bandwidth, name="--bandwidth")
    return tuple(replace(gpu, index=index, **changed) for index, gpu in enumerate(chosen))  # type: ignore[arg-type]


def _assumed_memory(gpus: tuple[Gpu, ...]) -> int:
    """As much as the GPUs have together, in whole GiB; a unified GPU's is the machine's."""
    if gpus and gpus[0].unified:
        return gpus[0].total_bytes
    total = sum(gpu.total_bytes for gpu in gpus)
    return max(_SMALLEST_MEMORY_BYTES, -(-total // GIB) * GIB)


def _system_bandwidth(flags: MachineFlags, gpus: tuple[Gpu, ...]) -> float:
    """Main memory's bandwidth: a unified GPU's, or what was said where there is no GPU; else unknown."""
    if gpus:
        return gpus[0].bandwidth_bytes_per_s if gpus[0].unified else 0.0
    return parse_bandwidth(flags.bandwidth, name="--bandwidth") if flags.bandwidth else 0.0


def _checked_count(count: int) -> int:
    if not 1 <= count <= _MOST_GPUS:
        raise PlanError(f"--gpus {count} is not between 1 and {_MOST_GPUS}", hint="--gpus 2")
    return count


def _checked_cores(cores: int) -> int:
    most = 4096
    if not 1 <= cores <= most:
        raise PlanError(f"--cores {cores} is not between 1 and {most}", hint="--cores 16")
    return cores

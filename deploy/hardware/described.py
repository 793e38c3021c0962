"""Machines that one does not sit at, told by flags.

What is not told is assumed, and the machine's notes say so. Nothing here asks the machine that runs this: the
caller hands it over as the base.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.hardware.described_gpus import AVAILABLE_SHARE, changed_gpus, named_gpus
from deploy.hardware.sizes import parse_bandwidth, parse_size
from deploy.spec import GIB, Machine
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from deploy.hardware.machine_flags import MachineFlags, Words
    from deploy.spec import Gpu

# A workstation has at least that much, and rarely less than its GPUs.
_SMALLEST_MEMORY_BYTES = 16 * GIB
_CORES = 8
_DISK_BYTES = 1024 * GIB


def describe_machine(base: Machine, flags: MachineFlags) -> Machine:
    """The machine that the flags tell of; the base itself where they say nothing.

    A named GPU means another machine: its cores and memory are what is said, or assumed, never the base's, so
    that the same command plans the same everywhere. Without a name it is the base with what is said replaced.

    Raises:
        PlanError: a name, a size or a count that cannot be understood, or that does not go with another.

    Example:
        >>> from deploy.hardware.machine_flags import MachineFlags
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
    words = flags.words
    memory = parse_size(flags.memory, name=words.memory) if flags.memory else 0
    gpus, unknown = named_gpus(flags, memory)
    notes = list(unknown)
    if not memory:
        memory = _assumed_memory(gpus)
        notes.append(f"memory was not said: {memory / GIB:.0f} GiB assumed; {words.memory} says it")
    cores = flags.cores or _CORES
    if not flags.cores:
        notes.append(f"cores were not said: {cores} assumed; {words.cores} says them")
    return Machine(
        cpu_name="described",
        cpu_cores=_checked_cores(cores, words),
        memory_total_bytes=memory,
        memory_available_bytes=int(memory * AVAILABLE_SHARE),
        memory_limited_by="physical",
        disk_free_bytes=_DISK_BYTES,
        gpus=gpus,
        memory_bandwidth_bytes_per_s=_system_bandwidth(flags, gpus),
        described=True,
        notes=tuple(notes),
    )


def _changed_machine(base: Machine, flags: MachineFlags) -> Machine:
    memory = base.memory_total_bytes
    available = base.memory_available_bytes
    if flags.memory:
        memory = parse_size(flags.memory, name=flags.words.memory)
        available = int(memory * AVAILABLE_SHARE)
    gpus = changed_gpus(base.gpus, flags, memory)
    bandwidth = base.memory_bandwidth_bytes_per_s
    if flags.bandwidth and not gpus:
        bandwidth = parse_bandwidth(flags.bandwidth, name=flags.words.bandwidth)
    return replace(
        base,
        cpu_cores=_checked_cores(flags.cores or base.cpu_cores, flags.words),
        memory_total_bytes=memory,
        memory_available_bytes=available,
        memory_limited_by="physical" if flags.memory else base.memory_limited_by,
        gpus=gpus,
        memory_bandwidth_bytes_per_s=bandwidth,
        described=True,
    )


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
    return parse_bandwidth(flags.bandwidth, name=flags.words.bandwidth) if flags.bandwidth else 0.0


def _checked_cores(cores: int, words: Words) -> int:
    most = 4096
    if not 1 <= cores <= most:
        raise PlanError(f"{words.cores} {cores} is not between 1 and {most}", hint="--cores 16")
    return cores

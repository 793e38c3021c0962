"""GPUs that are described: named with or without a count, or those of a machine with other memory or number.

A name that is known brings its figures; of one that is not, the memory must be said, and nothing else is
known. What does not go together is refused. Main memory, cores and the rest of a machine are not its to know.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from deploy.hardware.apple import working_set_bytes
from deploy.hardware.gpu_facts import find_gpu, likely_vendor
from deploy.hardware.sizes import parse_bandwidth, parse_size
from deploy.spec import Gpu
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.hardware.gpu_facts import GpuFacts
    from deploy.hardware.machine_flags import MachineFlags

NO_GPU = "none"
# What a system with a desktop leaves of its memory.
AVAILABLE_SHARE = 0.85
_COUNTED = re.compile(r"\s*(\d{1,4})\s*[x×*]\s+(.+)|\s*(\d{1,4})[x×*](\D.*)")
_MOST_GPUS = 64
_LONGEST_NAME = 80


def named_gpus(flags: MachineFlags, memory_bytes: int) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs that were named, and notes on what is not known of them.

    Args:
        flags: what was said, with at least one name.
        memory_bytes: the machine's memory; 0 where it was not said.

    Raises:
        PlanError: a name is unknown and its memory was not said, or the names contradict what else was said.
    """
    said = parse_size(flags.gpu_memory, name=flags.words.gpu_memory) if flags.gpu_memory else 0
    gpus: list[Gpu] = []
    notes: list[str] = []
    for index, name in enumerate(_names(flags)):
        found = _find(name, said)
        if isinstance(found, PlanError):
            gpus.append(_unknown_gpu(name, index, said))
            if not flags.bandwidth:
                notes.append(
                    f"{found.message}; only its memory was said, so no speed is predicted: "
                    f"{flags.words.bandwidth} says its bandwidth"
                )
        else:
            gpus.append(_known_gpu(found, index))
    _check_shared(gpus, said, memory_bytes, flags)
    sized = (_with_memory(gpu, said, memory_bytes, flags) for gpu in gpus)
    return tuple(_with_bandwidth(gpu, flags) for gpu in sized), tuple(dict.fromkeys(notes))


def changed_gpus(gpus: tuple[Gpu, ...], flags: MachineFlags, memory_bytes: int) -> tuple[Gpu, ...]:
    """A machine's own GPUs with what was said of them.

    Args:
        gpus: those that are there.
        flags: what was said, without a name.
        memory_bytes: the machine's memory, as it was said or is.

    Raises:
        PlanError: a count, memory or bandwidth is not to be understood, or not to be had of these.
    """
    shared = flags.memory and any(gpu.unified for gpu in gpus)
    if not (flags.gpu_memory or flags.gpu_count or shared or (flags.bandwidth and gpus)):
        return gpus
    count = _checked_count(flags.gpu_count or len(gpus) or 1, flags)
    if not gpus and not flags.gpu_memory:
        raise PlanError(
            f"{flags.words.gpu_count} {count}, and this machine has none: which?", hint="--gpu 'RTX 4090'"
        )
    chosen = gpus or (Gpu(0, "GPU", 0, 0),)
    # More GPUs than are there: more of the first kind.
    chosen = (chosen + chosen[:1] * count)[:count]
    said = parse_size(flags.gpu_memory, name=flags.words.gpu_memory) if flags.gpu_memory else 0
    _check_shared(chosen, said, memory_bytes, flags)
    changed: list[Gpu] = []
    for index, gpu in enumerate(chosen):
        resized = said or (flags.memory and gpu.unified)
        sized = _with_memory(gpu, said, memory_bytes, flags) if resized else gpu
        changed.append(replace(_with_bandwidth(sized, flags), index=index, source="described"))
    return tuple(changed)


def _names(flags: MachineFlags) -> list[str]:
    """Each GPU's name as often as there are such GPUs; none where it was said that there is none."""
    if any(text.strip().lower() == NO_GPU for text in flags.gpus):
        _refuse_more_than_none(flags)
        return []
    names: list[str] = []
    for text in flags.gpus:
        counted = _COUNTED.fullmatch(text)
        count, name = (counted[1] or counted[3], counted[2] or counted[4]) if counted else ("1", text)
        if not 1 <= int(count) <= _MOST_GPUS:
            raise PlanError(
                f"{flags.words.gpus} {text!r}: a count from 1 to {_MOST_GPUS} is needed",
                hint="--gpu '8x H100', or --gpu none",
            )
        names += [name.strip()] * int(count)
    if flags.gpu_count:
        if len(names) != 1:
            raise PlanError(
                f"{flags.words.gpu_count} {flags.gpu_count} goes with one {flags.words.gpus}, "
                f"and {len(names)} were named",
                hint=f"--gpu '{flags.gpu_count}x RTX 4090'",
            )
        names *= _checked_count(flags.gpu_count, flags)
    if len(names) > _MOST_GPUS:
        raise PlanError(f"at most {_MOST_GPUS} GPUs can be planned for", hint="--gpu '8x H100'")
    return names


def _refuse_more_than_none(flags: MachineFlags) -> None:
    """Where no GPU is said to be there, nothing else can be said of one."""
    words = flags.words
    said = [(words.gpus, text) for text in flags.gpus if text.strip().lower() != NO_GPU]
    said += [(words.gpu_memory, flags.gpu_memory)] if flags.gpu_memory else []
    said += [(words.gpu_count, str(flags.gpu_count))] if flags.gpu_count else []
    for word, value in said:
        raise PlanError(
            f"{words.gpus} {NO_GPU} and {word} {value!r} contradict each other", hint=f"leave out {word}"
        )


def _find(name: str, said_bytes: int) -> GpuFacts | PlanError:
    """What is known of the card, or why nothing is; memory that is said decides between cards of one name.

    Raises:
        PlanError: nothing is known, and its memory was not said either, or it is no name at all.
    """
    try:
        return find_gpu(name)
    except PlanError as error:
        is_name = any(letter.isalnum() for letter in name) and name.isprintable()
        if not said_bytes or not is_name or len(name) > _LONGEST_NAME:
            raise
        unknown = error
    try:
        return find_gpu(name, total_bytes=said_bytes)
    except PlanError as error:
        unknown = error
    return unknown


def _known_gpu(facts: GpuFacts, index: int) -> Gpu:
    return Gpu(
        index=index,
        name=facts.name,
        total_bytes=facts.total_bytes,
        free_bytes=facts.idle_free_bytes,
        vendor=facts.vendor,
        bandwidth_bytes_per_s=facts.bandwidth_bytes_per_s,
        fp16_flops=facts.fp16_flops,
        compute_capability=facts.compute_capability,
        unified=facts.unified,
        source="described",
    )


def _unknown_gpu(name: str, index: int, said_bytes: int) -> Gpu:
    vendor = likely_vendor(name)
    return Gpu(
        index, name, said_bytes, said_bytes, vendor=vendor, unified=vendor == "apple", source="described"
    )


def _with_memory(gpu: Gpu, said_bytes: int, memory_bytes: int, flags: MachineFlags) -> Gpu:
    """The GPU with the memory that was said, which counts as free, whole; or with its share of the machine's.

    Raises:
        PlanError: it shares the machine's memory, which comes in many sizes and was not said.
    """
    if said_bytes:
        return replace(gpu, total_bytes=said_bytes, free_bytes=said_bytes)
    if not gpu.unified:
        return gpu
    if gpu.vendor != "apple":  # GB10 comes in one size
        total = memory_bytes or gpu.total_bytes
        return replace(gpu, total_bytes=total, free_bytes=int(total * AVAILABLE_SHARE))
    if not memory_bytes:
        raise PlanError(
            f"{gpu.name} shares the system's memory, which comes in many sizes, and none was said: "
            f"{flags.words.memory} says it",
            hint=f"--gpu {gpu.name!r} --ram SIZE",
        )
    share = working_set_bytes(memory_bytes)
    return replace(gpu, total_bytes=share, free_bytes=min(share, int(memory_bytes * AVAILABLE_SHARE)))


def _with_bandwidth(gpu: Gpu, flags: MachineFlags) -> Gpu:
    if not flags.bandwidth:
        return gpu
    return replace(gpu, bandwidth_bytes_per_s=parse_bandwidth(flags.bandwidth, name=flags.words.bandwidth))


def _check_shared(gpus: Sequence[Gpu], said_bytes: int, memory_bytes: int, flags: MachineFlags) -> None:
    """A GPU that shares its machine's memory is the only such one there, and has no more than all of it."""
    shared = [gpu for gpu in gpus if gpu.unified]
    if not shared:
        return
    name, words = shared[0].name, flags.words
    if len(shared) > 1:
        raise PlanError(
            f"a GPU that shares its machine's memory, as {name} does, is the only one in it, "
            f"and {len(shared)} were named",
            hint=f"--gpu {name!r}",
        )
    if memory_bytes and said_bytes > memory_bytes:
        whose = f"{words.memory} {flags.memory}" if flags.memory else "the machine's memory"
        raise PlanError(
            f"{words.gpu_memory} {flags.gpu_memory} is more than {whose}, and {name} has none of its own",
            hint=f"leave out {words.gpu_memory}",
        )


def _checked_count(count: int, flags: MachineFlags) -> int:
    if not 1 <= count <= _MOST_GPUS:
        raise PlanError(f"{flags.words.gpu_count} {count} is not between 1 and {_MOST_GPUS}", hint="--gpus 2")
    return count

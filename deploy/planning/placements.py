"""Where a model's parts go: whole on one GPU, split over several, partly on the CPU, or all on the CPU.

Pure search over an estimate that a caller passes in. It does not know how memory is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.memory_model.limits import fits
from deploy.serving import CPU, Placement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deploy.spec import MemoryEstimate

    Estimate = Callable[[Placement], MemoryEstimate]

# vLLM splits attention heads evenly over the ranks; these are the sizes of real machines.
_TENSOR_PARALLEL_SIZES = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement and what it takes.

    Attributes:
        fits: the expected sum of each device is within its budget.
    """

    placement: Placement
    memory: MemoryEstimate
    fits: bool


def place_on_cpu(estimate: Estimate, budgets: Mapping[str, int]) -> Placed:
    """All of it on the CPU."""
    memory = estimate(Placement())
    return Placed(Placement(), memory, fits(memory, budgets))


def place_layers(estimate: Estimate, layer_count: int, budgets: Mapping[str, int]) -> Placed:
    """As llama.cpp can: whole on the roomiest GPU, else over all, else as many layers as they hold, or none.

    Args:
        estimate: what a placement takes.
        layer_count: decoder layers; the output projection counts as one more.
        budgets: by device; GPUs are those that are named ``gpu:N``.

    Returns:
        The first of those that fits. Where none does, the one of all layers on the GPUs, which shows what is
        missing.
    """
    gpus = gpu_budgets(budgets)
    if not gpus:
        return place_on_cpu(estimate, budgets)
    roomiest = max(gpus, key=lambda index: (gpus[index], -index))
    everything = layer_count + 1
    whole = _placed(estimate, (roomiest,), (everything,), budgets)
    if whole.fits:
        return whole
    if len(gpus) > 1:
        whole = _spread(estimate, everything, gpus, budgets)
        if whole.fits:
            return whole
    partial = _partial(estimate, layer_count, gpus, budgets)
    if partial is not None:
        return partial
    without = place_on_cpu(estimate, budgets)
    return without if without.fits else whole


def place_ranks(
    estimate: Estimate, *, layer_count: int, budgets: Mapping[str, int], splits: Callable[[int], bool]
) -> Placed:
    """As vLLM can: the smallest tensor parallel size that fits, then pipeline stages of it.

    Args:
        estimate: what a placement takes.
        layer_count: decoder layers.
        budgets: by device; at least one GPU.
        splits: whether the model can be split over so many ranks.

    Returns:
        The first that fits; where none does, the one on most GPUs.
    """
    last: Placed | None = None
    for placement in _ranks(gpu_budgets(budgets), splits, layer_count):
        memory = estimate(placement)
        last = Placed(placement, memory, fits(memory, budgets))
        if last.fits:
            return last
    if last is None:
        raise ValueError("vLLM is placed on GPUs, and no budget names one")
    return last


def gpu_budgets(budgets: Mapping[str, int]) -> dict[int, int]:
    """The GPUs' budgets by index, in order."""
    found = {int(name.removeprefix("gpu:")): budget for name, budget in budgets.items() if name != CPU}
    return dict(sorted(found.items()))


def split_layers(layers: int, room_bytes: tuple[int, ...]) -> tuple[int, ...]:
    """Layers over GPUs in proportion to their room, as llama.cpp splits them; largest remainders first.

    Example:
        >>> split_layers(29, (24, 12))
        (19, 10)
    """
    total = sum(room_bytes)
    if total <= 0:
        return (layers, *(0 for _ in room_bytes[1:]))
    exact = [layers * room / total for room in room_bytes]
    whole = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: (whole[place] - exact[place], place))
    for place in by_remainder[: layers - sum(whole)]:
        whole[place] += 1
    return tuple(whole)


def _placed(
    estimate: Estimate, gpus: tuple[int, ...], layers: tuple[int, ...], budgets: Mapping[str, int]
) -> Placed:
    used = [(gpu, count) for gpu, count in zip(gpus, layers, strict=True) if count]
    placement = Placement(gpus=tuple(gpu for gpu, _ in used), gpu_layers=tuple(count for _, count in used))
    memory = estimate(placement)
    return Placed(placement, memory, fits(memory, budgets))


def _spread(estimate: Estimate, layers: int, gpus: dict[int, int], budgets: Mapping[str, int]) -> Placed:
    """Layers over all GPUs: in proportion to their room, or greedily where that does not fit."""
    placed = _placed(estimate, tuple(gpus), split_layers(layers, tuple(gpus.values())), budgets)
    return placed if placed.fits or len(gpus) == 1 else _filled(estimate, layers, gpus, budgets) or placed


def _filled(
    estimate: Estimate, layers: int, gpus: dict[int, int], budgets: Mapping[str, int]
) -> Placed | None:
    """Each GPU in turn takes as many layers as it holds; None where some are left over."""
    indices = tuple(gpus)
    counts = [0] * len(indices)
    for place, index in enumerate(indices):
        fewest, most = 0, layers - sum(counts)
        while fewest < most:
            count = (fewest + most + 1) // 2
            tried = [*counts[:place], count, *([0] * (len(indices) - place - 1))]
            memory = _placed(estimate, indices, tuple(tried), budgets).memory
            if memory.on(f"gpu:{index}").expected_bytes <= gpus[index]:
                fewest = count
            else:
                most = count - 1
        counts[place] = fewest
    if sum(counts) < layers:
        return None
    return _placed(estimate, indices, tuple(counts), budgets)


def _partial(
    estimate: Estimate, layer_count: int, gpus: dict[int, int], budgets: Mapping[str, int]
) -> Placed | None:
    """The most layers that the GPUs hold, found by bisection, if the CPU holds the rest."""
    if CPU not in budgets:
        return None
    on_gpus = {name: budget for name, budget in budgets.items() if name != CPU}
    best: Placed | None = None
    fewest, most = 1, layer_count
    while fewest <= most:
        count = (fewest + most) // 2
        tried = _spread(estimate, count, gpus, on_gpus)
        if all(tried.memory.on(device).expected_bytes <= room for device, room in on_gpus.items()):
            best, fewest = tried, count + 1
        else:
            most = count - 1
    if best is None or not fits(best.memory, budgets):
        return None
    return replace(best, fits=True)


def _ranks(gpus: dict[int, int], splits: Callable[[int], bool], layer_count: int) -> Iterator[Placement]:
    roomiest = sorted(gpus, key=lambda index: (-gpus[index], index))
    sizes = [size for size in _TENSOR_PARALLEL_SIZES if size <= len(roomiest) and (size == 1 or splits(size))]
    for size in sizes:
        yield Placement(gpus=tuple(sorted(roomiest[:size])), tensor_parallel=size)
    stages = len(roomiest) // sizes[-1]
    if 1 < stages <= layer_count:
        count = stages * sizes[-1]
        yield Placement(
            gpus=tuple(sorted(roomiest[:count])), tensor_parallel=sizes[-1], pipeline_parallel=stages
        )

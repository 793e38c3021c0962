"""The largest workload that fits: how long a context, how many sequences, given the memory of each device.

Engine-independent: it searches over any estimate that only grows with the workload. It does not know why an
estimate grows, and it picks no placement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.spec import MemoryEstimate, Workload

# llama.cpp rounds contexts up to a multiple of this (src/llama-context.cpp); it is a whole number of vLLM's
# blocks.
CONTEXT_STEP_TOKENS = 256

# No model holds more; it only ends the search.
_MOST_CONTEXT_TOKENS = 16 * 1024 * 1024
_MOST_SEQUENCES = 4096

Bound = Literal["low", "expected", "high"]


def fits(estimate: MemoryEstimate, budgets: Mapping[str, int], *, bound: Bound = "expected") -> bool:
    """Whether every device has room for its terms; a device without a budget has none.

    Args:
        estimate: terms that name their device.
        budgets: bytes that may be used, by device.
        bound: which end of the interval counts.
    """
    return not short_devices(estimate, budgets, bound=bound)


def short_devices(
    estimate: MemoryEstimate, budgets: Mapping[str, int], *, bound: Bound = "expected"
) -> dict[str, int]:
    """By how many bytes each device that is too small is short."""
    needed: dict[str, int] = {}
    for term in estimate.terms:
        size = {"low": term.low_bytes, "expected": term.expected_bytes, "high": term.high_bytes}[bound]
        needed[term.device] = needed.get(term.device, 0) + size
    return {
        device: size - budgets.get(device, 0)
        for device, size in needed.items()
        if size > budgets.get(device, 0)
    }


def largest_context(
    estimate: Callable[[Workload], MemoryEstimate],
    budgets: Mapping[str, int],
    workload: Workload,
    *,
    most_tokens: int = 0,
    bound: Bound = "expected",
) -> int:
    """The longest context that fits with the workload's sequences, a multiple of 256; 0 where none does.

    Args:
        estimate: memory of a workload; it must not shrink as the context grows.
        budgets: bytes that may be used, by device.
        workload: whose other fields are kept.
        most_tokens: what the model was trained for; 0 where nothing limits it.
        bound: which end of the estimate's interval must fit.
    """
    most = most_tokens or _MOST_CONTEXT_TOKENS

    def fitting(steps: int) -> bool:
        asked = replace(workload, context_tokens=steps * CONTEXT_STEP_TOKENS)
        return fits(estimate(asked), budgets, bound=bound)

    return _largest(fitting, most // CONTEXT_STEP_TOKENS) * CONTEXT_STEP_TOKENS


def most_sequences(
    estimate: Callable[[Workload], MemoryEstimate],
    budgets: Mapping[str, int],
    workload: Workload,
    *,
    most: int = _MOST_SEQUENCES,
    bound: Bound = "expected",
) -> int:
    """The most sequences of the workload's context that fit at once; 0 where not even one does."""

    def fitting(sequences: int) -> bool:
        return fits(estimate(replace(workload, concurrent_sequences=sequences)), budgets, bound=bound)

    return _largest(fitting, most)


def _largest(fitting: Callable[[int], bool], most: int) -> int:
    """The largest number up to ``most`` that fits, by doubling and then halving; 0 where 1 does not fit."""
    if most < 1 or not fitting(1):
        return 0
    good, bad = 1, most + 1
    while good * 2 < bad:
        if not fitting(good * 2):
            bad = good * 2
            break
        good *= 2
    while bad - good > 1:
        middle = (good + bad) // 2
        if fitting(middle):
            good = middle
        else:
            bad = middle
    return good

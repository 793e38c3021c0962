"""A median with its quartiles, and how sure it is. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing.

    Attributes:
        low: the first quartile: a quarter of the values is below it.
        high: the third quartile.
        count: how many values there were.
    """

    median: float
    low: float
    high: float
    count: int


def spread(values: Iterable[float]) -> Spread | None:
    """The median and quartiles; None of no values.

    Example:
        >>> spread([4.0, 1.0, 3.0, 2.0])
        Spread(median=2.5, low=1.75, high=3.25, count=4)
    """
    ordered = sorted(values)
    if not ordered:
        return None
    low, median, high = (quantile(ordered, share) for share in (0.25, 0.5, 0.75))
    return Spread(median, low, high, len(ordered))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of the others lies, between neighbours by their distance.

    Definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50
    (1996); it is also NumPy's default.

    Example:
        >>> quantile([10, 20, 40], 0.75)
        30.0
    """
    place = share * (len(ordered) - 1)
    below = floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def median_interval(values: Iterable[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Between which of the values the median of all that could have been measured lies, this surely.

    A value falls below the median or above it as a coin falls, so that the k-th smallest and the k-th largest
    enclose it unless fewer than k fell on one side (the sign test): no shape of the distribution is assumed.
    None where too few values were measured to be as sure: 5 or fewer for 95 %.

    Example:
        >>> median_interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0, 7.0, 8.0, 9.0])
        (2.0, 8.0)
    """
    ordered = sorted(values)
    count = len(ordered)
    enclosing, missed = 0, 0.0  # missed: how probably fewer than k fell on one side or the other
    while enclosing < count // 2:
        missed += 2 * comb(count, enclosing) / 2**count
        if missed > 1 - confidence:
            break
        enclosing += 1
    return (ordered[enclosing - 1], ordered[count - enclosing]) if enclosing else None

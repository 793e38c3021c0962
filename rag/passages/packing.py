"""Pack units of text into passages of about equal size, cut where it hurts least. Pure and linear."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Unit:
    """A span of the stored text that is not cut further.

    Attributes:
        tokens: its own, without those that an embedder adds to every text.
        cut_cost: how bad a cut before it is, beside the squared deviation from the wished size; 0 is none.
        header: the table's head that its rows are read with; its tokens are counted in.
        alone: it shares its passage with nothing.
    """

    start: int
    end: int
    tokens: int
    cut_cost: float = 0.0
    header: str = ""
    alone: bool = False


def pack(
    units: Sequence[Unit], room: int, weigh: Callable[[Sequence[Unit]], int]
) -> Iterator[Sequence[Unit]]:
    """Groups of at most ``room`` tokens, in order; a larger unit, or one that is ``alone``, is its own group.

    Args:
        units: in order.
        room: the most tokens of a group.
        weigh: the tokens of several units together, which may be more than their sum: a tokenizer may count
            the line breaks between them. Called about once a group.
    """
    packer = _Packer(room, weigh)
    run: list[Unit] = []
    for unit in units:
        if unit.alone:
            yield from packer.balanced(run)
            yield [unit]
            run = []
        else:
            run.append(unit)
    yield from packer.balanced(run)


class _Packer:
    """Remembers how much more units weighed together than alone, so that few groups are tried twice."""

    def __init__(self, room: int, weigh: Callable[[Sequence[Unit]], int]) -> None:
        self._room = room
        self._weigh = weigh
        self._surplus = 1.0

    def balanced(self, units: Sequence[Unit]) -> Iterator[Sequence[Unit]]:
        """Groups of about the size that equal parts of what is left would have."""
        first = 0
        remaining = sum(unit.tokens for unit in units)
        while first < len(units):
            last = self._end(units, first, remaining)
            group = units[first:last]
            yield group
            remaining -= sum(unit.tokens for unit in group)
            first = last

    def _end(self, units: Sequence[Unit], first: int, remaining: int) -> int:
        """After the last unit of the group that begins with ``first``."""
        last = len(units) + 1
        while True:
            room = self._room / self._surplus
            if remaining <= room and last > len(units):
                last = len(units)
            else:
                target = remaining / max(1, math.ceil(remaining / room))
                last = min(last - 1, _best_end(units, first, room, target=target))
            if last <= first + 1:
                return first + 1
            tokens = self._weigh(units[first:last])
            if tokens <= self._room:
                return last
            total = sum(unit.tokens for unit in units[first:last])
            self._surplus = max(self._surplus, tokens / total)


def _best_end(units: Sequence[Unit], first: int, room: float, *, target: float) -> int:
    """Where a group that begins with ``first`` ends best; at least one unit later."""
    best, best_cost = first + 1, math.inf
    tokens = 0
    for last in range(first, len(units)):
        tokens += units[last].tokens
        if tokens > room and last > first:
            break
        cut_cost = units[last + 1].cut_cost if last + 1 < len(units) else 0.0
        cost = (tokens / target - 1.0) ** 2 + cut_cost
        if cost <= best_cost:
            best, best_cost = last + 1, cost
    return best

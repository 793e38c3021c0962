"""Count the tokens of spans, and cut a span that is too long where nothing better is left to cut at.

Clauses first, then words, then characters. Each span is counted once; the parts of one that is too long are
sized from its own count, so that a megabyte without a full stop takes few counts more than one with many.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

from rag.passages.packing import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CLAUSE_END = re.compile(r"[，、；：;:,—](?=\D)")
_GAP = re.compile(r"\s+")

_CLAUSE_COST = 0.25
_WORD_COST = 0.5
_CHARACTER_COST = 0.8

# Parts of what is too long, to a passage: many of words, which are packed evenly; few of mere characters.
_PARTS_A_PASSAGE = 16
_CHARACTER_PARTS_A_PASSAGE = 4
# Code points of the longest sign that a language has; families of emoji have up to ten.
_LONGEST_SIGN = 32
# Joins the characters around it into one sign (emoji).
_JOINER = "\u200d"


class TokenCounter:
    """Counts spans of one text in an embedder's tokens.

    Args:
        text: the stored text.
        count_tokens: the tokens an embedder makes of a text, those it adds itself included.
        budget_tokens: the most tokens that a passage may have by ``count_tokens``.

    Raises:
        ValueError: the budget does not hold one token beside those that the embedder adds.
    """

    def __init__(self, text: str, count_tokens: Callable[[str], int], budget_tokens: int) -> None:
        self.text = text
        self._count_tokens = count_tokens
        if budget_tokens <= count_tokens(""):
            raise ValueError(f"a budget of {budget_tokens} tokens leaves no room for text")
        # What every text costs beside its words. The empty text may cost one more: what an embedder puts
        # before a text can end in a token of its own that the first word otherwise takes over.
        one, two = count_tokens("a"), count_tokens("a a")
        self._added = max(0, min(count_tokens(""), 2 * one - two))
        self.room = budget_tokens - self._added
        self._last_counted = ("", 0)

    def tokens(self, start: int, end: int, *, header: str = "") -> int:
        """The tokens of a span without those that the embedder adds, read below ``header``."""
        span = self.text[start:end]
        return self.tokens_of(f"{header}\n{span}" if header else span)

    def together(self, units: Sequence[Unit]) -> int:
        """The tokens of neighbouring units and of what stands between them."""
        return self.tokens(units[0].start, units[-1].end, header=units[0].header)

    def tokens_of(self, text: str) -> int:
        """The tokens of any text without those that the embedder adds."""
        # A group that is packed and then made a passage is asked for twice in a row.
        if text != self._last_counted[0]:
            # What is counted as nothing would fill no passage, however much of it there is.
            self._last_counted = (text, max(1, self._count_tokens(text) - self._added))
        return self._last_counted[1]

    def units(self, start: int, end: int, cut_cost: float, *, room: int | None = None) -> Iterator[Unit]:
        """The span as one unit, or as several where it has more than ``room`` tokens."""
        room = room or self.room
        tokens = self.tokens(start, end)
        if tokens <= room or end - start == 1:
            yield Unit(start, end, tokens, cut_cost)
            return
        for number, (first, last, cost) in enumerate(self._parts(start, end, tokens / room)):
            yield from self.units(first, last, cost if number else cut_cost, room=room)

    def _parts(self, start: int, end: int, passages: float) -> Iterator[tuple[int, int, float]]:
        """Smaller spans of one that would fill so many passages."""
        least = int((end - start) / passages / _PARTS_A_PASSAGE)
        for pattern, cost in ((_CLAUSE_END, _CLAUSE_COST), (_GAP, _WORD_COST)):
            edges = [match.end() for match in pattern.finditer(self.text, start, end)]
            spans = self._spans(_spaced(edges, start, end, least))
            if len(spans) > 1:
                yield from ((first, last, cost) for first, last in spans)
                return
        step = max(1, min((end - start) // 2, int((end - start) / passages / _CHARACTER_PARTS_A_PASSAGE)))
        edges = [self._between_signs(edge, start) for edge in range(start + step, end, step)]
        spans = self._spans(_spaced(edges, start, end, 1))
        if len(spans) == 1:
            # One sign of many combining characters, far longer than any in a language.
            spans = self._spans([start, start + step, end])
        yield from ((first, last, _CHARACTER_COST) for first, last in spans)

    def _between_signs(self, edge: int, start: int) -> int:
        """The nearest offset from ``edge`` back that does not part a letter from its marks."""
        lowest = max(start, edge - _LONGEST_SIGN)
        while edge > lowest and (
            unicodedata.combining(self.text[edge])
            or self.text[edge] in "\ufe0e\ufe0f\u200d"
            or self.text[edge - 1] == _JOINER
        ):
            edge -= 1
        return edge

    def _spans(self, edges: Sequence[int]) -> list[tuple[int, int]]:
        """The spans between edges, without the space around them."""
        spans = []
        for first, last in pairwise(edges):
            part = self.text[first:last]
            if bare := part.strip():
                begin = first + len(part) - len(part.lstrip())
                spans.append((begin, begin + len(bare)))
        return spans


def _spaced(edges: Sequence[int], start: int, end: int, least: int) -> list[int]:
    """``start``, those edges that are at least so far from the one before, and ``end``."""
    spaced = [start]
    for edge in edges:
        if spaced[-1] + max(1, least) <= edge < end:
            spaced.append(edge)
    return [*spaced, end]

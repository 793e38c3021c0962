"""Cut a document's text into passages under a token budget, with exact offsets.

A passage is a run of whole sentences inside one section, so that it has one page and one heading, and
``text[cut.start:cut.end]`` is the passage, to the character. A sentence that is too long alone is cut at
clauses, then at whitespace, then between characters. Pure: it is given a way to count tokens, and it knows
no embedder, file or store.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from rag.passages.sentences import split_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.document import Section, SectionKind

# Raised when the same text would be cut differently: stored passages are then cut again by a rebuild.
CHUNKER_VERSION = 2

# Small enough for one topic and for six of them in a small model's prompt; with a title in front it stays
# far below the 512 tokens at which E5-class embedders stop reading.
PASSAGE_TOKENS = 200

_SECTION_SEPARATOR = "\n\n"

_CLAUSE_END = re.compile(r"[，、；：;:,—](?=\D)")
_GAP = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class PlacedSection:
    """Where a section lies in the stored text, in characters, with what its passages inherit."""

    start: int
    end: int
    page: int | None = None
    heading: tuple[str, ...] = ()
    kind: SectionKind = "prose"
    place: str = ""
    row: int | None = None
    header: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """One passage as a span of the stored text; each field but the span is that of `rag.document.Passage`."""

    start: int
    end: int
    page: int | None
    line: int
    heading: tuple[str, ...]
    place: str = ""
    row: int | None = None
    header: str = ""
    section: int = 0


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span that is never cut further, and its tokens without the embedder's own."""

    start: int
    end: int
    tokens: int


def join_sections(sections: Sequence[Section]) -> tuple[str, tuple[PlacedSection, ...]]:
    """The text to store, and where each section lies in it.

    Sections are joined by a blank line. One that ends its last line itself is followed at once by the next:
    it was cut out of a text whose line numbers are to stay.
    """
    placed: list[PlacedSection] = []
    parts: list[str] = []
    position = 0
    for section in sections:
        if parts and not parts[-1].endswith("\n"):
            parts.append(_SECTION_SEPARATOR)
            position += len(_SECTION_SEPARATOR)
        parts.append(section.text)
        end = position + len(section.text)
        placed.append(
            PlacedSection(
                position,
                end,
                page=section.page,
                heading=section.heading,
                kind=section.kind,
                place=section.place,
                row=section.row,
                header=section.header,
            )
        )
        position = end
    return "".join(parts), tuple(placed)


def cut_passages(
    text: str,
    sections: Sequence[PlacedSection],
    count_tokens: Callable[[str], int],
    *,
    budget_tokens: int = PASSAGE_TOKENS,
) -> tuple[Cut, ...]:
    """The passages of a document, in reading order, each of at most ``budget_tokens``.

    Args:
        text: the stored text.
        sections: where its sections lie; a passage never crosses from one into the next.
        count_tokens: the tokens an embedder makes of a text, those it adds itself included.
        budget_tokens: the most tokens that a passage may have by ``count_tokens``.

    Raises:
        ValueError: the budget does not hold one token beside those that the embedder adds.
    """
    room = budget_tokens - count_tokens("")
    if room < 1:
        raise ValueError(f"a budget of {budget_tokens} tokens leaves no room for text")
    cuts: list[Cut] = []
    line, counted_to = 1, 0
    for number, section in enumerate(sections):
        counter = _Counter(text, count_tokens, room)
        for start, end in counter.passages(section.start, section.end):
            line += text.count("\n", counted_to, start)
            counted_to = start
            cuts.append(
                Cut(
                    start,
                    end,
                    page=section.page,
                    line=line,
                    heading=section.heading,
                    place=section.place,
                    row=None if section.row is None else section.row + text.count("\n", section.start, start),
                    header=section.header,
                    section=number,
                )
            )
    return tuple(cuts)


@dataclass(frozen=True, slots=True)
class _Counter:
    """Cuts spans of one text; each sentence and each passage is counted once, so the work is linear."""

    text: str
    count_tokens: Callable[[str], int]
    room: int

    def passages(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        units = [
            unit
            for first, last in split_sentences(self.text[start:end])
            for unit in self._units(start + first, start + last)
        ]
        for group in _packed(units, self.room):
            yield from self._checked(group)

    def _tokens(self, start: int, end: int) -> int:
        # A first word may merge with what an embedder puts before every text and add no token of its own.
        # Counted as none, thousands of such words would each become a passage.
        return max(1, self.count_tokens(self.text[start:end]) - self.count_tokens(""))

    def _units(self, start: int, end: int) -> Iterator[_Unit]:
        tokens = self._tokens(start, end)
        if tokens <= self.room:
            yield _Unit(start, end, tokens)
            return
        for first, last in self._smaller(start, end):
            yield from self._units(first, last)

    def _smaller(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Parts of a span that is too long: clauses, else words, else halves."""
        clauses = [match.end() for match in _CLAUSE_END.finditer(self.text, start, end)]
        gaps = [match.start() for match in _GAP.finditer(self.text, start, end)]
        edges = clauses or gaps or [start + (end - start) // 2]
        for first, last in pairwise([start, *edges, end]):
            part = self.text[first:last]
            leading = len(part) - len(part.lstrip())
            if part.strip():
                yield first + leading, first + len(part.rstrip())

    def _checked(self, units: Sequence[_Unit]) -> Iterator[tuple[int, int]]:
        """The group as one span, or as two where its tokens together exceed the sum of its parts."""
        start, end = units[0].start, units[-1].end
        if len(units) == 1 or self._tokens(start, end) <= self.room:
            yield start, end
            return
        middle = len(units) // 2
        yield from self._checked(units[:middle])
        yield from self._checked(units[middle:])


def _packed(units: Sequence[_Unit], room: int) -> Iterator[list[_Unit]]:
    """Units in groups of at most ``room`` tokens and of about equal size, so that no scrap is left over."""
    total = sum(unit.tokens for unit in units)
    target = total / max(1, math.ceil(total / room))
    group: list[_Unit] = []
    tokens = 0
    for unit in units:
        if group and (tokens + unit.tokens > room or tokens >= target):
            yield group
            group, tokens = [], 0
        group.append(unit)
        tokens += unit.tokens
    if group:
        yield group

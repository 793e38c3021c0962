"""A stretch of a document around what was found: how it grows, and the passage that it makes.

Small passages are found well and read badly: "It costs 40 yuan" needs the sentence before it. A stretch grows
piece by piece (sentences, table rows, stretches of code) up to its own section's edges, never beyond, so that
it keeps one page, slide or sheet. Pure: it counts no tokens and reads no library.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.passages.joining import common_heading
from rag.passages.pieces import pieced_blocks
from rag.passages.table_rows import head_above

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.document import Hit, Passage
    from rag.passages.pieces import Piece
    from rag.passages.placed import PlacedSection


# What may lie between two stretches that touch: blank lines, never a page of them.
_LONGEST_GAP_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """A document's stored text, and where its sections lie in it."""

    text: str
    sections: tuple[PlacedSection, ...]

    def holds(self, passage: Passage) -> bool:
        """Whether the passage still stands where it says: the document may have been replaced meanwhile."""
        return self.text[passage.start : passage.end] == passage.text

    def touched(self, start: int, end: int) -> tuple[int, ...]:
        """Numbers of the sections that have a part of ``text[start:end]``."""
        return tuple(
            number
            for number, section in enumerate(self.sections)
            if section.start < end and start < section.end
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """``text[start:end]`` of one document, with the hits that lie in it, best first."""

    start: int
    end: int
    hits: tuple[Hit, ...]

    @property
    def document_id(self) -> str:
        """The document that it is a part of."""
        return self.hits[0].passage.document_id

    def holds(self, hit: Hit) -> bool:
        """Whether the hit is a part of it."""
        passage = hit.passage
        if passage.document_id != self.document_id:
            return False
        return self.start <= passage.start and passage.end <= self.end


def can_merge(source: Source, first: Stretch, second: Stretch) -> bool:
    """Whether two stretches of one document touch and one locator is true of both."""
    one, other = (stretch.hits[0].passage for stretch in (first, second))
    if (one.page, one.place) != (other.page, other.place):
        return False
    # Rows are counted from their own section's first.
    if (one.row is not None or other.row is not None) and one.section != other.section:
        return False
    early, late = sorted((first, second), key=lambda stretch: stretch.start)
    gap = late.start - early.end
    return gap <= 0 or (gap <= _LONGEST_GAP_CHARACTERS and not source.text[early.end : late.start].strip())


def merged(stretches: Sequence[Stretch], rank: dict[str, int]) -> Stretch:
    """The stretch that covers them all."""
    hits = {hit.passage.id: hit for stretch in stretches for hit in stretch.hits}
    return Stretch(
        min(stretch.start for stretch in stretches),
        max(stretch.end for stretch in stretches),
        tuple(sorted(hits.values(), key=lambda hit: rank[hit.passage.id])),
    )


def whole_sections(source: Source, stretch: Stretch) -> tuple[int, int]:
    """From the beginning of the first section that the stretch touches to the end of the last."""
    numbers = source.touched(stretch.start, stretch.end)
    if not numbers:
        return stretch.start, stretch.end
    start, end = source.sections[numbers[0]].start, source.sections[numbers[-1]].end
    text = source.text[start:end]
    return start + len(text) - len(text.lstrip("\n \t")), start + len(text.rstrip())


def growing(source: Source, stretch: Stretch, *, most_characters: int) -> list[tuple[int, int]]:
    """Spans from the stretch outwards, each one piece longer: after it, before it, and so on in turn.

    Args:
        source: the stretch's document.
        stretch: what to begin with.
        most_characters: how far to look on either side; a section may be a whole book.
    """
    starts, ends = _edges(source, stretch, most_characters)
    spans = []
    start, end = stretch.start, stretch.end
    for number in range(max(len(starts), len(ends))):
        if number < len(ends):
            end = ends[number]
            spans.append((start, end))
        if number < len(starts):
            start = starts[number]
            spans.append((start, end))
    return spans


def beginnings(source: Source, stretch: Stretch) -> list[tuple[int, int]]:
    """Spans from the stretch's beginning, each one piece longer, for when not all of it fits."""
    pieces = _pieces(source, stretch.start, stretch.end, stretch.hits[0].passage.section)
    return [(stretch.start, piece.end) for piece in pieces if piece.end < stretch.end]


def shown_text(header: str, text: str) -> str:
    """A passage as a model reads it: a table's rows below their head."""
    return f"{header}\n{text}" if header else text


def text_of(source: Source | None, stretch: Stretch) -> str:
    """What the stretch says; without its source, what its best hit does."""
    return stretch.hits[0].passage.text if source is None else source.text[stretch.start : stretch.end]


def header_of(source: Source | None, stretch: Stretch) -> str:
    """The head of the table in whose rows the stretch begins, where the stretch does not hold it itself."""
    best = stretch.hits[0].passage
    if source is None or (stretch.start, stretch.end) == (best.start, best.end):
        return best.header
    section = source.sections[source.touched(stretch.start, stretch.end)[0]]
    unmarked = section.kind == "prose"
    return section.header or head_above(source.text, section.start, stretch.start, unmarked=unmarked)


def as_passage(source: Source | None, stretch: Stretch) -> Passage:
    """The stretch as a passage with the id of its best one, and the place where it begins."""
    best = stretch.hits[0].passage
    if source is None or (stretch.start, stretch.end) == (best.start, best.end):
        return best
    first = min((hit.passage for hit in stretch.hits), key=lambda passage: passage.start)
    numbers = source.touched(stretch.start, stretch.end)
    section = source.sections[numbers[0]]
    row = section.row
    return dataclasses.replace(
        best,
        text=text_of(source, stretch),
        start=stretch.start,
        end=stretch.end,
        line=source.text.count("\n", 0, stretch.start) + 1,
        heading=common_heading([hit.passage.heading for hit in stretch.hits]),
        row=None if row is None else row + source.text.count("\n", section.start, stretch.start),
        header=header_of(source, stretch),
        section=first.section,
    )


def _edges(source: Source, stretch: Stretch, most_characters: int) -> tuple[list[int], list[int]]:
    """Where pieces before the stretch begin, nearest first, and where those after it end."""
    lowest, highest = whole_sections(source, stretch)
    start, end = max(lowest, stretch.start - most_characters), min(highest, stretch.end + most_characters)
    numbers = source.touched(stretch.start, stretch.end)
    pieces = [
        piece
        for number in numbers
        for piece in _pieces(
            source,
            max(start, source.sections[number].start),
            min(end, source.sections[number].end),
            number,
        )
    ]
    # What the window cuts off in the middle is no piece.
    if start > lowest:
        pieces = pieces[1:]
    if end < highest:
        pieces = pieces[:-1]
    starts = [piece.start for piece in reversed(pieces) if piece.start < stretch.start]
    ends = [piece.end for piece in pieces if piece.end > stretch.end]
    return starts, ends


def _pieces(source: Source, start: int, end: int, number: int) -> list[Piece]:
    kind = source.sections[number].kind
    return [piece for block in pieced_blocks(source.text, start, end, kind=kind) for piece in block.pieces]

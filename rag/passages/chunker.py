"""Cut a document's text into passages under a token budget, with exact offsets.

Structure first: a passage stays inside one section, or holds several small ones that share a place and a
parent heading, so that it has one page and one heading path. Then blocks: a table and a code block stay whole
where they fit. Then sentences. ``text[cut.start:cut.end]`` is the passage, to the character. Pure: it is
given a way to count tokens, and it knows no embedder, file or store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.passages.counting import TokenCounter
from rag.passages.joining import Weighed, common_heading, join_small, speaking_headings
from rag.passages.packing import pack
from rag.passages.placed import Cut, PlacedSection
from rag.passages.units import section_units

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.document import Section
    from rag.passages.packing import Unit

# Raised when the same text would be cut differently: stored passages are then cut again by a rebuild.
CHUNKER_VERSION = 3

# Small enough for one topic and for six of them in a small model's prompt; with a title in front it stays
# far below the 512 tokens at which E5-class embedders stop reading.
PASSAGE_TOKENS = 200

_SECTION_SEPARATOR = "\n\n"


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

    A passage's tokens are those of its text below its header. Between passages lies only whitespace.

    Args:
        text: the stored text.
        sections: where its sections lie; only small ones that share a place and a parent are joined.
        count_tokens: the tokens an embedder makes of a text, those it adds itself included.
        budget_tokens: the most tokens that a passage may have by ``count_tokens``.

    Raises:
        ValueError: the budget does not hold one token beside those that the embedder adds.
    """
    counter = TokenCounter(text, count_tokens, budget_tokens)
    weighed = [_weighed(counter, section) for section in sections]
    cuts: list[Cut] = []
    lines = _Lines(text)
    for group in join_small(weighed, counter.room):
        members = [(number, weighed[number]) for number in group]
        units = [unit for _, member in members for unit in member.units]
        first_line = lines.at(sections[group[0]].start)
        cuts.extend(
            _cut(packed, members, line=lines.at(packed[0].start), first_line=first_line)
            for packed in pack(units, counter.room, counter.together)
        )
    return tuple(cuts)


class _Lines:
    """Numbers of lines, from 1, at offsets that never go back."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line, self._counted_to = 1, 0

    def at(self, offset: int) -> int:
        self._line += self._text.count("\n", self._counted_to, offset)
        self._counted_to = offset
        return self._line


def _weighed(counter: TokenCounter, section: PlacedSection) -> Weighed:
    title = section.heading[-1] if section.heading else ""
    units, scrap = section_units(
        counter, section.start, section.end, kind=section.kind, title=title, header=section.header
    )
    return Weighed(section, units, scrap)


def _cut(units: Sequence[Unit], group: Sequence[tuple[int, Weighed]], *, line: int, first_line: int) -> Cut:
    """The passage with what it inherits from the sections that it touches."""
    start, end = units[0].start, units[-1].end
    touched = [
        (number, weighed)
        for number, weighed in group
        if weighed.section.start < end and start < weighed.section.end
    ]
    # A heading without text is the passage's first line; what the passage is about stands below it.
    speaking = [(number, weighed) for number, weighed in touched if not weighed.scrap] or touched
    number, first = speaking[0]
    section = first.section
    return Cut(
        start,
        end,
        page=section.page,
        line=line,
        heading=common_heading(speaking_headings([weighed for _, weighed in touched])),
        place=section.place,
        row=None if section.row is None else section.row + line - first_line,
        header=units[0].header,
        section=number,
    )

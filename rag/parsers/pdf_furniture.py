"""Running heads, running feet and page numbers: what a page carries because it is a page, and no text.

A line counts as running where lines at the same height of other pages say the same, numbers aside.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rag.parsers.pdf_words import PageText, Word

# A page's number alone on its line, in the forms that printers use: 3, - 3 -, 3 / 10, Page 3, 第 3 页.
_PAGE_NUMBER = re.compile(
    r"\s*(page\s+|第\s*)?[-–—]?\s*\d{1,4}(\s*(/|of)\s*\d{1,4})?\s*[-–—]?\s*(页\s*)?", re.IGNORECASE
)

# Heads and feet are among this many lines at either end of a page, and within this share of its height.
_LINES = 3
_MARGIN_SHARE = 0.14

# Running lines stand at the same height, give or take this. Points.
_LEVEL = 6.0

# A line is running where it is seen on this many pages and on this share of them: left and right pages have
# heads of their own, and a chapter's end with it.
_LEAST_PAGES = 2
_LEAST_SHARE = 0.3


class _Place(NamedTuple):
    text: str
    level: int


def without_furniture(pages: Sequence[PageText]) -> list[list[Word]]:
    """Each page's words without what runs along; meant for some dozens of neighbouring pages at a time."""
    margins = [_margin_lines(page) for page in pages]
    seen = Counter(place for head, foot in margins for place in {_place(line) for line in (*head, *foot)})
    least = max(_LEAST_PAGES, _LEAST_SHARE * len(pages))
    result = []
    for page, lines in zip(pages, margins, strict=True):
        running = [*_outer(lines[0], seen, least), *_outer(lines[1], seen, least)]
        gone = {id(word) for line in running for word in line}
        rest = [word for word in page.words if id(word) not in gone]
        result.append(_without_number(rest))
    return result


def _outer(lines: Iterable[list[Word]], seen: Counter[_Place], least: float) -> Iterable[list[Word]]:
    """The lines from the page's edge inwards as long as they are running ones: below them the text begins."""

    def is_running(line: Sequence[Word]) -> bool:
        text, level = _place(line)
        return sum(seen[_Place(text, near)] for near in (level - 1, level, level + 1)) >= least

    return takewhile(is_running, lines)


def _margin_lines(page: PageText) -> tuple[list[list[Word]], list[list[Word]]]:
    """The first lines of a page and the last ones, each from the edge inwards."""
    lines = _lines(page.words)
    top, bottom = _MARGIN_SHARE * page.height_points, (1 - _MARGIN_SHARE) * page.height_points
    head = [line for line in lines[:_LINES] if line[0].box.bottom <= top]
    foot = [line for line in reversed(lines[-_LINES:]) if line[0].box.top >= bottom]
    return head, foot


def _lines(words: Iterable[Word]) -> list[list[Word]]:
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.box.middle):
        if lines and lines[-1][0].box.beside(word.box):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word.box.x0) for line in lines]


def _place(line: Sequence[Word]) -> _Place:
    text = re.sub(r"\d+|\b[ivxlc]+\b", "#", " ".join(word.text for word in line).lower())
    return _Place(text, round(line[0].box.middle / _LEVEL))


def _without_number(words: list[Word]) -> list[Word]:
    """The words without the last or else the first line, where that is a page's number.

    One line at the most: what stands above it may be the last column of a table.
    """
    lines = _lines(words)
    for line in (lines[-1:], lines[:1]):
        if line and _PAGE_NUMBER.fullmatch(" ".join(word.text for word in line[0])):
            gone = {id(word) for word in line[0]}
            return [word for word in words if id(word) not in gone]
    return words

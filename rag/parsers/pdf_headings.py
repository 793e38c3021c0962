"""Where a PDF's bookmarks fall among a page's lines: the page is cut there; each piece gets its headings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.parsers.pdf_layout import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rag.parsers.pdf_code import Code
    from rag.parsers.pdf_file import Bookmark
    from rag.parsers.pdf_layout import Table

    Strip = list[Line | Table | Code]
    _Placed = tuple[int, Line | Table | Code]

_NO_LETTER = re.compile(r"[\W_]+")

# A heading that is wrapped is known by its first line, if that has this many letters.
_FIRST_LETTERS = 8


class Headings:
    """The headings above the place reached so far; pages are given to it in order."""

    def __init__(self, bookmarks: Iterable[Bookmark]) -> None:
        self._by_page: dict[int, list[Bookmark]] = {}
        for bookmark in bookmarks:
            self._by_page.setdefault(bookmark.page, []).append(bookmark)
        self._path: list[tuple[int, str]] = []

    def cut(
        self, page: int, strips: Sequence[Strip], height_points: float | None
    ) -> Iterator[tuple[tuple[str, ...], list[Strip]]]:
        """The page's strips in pieces, each with the headings above it.

        Args:
            page: from 0.
            strips: in reading order.
            height_points: the page's, to turn bookmarks' heights round; None where the text was turned.
        """
        flat = [(index, item) for index, strip in enumerate(strips) for item in strip]
        start = 0
        for bookmark in self._by_page.get(page, ()):
            place = _place(bookmark, flat, start, height_points)
            if place > start:
                yield self._names(), _strips(flat[start:place], self._last())
                start = place
            self._path = [step for step in self._path if step[0] < bookmark.level]
            self._path.append((bookmark.level, bookmark.title))
        if start < len(flat):
            yield self._names(), _strips(flat[start:], self._last())

    def _last(self) -> str:
        return self._path[-1][1] if self._path else ""

    def _names(self) -> tuple[str, ...]:
        return tuple(title for _, title in self._path)


def _strips(flat: Sequence[_Placed], heading: str) -> list[Strip]:
    """The strips again; a first line that is the heading stands alone."""
    strips: dict[int, Strip] = {}
    first = flat[0][1]
    alone = isinstance(first, Line) and bool(heading) and _letters(first.text) == _letters(heading)
    for index, item in flat[alone:]:
        strips.setdefault(index, []).append(item)
    return [*([[first]] if alone else []), *strips.values()]


def _place(bookmark: Bookmark, flat: Sequence[_Placed], start: int, height_points: float | None) -> int:
    """The line that says what the bookmark says, or else the first below its height."""
    title = _letters(bookmark.title)
    for index in range(start, len(flat)):
        item = flat[index][1]
        letters = _letters(item.text) if isinstance(item, Line) else ""
        if letters and (letters == title or (len(letters) >= _FIRST_LETTERS and title.startswith(letters))):
            return index
    if bookmark.height_points is None or height_points is None:
        return start
    top = height_points - bookmark.height_points
    below = (index for index in range(start, len(flat)) if flat[index][1].box.middle >= top)
    return next(below, len(flat))


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).lower()

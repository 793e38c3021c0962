"""The headings above a place in a document, kept while it is read from the top, and sections cut by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.document import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Outline:
    """Headings, outermost first, as they stand above the place that was read last.

    Example:
        >>> outline = Outline()
        >>> outline.enter(1, "Memory")
        >>> outline.enter(3, "Cache")
        >>> outline.enter(2, "Weights")
        >>> outline.headings
        ('Memory', 'Weights')
    """

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []

    @property
    def headings(self) -> tuple[str, ...]:
        """Those that are above; one without words is none."""
        return tuple(heading for _, heading in self._path if heading)

    def enter(self, level: int, heading: str) -> None:
        """Pass a heading: those of its level and below it end."""
        self._path = [(depth, name) for depth, name in self._path if depth < level] + [(level, heading)]


def sections_by_heading(
    blocks: Iterable[tuple[int | None, str]], outline: Outline, place: str = ""
) -> Iterator[Section]:
    """Blocks of text, each with its level if it is a heading, as sections: a heading and what is below it."""
    gathered: list[str] = []
    for level, text in blocks:
        if level is not None:
            if gathered:
                yield Section("\n\n".join(gathered), heading=outline.headings, place=place)
            gathered = []
            outline.enter(level, text.lstrip("# "))
        gathered.append(text)
    if gathered:
        yield Section("\n\n".join(gathered), heading=outline.headings, place=place)

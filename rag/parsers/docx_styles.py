"""What Word's paragraph styles say: which are headings of what level, and which number their paragraphs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.parsers.office_package import attribute, child, local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

# Word's built-in names in English and Chinese; "Title" stands above every heading.
_HEADING = re.compile(r"(?:heading|标题)\s*(\d)", re.IGNORECASE)
_TITLES = frozenset({"title", "标题"})

# An outline level of 9 is body text.
_BODY_LEVEL = 9

# Styles build on styles; a chain longer than this is a circle.
_LONGEST_CHAIN = 20


@dataclass(frozen=True, slots=True)
class ParagraphStyle:
    """What a paragraph is, from its own properties and its style's.

    Attributes:
        heading_level: 0 for a title, 1 to 9 for headings, None for text.
        number_id: of the list that it belongs to, or empty.
        number_level: its level in that list, from 0.
    """

    heading_level: int | None
    number_id: str
    number_level: int


class Styles:
    """The styles of one document.

    Args:
        root: of ``word/styles.xml``, or None where there is none.
    """

    def __init__(self, root: _Element | None) -> None:
        self._styles = {
            attribute(element, "styleId") or "": element
            for element in (root if root is not None else ())
            if local_name(element) == "style"
        }

    def of(self, paragraph: _Element) -> ParagraphStyle:
        """What a ``w:p`` is."""
        properties = child(paragraph, "pPr")
        chain = [properties, *self._chain(attribute(child(properties, "pStyle"), "val") or "")]
        number = next((found for part in chain if (found := child(part, "numPr")) is not None), None)
        level = attribute(child(number, "ilvl"), "val")
        number_id = attribute(child(number, "numId"), "val") or ""
        if number is not None and not number_id:  # the style tells the level, the one it builds on the list
            ids = (attribute(child(part, "numPr", "numId"), "val") for part in chain)
            number_id = next((named for named in ids if named), "")
        return ParagraphStyle(
            heading_level=self._heading_level(properties),
            number_id="" if number_id == "0" else number_id,
            number_level=int(level) if level and level.isdigit() else 0,
        )

    def _heading_level(self, properties: _Element | None) -> int | None:
        style_id = attribute(child(properties, "pStyle"), "val") or ""
        for style in self._elements(style_id):
            name = attribute(child(style, "name"), "val") or ""
            match = _HEADING.fullmatch(name)
            if match:
                return int(match.group(1))
            if name.lower() in _TITLES:
                return 0
        if style_id not in self._styles and (match := _HEADING.fullmatch(style_id)):
            return int(match.group(1))
        levels = [properties, *self._chain(style_id)]
        outline = next(
            (found for part in levels if (found := attribute(child(part, "outlineLvl"), "val"))), ""
        )
        return int(outline) + 1 if outline.isdigit() and int(outline) < _BODY_LEVEL else None

    def _chain(self, style_id: str) -> list[_Element | None]:
        return [child(style, "pPr") for style in self._elements(style_id)]

    def _elements(self, style_id: str) -> list[_Element]:
        chain: list[_Element] = []
        while style_id in self._styles and len(chain) < _LONGEST_CHAIN:
            chain.append(self._styles[style_id])
            style_id = attribute(child(chain[-1], "basedOn"), "val") or ""
        return chain

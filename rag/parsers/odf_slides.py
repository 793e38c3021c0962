"""OpenDocument's slides: a section a slide with its title as heading, and one for its notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.document import Section
from rag.parsers.office_package import attribute, descendants, local_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from rag.parsers.odf_text import Body

# Lengths come as 2.5cm, 12pt, 1in; in points.
_LENGTH = re.compile(r"(-?[\d.]+)(cm|mm|in|pt|pc|px)?")
_POINTS = {"cm": 28.35, "mm": 2.835, "in": 72.0, "pt": 1.0, "pc": 12.0, "px": 0.75}

# Shapes whose tops differ by less stand beside each other. Points.
_BESIDE = 18.0

_FURNITURE = frozenset({"header", "footer", "date-time", "page-number"})


def slide_sections(presentation: _Element, reader: Body) -> Iterator[Section]:
    """The slides of an ``office:presentation``, or the pages of a drawing."""
    pages = [element for element in presentation if local_name(element) == "page"]
    for number, page in enumerate(pages, start=1):
        title, texts = "", list[str]()
        for shape in _ordered(page):
            text = "\n\n".join(text for _, text in reader.blocks([shape]))  # type: ignore[arg-type]
            if attribute(shape, "class") == "title" and text and not title:
                title = " ".join(text.split())
            elif text:
                texts.append(text)
        heading = (title,) if title else ()
        if title or texts:
            written = "\n\n".join([*heading, *texts])
            yield Section(written, heading=heading, place=f"slide {number}")
        for notes in (element for element in page if local_name(element) == "notes"):
            boxes = [box for box in descendants(notes, "frame") if attribute(box, "class") == "notes"]
            said = "\n\n".join(text for box in boxes for _, text in reader.blocks(box))
            if said:
                yield Section(said, heading=heading, place=f"slide {number}, notes")


def _ordered(page: _Element) -> list[_Element]:
    """The shapes from top to bottom, those at about one height from left to right."""
    shapes = [
        element
        for element in page
        if local_name(element) in {"frame", "custom-shape", "g", "rect", "ellipse", "line", "connector"}
        and attribute(element, "class") not in _FURNITURE
    ]
    return sorted(shapes, key=lambda shape: (round(_points(shape, "y") / _BESIDE), _points(shape, "x")))


def _points(shape: _Element, name: str) -> float:
    match = _LENGTH.match(attribute(shape, name) or "")
    return float(match.group(1)) * _POINTS.get(match.group(2) or "pt", 1.0) if match else 0.0

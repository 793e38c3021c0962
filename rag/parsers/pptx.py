"""PPTX: a section a slide with its title as heading; text, tables, charts' figures, diagrams, notes.

Shapes are read from top to bottom, those at one height from left to right. Pictures are counted and their
descriptions kept; masters and layouts are left out, and hidden slides are read and noted.
"""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.office_package import DAMAGE, Package, damaged, descendants
from rag.parsers.pptx_slide import Slide

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

_NO_TITLES = frozenset({"powerpoint presentation", "powerpoint 演示文稿", "presentation"})
_MAIN = "ppt/presentation.xml"


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The slides in the order of the presentation; a slide's notes follow it.

    Raises:
        ParseError: the file is damaged, or unpacks to more than 512 MiB.
    """
    from lxml.etree import LxmlError

    try:
        package = Package(content, path)
        slides = [Slide(package, name) for name in _slide_names(package)]
        sections = tuple(chain.from_iterable(map(_sections, slides, count(1))))
        title, metadata = package.metadata("docProps/core.xml")
    except (LxmlError, *DAMAGE) as error:
        raise damaged(path, error) from error
    heading = next((slide.title for slide in slides if slide.title), "")
    return ParsedDocument(
        title=_named(title) or heading or path.stem,
        format="pptx",
        sections=sections,
        metadata=metadata,
        notes=tuple(_notes(slides)),
    )


def _slide_names(package: Package) -> Iterator[str]:
    relations = package.related(_MAIN)
    for entry in descendants(package.xml(_MAIN), "sldId"):
        # The entry has an id of its own beside the relation's: only that one has a namespace.
        ids = [str(value) for key, value in entry.attrib.items() if str(key).endswith("}id")]
        kind, name = relations.get(ids[0] if ids else "", ("", ""))
        if kind == "slide" and name in package.names:
            yield name


def _sections(slide: Slide, number: int) -> Iterator[Section]:
    heading = (slide.title,) if slide.title else ()
    if slide.text:
        yield Section(slide.text, heading=heading, place=f"slide {number}")
    if slide.notes:
        yield Section(slide.notes, heading=heading, place=f"slide {number}, notes")


def _notes(slides: list[Slide]) -> Iterator[str]:
    pictures = sum(slide.pictures for slide in slides)
    if pictures:
        yield f"pictures not read: {pictures}"
    hidden = [str(number) for number, slide in enumerate(slides, 1) if slide.hidden]
    if hidden:
        yield f"hidden slides, read like the others: {', '.join(hidden)}"


def _named(title: str) -> str:
    """The title, unless it is the one that PowerPoint gives."""
    return "" if title.lower() in _NO_TITLES else title

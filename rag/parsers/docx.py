"""DOCX: paragraphs, lists and tables in reading order, a section a heading.

Tracked insertions are read and deletions are not. Headers, footers and comments are left out; pictures are
counted, and their descriptions kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.document import ParsedDocument
from rag.parsers.docx_body import Body
from rag.parsers.docx_numbering import Numbering
from rag.parsers.docx_styles import Styles
from rag.parsers.office_package import DAMAGE, Package, child, damaged, local_name
from rag.parsers.outline import Outline, sections_by_heading

if TYPE_CHECKING:
    from pathlib import PurePath

    from lxml.etree import _Element

    from rag.parsers.options import ParseOptions

_MAIN = "word/document.xml"


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The body's sections by heading.

    Raises:
        ParseError: the file is damaged, or unpacks to more than 512 MiB.
    """
    from lxml.etree import LxmlError

    try:
        package = Package(content, path)
        root = child(package.xml(_MAIN), "body")
        if root is None:
            raise ValueError(f"{_MAIN} has no body")
        body = Body(
            Styles(package.optional_xml("word/styles.xml")),
            Numbering(package.optional_xml("word/numbering.xml")),
            _notes(package),
        )
        sections = tuple(sections_by_heading(body.blocks(root), Outline()))
        title, metadata = package.metadata("docProps/core.xml")
    except (LxmlError, *DAMAGE) as error:
        raise damaged(path, error) from error
    heading = next((section.heading[0] for section in sections if section.heading), "")
    return ParsedDocument(
        title=title or heading or path.stem,
        format="docx",
        sections=sections,
        metadata=metadata,
        notes=(f"pictures not read: {body.pictures}",) if body.pictures else (),
    )


def _notes(package: Package) -> dict[tuple[str, str], _Element]:
    """Footnotes and endnotes by kind and id."""
    notes: dict[tuple[str, str], _Element] = {}
    for kind in ("footnote", "endnote"):
        root = package.optional_xml(f"word/{kind}s.xml")
        for note in root if root is not None else ():
            if local_name(note) == kind:
                notes[kind, next((str(v) for k, v in note.attrib.items() if str(k).endswith("}id")), "")] = (
                    note
                )
    return notes

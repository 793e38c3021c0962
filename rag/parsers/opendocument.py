"""OpenDocument: texts by heading (.odt), spreadsheets by table (.ods), presentations by slide (.odp).

Comments, deleted text, indexes, headers and footers are left out; pictures are counted, and their
descriptions kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.document import ParsedDocument
from rag.parsers.odf_sheets import hidden_sheets, sheets_of
from rag.parsers.odf_slides import slide_sections
from rag.parsers.odf_text import Body
from rag.parsers.office_package import DAMAGE, Package, child, damaged, local_name
from rag.parsers.outline import Outline, sections_by_heading
from rag.parsers.sheet import sections_of
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from pathlib import PurePath

    from lxml.etree import _Element

    from rag.document import Section
    from rag.parsers.options import ParseOptions

_MANIFEST = "META-INF/manifest.xml"


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The document's sections, whichever of the kinds it is.

    Raises:
        ParseError: the file is encrypted or damaged, or unpacks to more than 512 MiB.
    """
    from lxml.etree import LxmlError

    try:
        package = Package(content, path)
        if "META-INF/manifest.xml" in package.names and b"encryption-data" in package.read(
            "META-INF/manifest.xml"
        ):
            raise ParseError(
                f"{path} is encrypted", hint="open it in LibreOffice and save it without a password"
            )
        sections, notes = _read(package.xml("content.xml"), path)
        title, metadata = package.metadata("meta.xml")
    except (LxmlError, *DAMAGE) as error:
        raise damaged(path, error) from error
    heading = next((section.heading[0] for section in sections if section.heading and not section.row), "")
    return ParsedDocument(
        title=title or heading or path.stem,
        format="opendocument",
        sections=sections,
        metadata=metadata,
        notes=notes,
    )


def _read(root: _Element, path: PurePath) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    body = child(root, "body")
    for content in body if body is not None else ():
        if local_name(content) == "spreadsheet":
            hidden = hidden_sheets(root)
            notes = (f"hidden sheets, read like the others: {', '.join(hidden)}",) if hidden else ()
            return tuple(s for sheet in sheets_of(content, path) for s in sections_of(sheet)), notes
        reader = Body(root)
        if local_name(content) in {"presentation", "drawing"}:
            sections = tuple(slide_sections(content, reader))
        else:
            sections = tuple(sections_by_heading(reader.blocks(content), Outline()))
        return sections, (f"pictures not read: {reader.pictures}",) if reader.pictures else ()
    raise ValueError("content.xml has no body")

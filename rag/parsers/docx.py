"""DOCX: paragraphs and tables in reading order, a section a heading, a line a table's row.

Headers, footers, comments, text boxes and pictures are left out.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

from rag.document import ParsedDocument, Section
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

# Word's built-in style names in English and Chinese; "Title" stands above every heading.
_HEADING_STYLE = re.compile(r"^(?:heading|标题)\s*(\d)$", re.IGNORECASE)
_TITLE_STYLES = frozenset({"Title", "标题"})

# What python-docx and zipfile let through, besides their own errors, when parts are missing, encrypted or not
# what they claim to be.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    EOFError,
)

# A ZIP of a few kilobytes can unpack to gigabytes; a thousand-page book's XML is below this.
_MAX_UNPACKED_BYTES = 512 * 1024**2


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The body's sections by heading.

    Raises:
        ParseError: the file is damaged, or unpacks to more than 512 MiB.
    """
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    try:
        _require_reasonable(content, path)
        document = docx.Document(io.BytesIO(content))
        sections = tuple(_sections(document))
        title = str(document.core_properties.title or "").strip()
    except (OpcError, LxmlError, *_DAMAGE) as error:
        raise ParseError(
            f"{path} is damaged: {str(error) or type(error).__name__}",
            hint="open it in Word or LibreOffice and save it again",
        ) from error
    heading = next((section.heading[0] for section in sections if section.heading), "")
    return ParsedDocument(title=title or heading or path.stem, format="docx", sections=sections)


def _require_reasonable(content: bytes, path: PurePath) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _MAX_UNPACKED_BYTES:
        raise ParseError(
            f"{path} unpacks to {unpacked:,} bytes; at most {_MAX_UNPACKED_BYTES:,} are read",
            hint="split it, or take the pictures out",
        )


def _sections(document: Any) -> Iterator[Section]:  # noqa: ANN401 (python-docx ships no types)
    path: list[tuple[int, str]] = []
    blocks: list[str] = []
    for level, text in _blocks(document):
        if level is not None:
            yield from _section(blocks, path)
            path = [(depth, name) for depth, name in path if depth < level] + [(level, text)]
            blocks = []
        blocks.append(text)
    yield from _section(blocks, path)


def _section(blocks: list[str], path: list[tuple[int, str]]) -> Iterator[Section]:
    if blocks:
        yield Section("\n\n".join(blocks), heading=tuple(name for _, name in path))


def _blocks(container: Any) -> Iterator[tuple[int | None, str]]:  # noqa: ANN401
    """Paragraphs and tables as ``(heading level or None, text)``."""
    for item in container.iter_inner_content():
        if hasattr(item, "rows"):
            rows = [row for row in _rows(item) if row]
            if rows:
                yield None, "\n".join(rows)
        elif text := item.text.strip():
            yield _heading_level(item), text


def _rows(table: Any) -> Iterator[str]:  # noqa: ANN401
    for row in table.rows:
        cells: list[str] = []
        seen: set[int] = set()
        for cell in row.cells:
            # A merged cell comes once for each column that it covers.
            if id(cell._tc) not in seen:  # noqa: SLF001 (the only identity that a cell has)
                seen.add(id(cell._tc))  # noqa: SLF001
                cells.append(" ".join(" ".join(text for _, text in _blocks(cell)).split()))
        if any(cells):
            yield "| " + " | ".join(cells) + " |"


def _heading_level(paragraph: Any) -> int | None:  # noqa: ANN401
    name = paragraph.style.name if paragraph.style is not None else ""
    if name in _TITLE_STYLES:
        return 0
    match = _HEADING_STYLE.match(name or "")
    return int(match.group(1)) if match else None

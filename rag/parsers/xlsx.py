"""XLSX: each table of each sheet, with values as the sheet shows them and formulas' last results.

Charts, pictures and comments are left out; hidden sheets are read and noted.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rag.document import ParsedDocument
from rag.parsers.number_format import shown
from rag.parsers.office_package import DAMAGE, Package, attribute, damaged, descendants
from rag.parsers.sheet import Sheet, require_reasonable, sections_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

# Excel's own limit; a file may say that a row is the billionth, and all before it would be counted.
_MOST_ROWS = 1_048_576


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The workbook's tables, sheet by sheet.

    Raises:
        ParseError: the file is damaged, unpacks to more than 512 MiB, or has more than three million cells.
    """
    import openpyxl
    from lxml.etree import LxmlError
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        package = Package(content, path)
        workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        hidden = [sheet.title for sheet in workbook.worksheets if sheet.sheet_state != "visible"]
        sheets = list(_sheets(workbook, package, path))
        sections = tuple(section for sheet in sheets for section in sections_of(sheet))
        title, metadata = package.metadata("docProps/core.xml")
        workbook.close()
    except (LxmlError, InvalidFileException, *DAMAGE) as error:
        raise damaged(path, error) from error
    notes = (f"hidden sheets, read like the others: {', '.join(hidden)}",) if hidden else ()
    return ParsedDocument(
        title=title or path.stem, format="xlsx", sections=sections, metadata=metadata, notes=notes
    )


def _sheets(workbook: Any, package: Package, path: PurePath) -> Iterator[Sheet]:  # noqa: ANN401 (no types)
    parts = _parts(package)
    count = 0
    for worksheet in workbook.worksheets:
        # What a file says of a sheet's size is often wrong; without it, every row is read.
        worksheet.reset_dimensions()
        sheet = Sheet(worksheet.title)
        for number, row in enumerate(worksheet.iter_rows(), start=1):
            if number > _MOST_ROWS:
                raise ValueError(f"a row has a number above {_MOST_ROWS:,}")
            for cell in row:
                if cell.value is not None:
                    count += 1
                    sheet.put(cell.row, cell.column, shown(cell.value, cell.number_format or "General"))
            require_reasonable(count, path)
        sheet.merged = list(_merged(package, parts.get(worksheet.title, "")))
        yield sheet


def _parts(package: Package) -> dict[str, str]:
    """Sheets' parts by the sheets' names."""
    relations = package.related("xl/workbook.xml")
    parts = {}
    for sheet in descendants(package.xml("xl/workbook.xml"), "sheet"):
        ids = [str(value) for key, value in sheet.attrib.items() if str(key).endswith("}id")]
        parts[attribute(sheet, "name") or ""] = relations.get(ids[0] if ids else "", ("", ""))[1]
    return parts


def _merged(package: Package, part: str) -> Iterator[tuple[int, int, int, int]]:
    """The merged ranges, which openpyxl leaves out when it reads row by row."""
    from openpyxl.utils.cell import range_boundaries

    if part not in package.names or b"mergeCell " not in (content := package.read(part)):
        return
    # They stand behind the rows, so that only the end needs to be looked at.
    start, end = content.find(b"<mergeCells"), content.find(b"</mergeCells>")
    for piece in content[max(start, 0) : end].split(b'ref="')[1:]:
        first_column, first_row, last_column, last_row = range_boundaries(piece.split(b'"')[0].decode())
        yield first_row, first_column, last_row, last_column

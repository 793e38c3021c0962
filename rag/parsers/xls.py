"""XLS, Excel's binary format up to 2003: each table of each sheet, with values as the sheet shows them."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, Final

from rag.document import ParsedDocument
from rag.parsers.number_format import shown
from rag.parsers.office_package import damaged
from rag.parsers.sheet import Sheet, require_reasonable, sections_of
from stillroom.errors import ParseError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

# What xlrd lets through on damaged files, besides its own error.
_DAMAGE: Final = (
    struct.error,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
    MemoryError,
)


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The workbook's tables, sheet by sheet.

    Raises:
        ParseError: the file is encrypted or damaged, or has more than three million cells.
    """
    import xlrd
    from xlrd.compdoc import CompDocError

    try:
        # xlrd writes warnings to its log file; nobody would read them.
        workbook = xlrd.open_workbook(file_contents=content, formatting_info=True, logfile=io.StringIO())
        sheets = list(_sheets(workbook, path))
    except (xlrd.XLRDError, CompDocError) as error:
        if "encrypt" in str(error).lower():
            raise ParseError(
                f"{path} is encrypted", hint="open it in Excel or LibreOffice and save it without a password"
            ) from error
        raise damaged(path, error) from error
    except _DAMAGE as error:
        raise damaged(path, error) from error
    hidden = [sheet.name for sheet in workbook.sheets() if sheet.visibility]
    return ParsedDocument(
        title=path.stem,
        format="xls",
        sections=tuple(section for sheet in sheets for section in sections_of(sheet)),
        metadata={"author": workbook.user_name.strip()} if workbook.user_name.strip() else {},
        notes=(f"hidden sheets, read like the others: {', '.join(hidden)}",) if hidden else (),
    )


def _sheets(workbook: Any, path: PurePath) -> Iterator[Sheet]:  # noqa: ANN401 (xlrd ships no types)
    count = 0
    for worksheet in workbook.sheets():
        sheet = Sheet(worksheet.name)
        for row in range(worksheet.nrows):
            for column, cell in enumerate(worksheet.row(row)):
                count += bool(cell.ctype)
                sheet.put(row + 1, column + 1, _shown(cell, workbook))
            require_reasonable(count, path)
        sheet.merged = [
            (first_row + 1, first_column + 1, after_row, after_column)
            for first_row, after_row, first_column, after_column in worksheet.merged_cells
        ]
        yield sheet


def _shown(cell: Any, workbook: Any) -> str:  # noqa: ANN401
    import xlrd

    if cell.ctype in {xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK}:
        return ""
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return shown(bool(cell.value))
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#ERROR"))
    kind = _format(cell, workbook)
    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            moment = xlrd.xldate_as_datetime(cell.value, workbook.datemode)
        except (ValueError, OverflowError):
            return shown(cell.value)
        # Below one, it is a time of the day without a date.
        value: dt.datetime | dt.time = moment.time() if cell.value < 1 else moment
        return shown(value, kind)
    return shown(cell.value, kind)


def _format(cell: Any, workbook: Any) -> str:  # noqa: ANN401
    if cell.xf_index is None:
        return "General"
    key = workbook.xf_list[cell.xf_index].format_key
    found = workbook.format_map.get(key)
    return str(found.format_str) if found is not None else "General"

"""OpenDocument's sheets as `rag.parsers.sheet` wants them: texts, which the file holds as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.parsers.office_package import attribute, child, descendants, local_name
from rag.parsers.sheet import Sheet, require_reasonable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    from lxml.etree import _Element

# Sheets end with a row repeated a million times, to fill them; a row with text that is repeated more often
# than this is filling, too.
_MOST_REPEATED = 1_000

_WRAPPERS = frozenset({"table-header-rows", "table-rows", "table-row-group"})


def sheets_of(spreadsheet: _Element, path: PurePath) -> Iterator[Sheet]:
    """The sheets of an ``office:spreadsheet``.

    Raises:
        ParseError: there are more cells than are read.
    """
    count = 0
    for table in spreadsheet:
        if local_name(table) != "table":
            continue
        sheet = Sheet(attribute(table, "name") or "")
        number = 1
        for row in _rows(table):
            repeated = int(attribute(row, "number-rows-repeated") or 1)
            for copy in range(min(repeated, _MOST_REPEATED)):
                count += _put_row(sheet, row, number + copy)
                require_reasonable(count, path)
                if number + copy not in sheet.cells:
                    break
            number += repeated
        yield sheet


def hidden_sheets(root: _Element) -> list[str]:
    """The names of the sheets whose style says that they are not shown."""
    hidden = {
        attribute(style, "name")
        for style in descendants(root, "style")
        if attribute(child(style, "table-properties"), "display") == "false"
    }
    tables = descendants(root, "table")
    return [attribute(table, "name") or "" for table in tables if attribute(table, "style-name") in hidden]


def _rows(container: _Element) -> Iterator[_Element]:
    for element in container:
        if local_name(element) == "table-row":
            yield element
        elif local_name(element) in _WRAPPERS:
            yield from _rows(element)


def _put_row(sheet: Sheet, row: _Element, number: int) -> int:
    """How many cells with something in them the row has."""
    column, filled = 1, 0
    for cell in row:
        name = local_name(cell)
        repeated = int(attribute(cell, "number-columns-repeated") or 1)
        if name == "table-cell":
            text = "\n".join(_text(part) for part in cell if local_name(part) == "p")
            if text.strip():
                for copy in range(min(repeated, _MOST_REPEATED)):
                    sheet.put(number, column + copy, text)
                    filled += 1
                rows = int(attribute(cell, "number-rows-spanned") or 1)
                if rows > 1:
                    sheet.merged.append((number, column, number + rows - 1, column))
        if name in {"table-cell", "covered-table-cell"}:
            column += repeated
    return filled


def _text(paragraph: _Element) -> str:
    """A cell's paragraph, whose comments stand beside it and not in it."""
    return " ".join("".join(str(part) for part in paragraph.itertext()).split())

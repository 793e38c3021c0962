"""A spreadsheet's cells to sections: each table of a sheet by itself, with the number of its first row.

Blank rows part tables. Blank columns part them too, unless the rows on both sides are the same: then they
belong together. Nothing here knows a file format; cells come as texts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.document import Section
from rag.parsers.rows import head_lines, markdown_row, markdown_rows
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePath

# More cells with something in them than this, in a workbook, take gigabytes.
MOST_CELLS = 3_000_000

# Two blocks side by side are one table where they share this much of the rows of the longer one.
_SAME_ROWS = 0.6

# A line of its own is the heading of the table that begins this many rows below it, at the most.
_TITLE_ROWS = 2

# A head may have two lines, such as years above quarters.
_HEAD_LINES = 2


@dataclass(slots=True)
class Sheet:
    """A sheet's texts by row and column, both from 1; empty cells are left out.

    Attributes:
        merged: ranges of cells that are one, as first row, first column, last row, last column.
    """

    name: str
    cells: dict[int, dict[int, str]] = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)

    def put(self, row: int, column: int, text: str) -> None:
        """Set a cell, unless the text is blank."""
        if text.strip():
            self.cells.setdefault(row, {})[column] = text


def sections_of(sheet: Sheet) -> Iterator[Section]:
    """The sheet's tables from top to bottom; a line of its own above a table is its heading too."""
    _spread(sheet)
    title, below = "", 0
    for block in sorted(_blocks(sheet.cells), key=_corner):
        yield _section(sheet.name, block, title if min(block) <= below + _TITLE_ROWS else "")
        alone = len(block) == 1 and len(next(iter(block.values()))) == 1
        title = next(iter(next(iter(block.values())).values())) if alone else ""
        below = max(block)


def _corner(block: dict[int, dict[int, str]]) -> tuple[int, int]:
    return min(block), min(min(row) for row in block.values())


def require_reasonable(cells: int, path: PurePath) -> None:
    """Stop at a workbook with too many cells.

    Raises:
        ParseError: there are more than `MOST_CELLS`.
    """
    if cells > MOST_CELLS:
        raise ParseError(
            f"{path} has more than {MOST_CELLS:,} cells, which are the most that are read",
            hint="export it as CSV, in parts",
        )


def _spread(sheet: Sheet) -> None:
    """A cell over several rows stands in each of them, since a row is read alone; over columns only once."""
    for first_row, first_column, last_row, _ in sheet.merged:
        text = sheet.cells.get(first_row, {}).get(first_column)
        if text:
            for row in range(first_row + 1, min(last_row, first_row + 1000) + 1):
                sheet.cells.setdefault(row, {}).setdefault(first_column, text)


def _blocks(cells: dict[int, dict[int, str]]) -> Iterator[dict[int, dict[int, str]]]:
    """Tables: parted at blank rows, then at blank columns, then again, until nothing parts."""
    for rows in _runs(sorted(row for row, line in cells.items() if line)):
        part = {row: cells[row] for row in rows}
        columns = list(_runs(sorted({column for line in part.values() for column in line})))
        groups = _grouped(part, columns)
        if len(groups) == 1:
            yield part
            continue
        for group in groups:
            wanted = set(group)
            inner = {row: {c: text for c, text in line.items() if c in wanted} for row, line in part.items()}
            yield from _blocks({row: line for row, line in inner.items() if line})


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    run: list[int] = []
    for number in numbers:
        if run and number != run[-1] + 1:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def _grouped(part: dict[int, dict[int, str]], columns: Iterable[list[int]]) -> list[list[int]]:
    """Runs of columns, those together that have their cells in the same rows."""
    groups: list[tuple[list[int], set[int]]] = []
    for run in columns:
        rows = {row for row, line in part.items() if not line.keys().isdisjoint(run)}
        if groups:
            before, before_rows = groups[-1]
            if len(rows & before_rows) >= _SAME_ROWS * max(len(rows), len(before_rows)):
                groups[-1] = ([*before, *run], rows | before_rows)
                continue
        groups.append((run, rows))
    return [run for run, _ in groups]


def _section(name: str, block: dict[int, dict[int, str]], title: str) -> Section:
    columns = sorted({column for line in block.values() for column in line})
    rows = [[line.get(column, "") for column in columns] for _, line in sorted(block.items())]
    first, place = min(block), f"sheet {name}"
    heading = (title,) if title else ()
    if len(columns) == 1:
        text = "\n".join(" ".join(row[0].split()) for row in rows)
        return Section(text, heading=heading, place=place, row=first)
    head = head_lines(rows, _HEAD_LINES)
    return Section(
        markdown_rows(rows[head:]),
        heading=heading,
        kind="table",
        place=place,
        row=first + head,
        header="\n".join(markdown_row(row) for row in rows[:head]),
    )

"""Tables of a PDF's page that only the alignment of their cells shows, as rows of cells.

Lines belong to one table as long as the same blank corridors run through all of them. Prose in columns and
lists with numbers or bullets are none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from rag.parsers.pdf_layout import Line, Table, joined_text, run_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.parsers.pdf_code import Code
    from rag.parsers.pdf_layout import Run

    Rows = tuple[tuple[str, ...], ...]

# Fewer lines than this in columns are a coincidence.
_LEAST_LINES = 3

# Cells with more characters than this, in the middle, are prose in columns.
_CELL_CHARACTERS = 45

# What stands before a list's items: a bullet, 1. (a) [12] •
_LIST_MARK = re.compile(r"[\W_]{1,2}|[(\[]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)\]:]")

# Between cells that are known to be cells there may be less than between columns of text.
CELL_GAP_EM = 0.5

# Fewer lines with several cells, or fewer cells with text, of all, are prose that happens to align.
_LEAST_ROWS_SHARE = 0.6
_LEAST_FILLED_SHARE = 0.4
_CELL_MOST_CHARACTERS = 160

# A line this much closer to the one above than the table's lines are goes on with that one's cells.
_WRAPPED_GAP = 0.6


def with_tables(strip: Sequence[Line | Table | Code]) -> list[Line | Table | Code]:
    """The strip, with lines that make a table replaced by it."""
    result: list[Line | Table | Code] = []
    pending: list[Line] = []
    for item in strip:
        if isinstance(item, Line):
            pending.append(item)
            continue
        result += [*_found(pending), item]
        pending = []
    return [*result, *_found(pending)]


def _found(lines: Sequence[Line]) -> Iterator[Line | Table]:
    start = 0
    while start < len(lines):
        end = _reach(lines, start)
        rows = aligned_rows(lines[start:end]) if end - start >= _LEAST_LINES else ()
        if rows and _is_even(rows):
            box = lines[start].box
            for line in lines[start:end]:
                box = box.joined(line.box)
            yield Table(rows, box)
            start = end
        else:
            yield lines[start]
            start += 1


def _reach(lines: Sequence[Line], start: int) -> int:
    """The line after the last that shares corridors with the first; ``start`` where that is no row."""
    if len(lines[start].runs) < 2:  # noqa: PLR2004
        return start
    columns = _spans(lines[start].runs)
    end = start + 1
    for index in range(start + 1, len(lines)):
        line = lines[index]
        if line.box.top - lines[index - 1].box.bottom > 2.5 * line.box.height:
            break
        merged = _merged([*columns, *_spans(line.runs)])
        if len(merged) < 2 or len(merged) < len(columns) - 1:  # noqa: PLR2004
            break
        columns = merged
        if len(line.runs) > 1:
            end = index + 1
        elif index + 1 - end > 1:
            break
    return end


def aligned_rows(lines: Sequence[Line], *, least: int = _LEAST_LINES, bounds: Sequence[float] = ()) -> Rows:
    """The lines as rows of cells, or none where they are not in columns.

    Args:
        lines: from top to bottom.
        least: how many lines must have more than one cell.
        bounds: heights at which one row ends and the next begins; without, each line is a row, unless it is
            set closer and goes on with the cells above.
    """
    if sum(len(line.runs) > 1 for line in lines) < min(least, len(lines)) or not lines:
        return ()
    columns = _columns(lines)
    if len(columns) < 2:  # noqa: PLR2004
        return ()
    cells = [_cells(line, columns) for line in lines]
    groups = _by_bounds(lines, bounds) if bounds else _by_distance(lines, cells)
    rows = tuple(
        tuple(joined_text(cells[index][column] for index in group) for column in range(len(columns)))
        for group in groups
    )
    return () if not bounds and _is_prose(rows) else rows


def _spans(runs: Sequence[Run]) -> list[tuple[float, float]]:
    return [(run.box.x0, run.box.x1) for run in runs]


def _merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _columns(lines: Sequence[Line]) -> list[tuple[float, float]]:
    """What lies between the corridors. A head whose cells stand over several columns does not count."""
    every = _merged([span for line in lines for span in _spans(line.runs)])
    below = _merged([span for line in lines[1:] for span in _spans(line.runs)])
    return below if len(lines) > _LEAST_LINES and len(below) > len(every) else every


def _cells(line: Line, columns: Sequence[tuple[float, float]]) -> list[str]:
    cells = [""] * len(columns)
    for run in line.runs:
        for piece in _pieces(run, columns):
            column = _column(piece, columns)
            cells[column] = joined_text([cells[column], piece.text])
    return cells


def _column(run: Run, columns: Sequence[tuple[float, float]]) -> int:
    overlaps = [min(run.box.x1, end) - max(run.box.x0, start) for start, end in columns]
    return overlaps.index(max(overlaps))


def _pieces(run: Run, columns: Sequence[tuple[float, float]]) -> Iterator[Run]:
    """The run, parted where a gap is wider than a blank and another column begins: heads stand close."""
    words = [run_of([word]) for word in run.words]
    start = 0
    for index in range(1, len(words)):
        gap = words[index].box.x0 - words[index - 1].box.x1
        apart = gap > CELL_GAP_EM * run.box.height
        if apart and _column(words[index - 1], columns) != _column(words[index], columns):
            yield run_of(run.words[start:index])
            start = index
    yield run_of(run.words[start:])


def _by_bounds(lines: Sequence[Line], bounds: Sequence[float]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for index, line in enumerate(lines):
        groups.setdefault(bisect_right(bounds, line.box.middle), []).append(index)
    return list(groups.values())


def _by_distance(lines: Sequence[Line], cells: Sequence[Sequence[str]]) -> list[list[int]]:
    steps = [below.box.middle - above.box.middle for above, below in pairwise(lines)]
    usual = median([step for step, row in zip(steps, cells[1:], strict=True) if row[0]] or steps or [0.0])
    groups: list[list[int]] = [[0]]
    for index, step in enumerate(steps, start=1):
        if not cells[index][0] and step < _WRAPPED_GAP * usual:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _is_even(rows: Rows) -> bool:
    """Whether most rows have several cells and the cells are not mostly empty."""
    filled = [sum(bool(cell) for cell in row) for row in rows]
    several = sum(count > 1 for count in filled)
    return (
        max(len(cell) for row in rows for cell in row) <= _CELL_MOST_CHARACTERS
        and several >= _LEAST_ROWS_SHARE * len(rows)
        and sum(filled) >= _LEAST_FILLED_SHARE * len(rows) * len(rows[0])
    )


def _is_prose(rows: Rows) -> bool:
    """Whether it is a list with its marks, or running text beside numbers, names or more text."""
    if len(rows[0]) > 2:  # noqa: PLR2004
        return False
    columns = [[row[column] for row in rows if row[column]] for column in (0, 1)]
    if all(_LIST_MARK.fullmatch(first) for first in columns[0]):
        return True
    return any(median(len(cell) for cell in column) > _CELL_CHARACTERS for column in columns if column)

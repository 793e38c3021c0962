"""Tables of a PDF's page that lines rule, as rows of cells.

The outer lines may be missing: the ends of the others stand for them, so that no first or last column is
lost. Where lines only part the rows, alignment makes the columns (`rag.parsers.pdf_aligned_tables`). Nothing
here knows a page's columns of text.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from rag.parsers.pdf_aligned_tables import CELL_GAP_EM, aligned_rows
from rag.parsers.pdf_layout import Table, in_lines, joined_text, runs_of
from rag.parsers.pdf_words import Box, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rag.parsers.pdf_layout import Line
    from rag.parsers.pdf_words import Word

    Rows = tuple[tuple[str, ...], ...]

# Lines this close are one line, and this much they may miss each other where they meet. Points.
_SNAP = 3.0

# More lines than this on a page, or cells in a grid, are a drawing.
_MOST_RULES = 400
_MOST_CELLS = 20_000

# A grid with less in it than this many filled cells, or this share of them, is a drawing or a frame.
_LEAST_FILLED = 3
_LEAST_FILLED_SHARE = 0.2

# A ruled row whose cells all have this many lines or more, level with each other, is as many rows.
_UNRULED_ROWS = 3


def ruled_tables(words: Sequence[Word], rules: Sequence[Rule]) -> tuple[list[Table], list[Word]]:
    """The tables that lines make, and the words outside them."""
    merged = [*_merged(rules, horizontal=True), *_merged(rules, horizontal=False)]
    tables: list[Table] = []
    rest = list(words)
    if not merged or len(merged) > _MOST_RULES:
        return tables, rest
    for box, rows_of in [*_grids(merged), *_ladders(merged, rest)]:
        inside = [word for word in rest if box.holds(word.box)]
        rows = rows_of(inside)
        if rows:
            tables.append(Table(rows, box))
            rest = [word for word in rest if not box.holds(word.box)]
    return tables, rest


def _grids(rules: Sequence[Rule]) -> Iterator[tuple[Box, Callable[[Sequence[Word]], Rows]]]:
    for group in _touching(rules):
        yield _around(group), partial(_grid_rows, group)


def _grid_rows(rules: Sequence[Rule], words: Sequence[Word]) -> Rows:
    """The rows of a grid, or none where it is no table."""
    upright = [rule for rule in rules if not rule.is_horizontal]
    level = [rule for rule in rules if rule.is_horizontal]
    xs = _places([*(r.x0 for r in upright), *(r.x0 for r in level), *(r.x1 for r in level)])
    ys = _places([*(r.top for r in level), *(r.top for r in upright), *(r.bottom for r in upright)])
    across, down = len(xs) - 1, len(ys) - 1
    if across < 1 or down < 1 or across * down > _MOST_CELLS:
        return ()
    owner = _owners(xs, ys, upright, level)
    held: dict[tuple[int, int], list[Word]] = {}
    for word in words:
        column = min(max(bisect_right(xs, (word.box.x0 + word.box.x1) / 2) - 1, 0), across - 1)
        row = min(max(bisect_right(ys, word.box.middle) - 1, 0), down - 1)
        held.setdefault(owner[row, column], []).append(word)
    lines = {cell: in_lines(runs_of(inside)) for cell, inside in held.items()}
    rows: list[tuple[str, ...]] = []
    for row in range(down):
        # A cell over several rows is said in each, since a row is read alone; one over columns only once.
        cells = [
            lines.get(owner[row, column], [])
            if column == 0 or owner[row, column] != owner[row, column - 1]
            else []
            for column in range(across)
        ]
        rows += _split(cells)
    return _worthwhile(rows)


def _owners(
    xs: Sequence[float], ys: Sequence[float], upright: Sequence[Rule], level: Sequence[Rule]
) -> dict[tuple[int, int], tuple[int, int]]:
    """For each field between the lines, the first field of the cell that it belongs to."""
    owner: dict[tuple[int, int], tuple[int, int]] = {}
    for row in range(len(ys) - 1):
        middle = (ys[row] + ys[row + 1]) / 2
        for column in range(len(xs) - 1):
            centre = (xs[column] + xs[column + 1]) / 2
            field = (row, column)
            owner[field] = field
            if column and not any(
                abs(rule.x0 - xs[column]) <= _SNAP and rule.top <= middle <= rule.bottom for rule in upright
            ):
                owner[field] = owner[row, column - 1]
            elif row and not any(
                abs(rule.top - ys[row]) <= _SNAP and rule.x0 <= centre <= rule.x1 for rule in level
            ):
                owner[field] = owner[row - 1, column]
    return owner


def _places(values: Iterable[float]) -> list[float]:
    places: list[float] = []
    for value in sorted(values):
        if not places or value - places[-1] > _SNAP:
            places.append(value)
    return places


def _split(cells: Sequence[Sequence[Line]]) -> list[tuple[str, ...]]:
    """One row, or several where the lines between them were left out."""
    filled = [cell for cell in cells if cell]
    deepest = max((len(cell) for cell in filled), default=0)
    first = filled[0] if filled else ()
    if (
        len(filled) > 1
        and len(first) == deepest >= _UNRULED_ROWS
        and all(any(line.box.beside(row.box) for row in first) for cell in filled for line in cell)
        and sum(len(cell) for cell in filled) > (len(filled) - 1) * deepest
    ):
        return [
            tuple(joined_text(line.text for line in cell if line.box.beside(row.box)) for cell in cells)
            for row in first
        ]
    return [tuple(joined_text(line.text for line in cell) for cell in cells)]


def _worthwhile(rows: Sequence[tuple[str, ...]]) -> Rows:
    """The rows without empty ones and empty columns, or none where there is no table in them."""
    rows = [row for row in rows if any(row)]
    columns = [column for column in range(len(rows[0]) if rows else 0) if any(row[column] for row in rows)]
    filled = sum(1 for row in rows for cell in row if cell)
    if (
        len(rows) < 2  # noqa: PLR2004
        or len(columns) < 2  # noqa: PLR2004
        or filled < max(_LEAST_FILLED, _LEAST_FILLED_SHARE * len(rows) * len(columns))
    ):
        return ()
    return tuple(tuple(row[column] for column in columns) for row in rows)


def _ladders(
    rules: Sequence[Rule], words: Sequence[Word]
) -> Iterator[tuple[Box, Callable[[Sequence[Word]], Rows]]]:
    """Stretches between lines of equal ends that hold text in columns."""
    for group in _stacked(rules):
        current: list[Rule] = []
        for upper, lower in pairwise(_with_ends(group)):
            box = _around([upper, lower])
            inside = _cells(word for word in words if box.holds(word.box))
            if inside and not aligned_rows(inside, least=1):
                if len(current) > 1:
                    yield _around(current), partial(_ladder_rows, tuple(current))
                current = []
            else:
                current = [*(current or [upper]), lower]
        if len(current) > 1:
            yield _around(current), partial(_ladder_rows, tuple(current))


def _with_ends(rules: Sequence[Rule]) -> list[Rule]:
    """The lines, with one more above and below: a head or a last row may have none."""
    if len(rules) < 2:  # noqa: PLR2004
        return list(rules)
    pitch = min(lower.top - upper.top for upper, lower in pairwise(rules))
    first, last = rules[0], rules[-1]
    return [
        Rule(first.x0, first.top - pitch, first.x1, first.top - pitch),
        *rules,
        Rule(last.x0, last.top + pitch, last.x1, last.top + pitch),
    ]


def _cells(words: Iterable[Word]) -> list[Line]:
    return in_lines(runs_of(words, CELL_GAP_EM), CELL_GAP_EM)


def _ladder_rows(rules: Sequence[Rule], words: Sequence[Word]) -> Rows:
    lines = _cells(words)
    bounds = [rule.top for rule in rules]
    # With a line under most rows, what stands between two lines is one row, however often it is wrapped.
    one_each = len(rules) - 1 > len(lines) / 2
    rows = aligned_rows(lines, bounds=bounds if one_each else ())
    return rows if len(rows) > 1 else ()


def _around(rules: Iterable[Rule]) -> Box:
    rules = list(rules)
    return Box(
        min(rule.x0 for rule in rules) - 1,
        min(rule.top for rule in rules) - 1,
        max(rule.x1 for rule in rules) + 1,
        max(rule.bottom for rule in rules) + 1,
    )


def _merged(rules: Iterable[Rule], *, horizontal: bool) -> list[Rule]:
    """Lines that lie on each other or continue each other as one."""
    if horizontal:
        spans = sorted((rule.top, rule.x0, rule.x1) for rule in rules if rule.is_horizontal)
    else:
        spans = sorted((rule.x0, rule.top, rule.bottom) for rule in rules if not rule.is_horizontal)
    joined: list[tuple[float, float, float]] = []
    for level in _clustered(spans):
        place = median(span[0] for span in level)
        last: tuple[float, float, float] | None = None
        for _, start, end in sorted(level, key=lambda span: span[1]):
            if last is not None and start <= last[2] + _SNAP:
                last = (place, last[1], max(last[2], end))
                joined[-1] = last
            else:
                last = (place, start, end)
                joined.append(last)
    if horizontal:
        return [Rule(start, place, end, place) for place, start, end in joined]
    return [Rule(place, start, place, end) for place, start, end in joined]


def _clustered(spans: Sequence[tuple[float, float, float]]) -> list[list[tuple[float, float, float]]]:
    levels: list[list[tuple[float, float, float]]] = []
    for span in spans:
        if levels and span[0] - levels[-1][-1][0] <= _SNAP:
            levels[-1].append(span)
        else:
            levels.append([span])
    return levels


def _touching(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Groups of lines that meet, each with lines of both directions."""
    left = set(range(len(rules)))
    groups = []
    while left:
        group, edge = [], [left.pop()]
        while edge:
            current = edge.pop()
            group.append(rules[current])
            met = {other for other in left if _meet(rules[current], rules[other])}
            left -= met
            edge += met
        if any(rule.is_horizontal for rule in group) and any(not rule.is_horizontal for rule in group):
            groups.append(group)
    return groups


def _meet(one: Rule, other: Rule) -> bool:
    if one.is_horizontal == other.is_horizontal:
        return False
    return (
        one.x0 - _SNAP <= other.x1
        and other.x0 <= one.x1 + _SNAP
        and one.top - _SNAP <= other.bottom
        and other.top <= one.bottom + _SNAP
    )


def _stacked(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Groups of horizontal lines that begin and end at the same places and meet no vertical one."""
    alone = [rule for rule in rules if rule.is_horizontal and not any(_meet(rule, other) for other in rules)]
    groups: list[list[Rule]] = []
    for rule in sorted(alone, key=lambda rule: rule.top):
        for group in groups:
            if abs(group[0].x0 - rule.x0) <= _SNAP and abs(group[0].x1 - rule.x1) <= _SNAP:
                group.append(rule)
                break
        else:
            groups.append([rule])
    return groups

"""The rows, the head and the cells of a Markdown table, as character offsets.

Tables are rows ``| a | b |``, one a line, everywhere in the library. Nothing here knows tokens or passages.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE = re.compile(r"[^\n]+")
_DELIMITER = re.compile(r"\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?")
# A table of two rows is as often a pair of values as a name and its value.
_FEWEST_ROWS_WITH_A_HEAD = 3
_BAR = re.compile(r"\\.|(\|)")


def table_rows(text: str, start: int, end: int) -> tuple[tuple[int, int], ...]:
    """The spans of the lines that hold something, without the space around them."""
    rows = []
    for match in _LINE.finditer(text, start, end):
        line = match.group()
        if bare := line.strip():
            first = match.start() + len(line) - len(line.lstrip())
            rows.append((first, first + len(bare)))
    return tuple(rows)


def head_rows(text: str, rows: Sequence[tuple[int, int]], *, unmarked: bool) -> int:
    """How many of the first rows are the head: with the line of dashes below the names, if there is one.

    Args:
        text: the stored text.
        rows: the spans of a table's rows.
        unmarked: take the first row for the head where no dashes tell. Tables of most formats come without
            them, and their first row names the columns more often than not.
    """
    if len(rows) > 1 and _DELIMITER.fullmatch(text[slice(*rows[1])]):
        return 2
    return int(unmarked and len(rows) >= _FEWEST_ROWS_WITH_A_HEAD)


def cells(text: str, start: int, end: int) -> tuple[tuple[int, int], ...]:
    r"""The spans of a row's cells, each with the bar before it, the last with the one after it too.

    Example:
        >>> row = r"| a | | b \| c |"
        >>> [row[start:end] for start, end in cells(row, 0, len(row))]
        ['| a', '|', '| b \\| c |']
    """
    bars = [match.start() for match in _BAR.finditer(text, start, end) if match[1]]
    edges = [start, *(bar for bar in bars if start < bar < end - 1), end]
    return tuple((first, first + len(text[first:last].rstrip())) for first, last in itertools.pairwise(edges))


def head_above(text: str, section_start: int, start: int, *, unmarked: bool) -> str:
    """The head of the table that the row at ``start`` continues; empty where it continues none.

    Args:
        text: the stored text.
        section_start: where the section begins; no table reaches above it.
        start: where a row begins.
        unmarked: see `head_rows`.
    """
    if not text.startswith("|", start):
        return ""
    start = first = text.rfind("\n", section_start, start) + 1 or section_start
    while first > section_start:
        above = text.rfind("\n", section_start, first - 1) + 1 or section_start
        if not text[above : first - 1].lstrip().startswith("|"):
            break
        first = above
    line_end = text.find("\n", start)
    rows = table_rows(text, first, len(text) if line_end < 0 else line_end)
    heading = head_rows(text, rows, unmarked=unmarked)
    return text[slice(*rows[0])] if len(rows) > heading > 0 else ""

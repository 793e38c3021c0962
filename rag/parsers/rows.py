"""A table's rows as the library writes them everywhere: Markdown rows, ``| a | b |``, one row a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What is a value and no name: 4.2, -3 %, $1,234.50, (5.00), 2026-01-05, 3/4.
_FIGURE = re.compile(r"[-+(]?[^\w\s]?\d[\d.,:/ -]*[^\w\s]?\)?|TRUE|FALSE")


def markdown_row(cells: Iterable[str]) -> str:
    r"""One row; blanks and line breaks inside a cell become one blank, and ``|`` is written ``\|``.

    Example:
        >>> markdown_row(["7B", "4.2 GB"])
        '| 7B | 4.2 GB |'
    """
    written = " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in cells)
    return f"| {written} |"


def markdown_rows(rows: Iterable[Iterable[str]]) -> str:
    """The rows, a line each."""
    return "\n".join(markdown_row(row) for row in rows)


def markdown_table(rows: Sequence[Sequence[str]], *, headed: bool = False) -> str:
    """The rows, with Markdown's line of dashes below the first where that one has the columns' names.

    Args:
        rows: from the top.
        headed: whether the file itself says that the first row is the head.

    Example:
        >>> print(markdown_table([["model", "GB"], ["7B", "4.2"]]))
        | model | GB |
        | --- | --- |
        | 7B | 4.2 |
    """
    written = [markdown_row(row) for row in rows]
    if headed or head_lines(rows):
        written.insert(1, markdown_row("---" for _ in rows[0]))
    return "\n".join(written)


def head_lines(rows: Sequence[Sequence[str]], most: int = 1) -> int:
    """How many of the first rows, up to ``most``, are a head: names without figures, above other rows."""
    if len(rows) < 2 or not _is_head(rows[0]):  # noqa: PLR2004
        return 0
    lines = 1
    while lines < min(most, len(rows) - 1) and _is_head(rows[lines]) and _has_figures(rows[lines + 1]):
        lines += 1
    return lines


def _is_head(row: Sequence[str]) -> bool:
    filled = [cell for cell in row if cell.strip()]
    return len(filled) >= max(2, len(row) / 2) and not _has_figures(row)


def _has_figures(row: Sequence[str]) -> bool:
    return any(_FIGURE.fullmatch(cell.strip()) for cell in row if cell)


def within_cell(text: str) -> str:
    r"""Text with rows in it as one cell's text: a row's cells are parted by semicolons, for bars mean cells.

    Example:
        >>> within_cell("Sizes\n| 7B | 4.2 GB |")
        'Sizes\n7B; 4.2 GB'
    """
    lines = [line for line in text.split("\n") if not line.startswith("| --- ")]
    rows = (line.removeprefix("| ").removesuffix(" |").replace(" | ", "; ") for line in lines)
    return "\n".join(row if line.startswith("| ") else line for row, line in zip(rows, lines, strict=True))


def fill_hanging(cells: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    """Put the cells that hang down from rows above into their columns, up to the next free one.

    Args:
        cells: of the row so far, from the left.
        hanging: by column how many rows a cell still covers, and its text; what is used up leaves it.
    """
    while (column := len(cells)) in hanging:
        rows_to_go, text = hanging.pop(column)
        if rows_to_go > 1:
            hanging[column] = (rows_to_go - 1, text)
        cells.append(text)

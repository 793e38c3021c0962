"""A table's rows as the library writes them everywhere: Markdown rows, ``| a | b |``, one row a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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


def within_cell(text: str) -> str:
    r"""Text with rows in it as one cell's text: a row's cells are parted by semicolons, for bars mean cells.

    Example:
        >>> within_cell("Sizes\n| 7B | 4.2 GB |")
        'Sizes\n7B; 4.2 GB'
    """
    lines = text.split("\n")
    rows = (line.removeprefix("| ").removesuffix(" |").replace(" | ", "; ") for line in lines)
    return "\n".join(row if line.startswith("| ") else line for row, line in zip(rows, lines, strict=True))

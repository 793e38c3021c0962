"""What Word's control characters mean in a binary document's text: paragraphs, cells, fields, breaks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.parsers.rows import markdown_rows, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Fields: \x13 command \x14 what is shown \x15; without \x14 nothing is shown.
_FIELD_COMMAND = re.compile(r"\x13[^\x13\x14\x15]*\x14([^\x13\x14\x15]*)\x15|\x13[^\x13\x14\x15]*\x15")
_FIELDS_DEEP = 10

_SIGNS = str.maketrans(
    {"\x0b": " ", "\x0c": "\r", "\x0e": "\r", "\x1e": "-", "\xa0": " ", "\t": " ", "\x1f": "", "\x01": ""}
    | {"\x02": "", "\x05": "", "\x08": "", "\x13": "", "\x14": "", "\x15": ""}
)
# No character of Word's.
HEADING_MARK = "\x18"
_MARKED = re.compile(HEADING_MARK + r"(\d)")
_CELL_END = "\x07"
_MOST_COLUMNS = 64  # Word's own limit is 63, and the mark at a row's end


def blocks(text: str) -> Iterator[tuple[int | None, str]]:
    """Paragraphs, and tables as Markdown rows, as ``(heading level or None, text)``.

    Args:
        text: as Word stores it; before a heading stand `HEADING_MARK` and its level.
    """
    for _ in range(_FIELDS_DEEP):
        shown = _FIELD_COMMAND.sub(lambda match: match.group(1) or "", text)
        if shown == text:
            break
        text = shown
    for paragraph in text.translate(_SIGNS).split("\r"):
        *cells, rest = paragraph.split(_CELL_END)
        if cells:
            yield None, _table([_MARKED.sub("", cell) for cell in cells])
        mark = _MARKED.match(rest)
        if written := " ".join(_MARKED.sub("", rest).split()):
            yield int(mark.group(1)) if mark else None, written


def _table(cells: Sequence[str]) -> str:
    """Cells as rows: each row ends with an empty cell more, which is how the text marks its end."""
    for width in range(2, min(len(cells), _MOST_COLUMNS) + 1):
        if len(cells) % width == 0 and not any(cell.strip() for cell in cells[width - 1 :: width]):
            rows = [cells[start : start + width - 1] for start in range(0, len(cells), width)]
            return markdown_table([row for row in rows if any(cell.strip() for cell in row)])
    # Rows of different lengths: an empty cell cannot be told from a row's end.
    groups: list[list[str]] = [[]]
    for cell in cells:
        if cell.strip():
            groups[-1].append(cell)
        elif groups[-1]:
            groups.append([])
    return markdown_rows(group for group in groups if group)

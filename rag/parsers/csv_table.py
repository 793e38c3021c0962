"""CSV and its relatives: one table whose rows are numbered as a spreadsheet would, the head repeated.

Whether commas, semicolons, tabs or bars part the cells is told by which of them gives rows of equal width. It
does not know types: a cell is what stands in it.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import decode_text
from rag.parsers.rows import markdown_row
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions

_DELIMITERS: Final = (",", ";", "\t", "|")
_SAMPLE_ROWS = 100
# Spreadsheets write this line for each other.
_STATED: Final = re.compile(r"\Asep=(.)\r?\n")

# Numbers, money, percentages, dates, times: what stands below a head and not in it.
_VALUE: Final = re.compile(r"^[-+]?[\d.,:/\s%$€£¥()年月日-]*\d[\d.,:/\s%$€£¥()年月日-]*$")
_HEAD_CHARACTERS = 80

# A cell of more lines has lost its closing quote.
_MAX_CELL_LINES = 200
# The most that the csv module lets one cell have; a file is not larger.
_MAX_CELL_CHARACTERS = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    cells: Sequence[str]


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The table, in a section for each run of rows without an empty one.

    Raises:
        ParseError: its encoding is not recognized.
    """
    decoded = decode_text(content, path)
    rows, notes = _read(decoded.text, path)
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0] if rows else 0
    head = _head_index(rows, width)
    header = markdown_row(rows[head].cells) if head is not None else ""
    first = 0 if head is None else head + 1
    # What stands above the head: a title, a date. With nothing below it, a head is all there is.
    above = rows[:first] if first == len(rows) else rows[: max(0, first - 1)]
    sections = (*_sections(above, ""), *_sections(rows[first:], header))
    return ParsedDocument(title=path.stem, format="csv", sections=sections, notes=(*decoded.notes, *notes))


def _read(text: str, path: PurePath) -> tuple[list[_Row], tuple[str, ...]]:
    """All rows that are not empty, numbered from 1, empty ones counted."""
    text = text.removeprefix("\ufeff")
    if stated := _STATED.match(text):
        rows = list(_rows(text[stated.end() :], stated.group(1), path))
        return [_Row(row.number + 1, row.cells) for row in rows], ()
    delimiter = _delimiter(text, path)
    rows = list(_rows(text, delimiter, path))
    if any(cell.count("\n") > _MAX_CELL_LINES for row in rows for cell in row.cells):
        return list(_rows(text, delimiter, path, quoting=csv.QUOTE_NONE)), (
            "a quote is never closed: quotes were read as they stand",
        )
    return rows, ()


def _rows(text: str, delimiter: str, path: PurePath, quoting: int = csv.QUOTE_MINIMAL) -> Iterator[_Row]:
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    # Tests and the writers of some programs end lines by a lone carriage return.
    lines = io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n"), newline="\n")
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    try:
        for number, cells in enumerate(reader, start=1):
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield _Row(number, stripped)
    except csv.Error as error:
        raise ParseError(
            f"{path} is no table: {error}", hint="rename it to .txt to read it as text"
        ) from error


def _delimiter(text: str, path: PurePath) -> str:
    """The mark that gives the most rows of one width above 1."""
    if path.suffix.lower() in {".tsv", ".tab"} and "\t" in text:
        return "\t"
    sample = "\n".join(text.split("\n", 4 * _SAMPLE_ROWS)[: 4 * _SAMPLE_ROWS])
    best, best_share = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = list(itertools.islice(_rows(sample, delimiter, path), _SAMPLE_ROWS))
        width, count = Counter(len(row.cells) for row in rows).most_common(1)[0] if rows else (0, 0)
        share = count / len(rows) if rows and width > 1 else 0.0
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _head_index(rows: Sequence[_Row], width: int) -> int | None:
    """Which row is the head: the first of full width, if it looks like names and not like values."""
    for index, row in enumerate(rows[:10]):
        if len(row.cells) < width or width < 2:  # noqa: PLR2004 (one column has no head to tell)
            continue
        names = [cell for cell in row.cells if cell]
        fits = len(names) >= len(row.cells) - 1 and len(set(names)) == len(names)
        short = all(len(name) <= _HEAD_CHARACTERS and "\n" not in name for name in names)
        return index if fits and short and not any(map(_VALUE.match, names)) else None
    return None


def _sections(rows: Sequence[_Row], header: str) -> Iterator[Section]:
    """A section for each run of rows that follow each other."""
    run: list[_Row] = []
    for row in (*rows, None):
        if run and (row is None or row.number != run[-1].number + 1):
            text = "\n".join(markdown_row(each.cells) for each in run)
            yield Section(text, kind="table", row=run[0].number, header=header)
            run = []
        if row is not None:
            run.append(row)

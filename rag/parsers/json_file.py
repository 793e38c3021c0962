"""JSON: an object's entries as sections, an array's records as rows or sections; and JSON a line.

A file that is no JSON after all, such as one with comments, is read as the text that it is, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.decoding import decode_text
from rag.parsers.json_values import load, record_sections, value_sections

if TYPE_CHECKING:
    from pathlib import PurePath

    from rag.parsers.json_values import Record
    from rag.parsers.options import ParseOptions


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The file's entries or records, an array's numbered from 1, lines as the file's own.

    Raises:
        ParseError: its encoding is not recognized.
    """
    decoded = decode_text(content, path)
    notes = decoded.notes
    try:
        sections = tuple(value_sections(load(decoded.text)))
    except (ValueError, RecursionError) as error:
        records, broken = _line_records(decoded.text)
        if records and len(broken) <= len(records) // 10:
            sections = tuple(record_sections(records, "line"))
            notes += _noted(broken)
        else:
            sections = (Section(decoded.text, kind="code"),)
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            notes += (f"no valid JSON ({reason}): read as plain text",)
    return ParsedDocument(title=path.stem, format="json", sections=sections, notes=notes)


def _line_records(text: str) -> tuple[list[Record], list[int]]:
    """The values of a text with one a line, and the numbers of the lines that have none."""
    records: list[Record] = []
    broken: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append((number, load(line)))
        except (ValueError, RecursionError):
            broken.append(number)
    # One value on one line would have been read as a file of JSON.
    return (records, broken) if len(records) > 1 else ([], broken)


def _noted(broken: list[int]) -> tuple[str, ...]:
    if not broken:
        return ()
    listed = ", ".join(map(str, broken[:10])) + (" …" if len(broken) > 10 else "")  # noqa: PLR2004 (shown)
    return (f"lines that are no JSON were left out: {listed}",)

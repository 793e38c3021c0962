"""JSON values as lines that a person reads: ``- server.ports[0]: 80``; flat records as a table.

Numbers stay as they are written. It knows values, not files.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from rag.document import Section
from rag.parsers.rows import markdown_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    # A record with its number: an entry of an array, or a line.
    Record = tuple[int, object]

# Longer texts are paragraphs of their own; longer rows are no table.
_LONG_CHARACTERS = 200
_ROW_CHARACTERS = 600
_MAX_COLUMNS = 30
# Short lists stand on one line.
_LIST_CHARACTERS = 200
# Deeper values are written as JSON.
_MAX_DEPTH = 40
# What names a record, if it has it.
_NAMES: Final = ("title", "name", "question", "subject", "id", "标题", "名称", "问题")
_NAME_CHARACTERS = 80


def load(text: str) -> object:
    """The value of a JSON text, with numbers as strings.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def value_sections(value: object) -> Iterator[Section]:
    """An object's entries, each a section where it holds more; an array's records."""
    if isinstance(value, list):
        yield from record_sections(list(enumerate(value, start=1)), "entry")
    elif isinstance(value, dict):
        yield from _object_sections(value)
    else:
        yield Section(_scalar(value))


def record_sections(records: Sequence[Record], unit: str, heading: tuple[str, ...] = ()) -> Iterator[Section]:
    """Records as one table if all are flat and short, else a section each, placed by number.

    Args:
        records: each with its number, ascending.
        unit: what is counted: ``entry``, ``line``.
        heading: above all of them.
    """
    columns = _columns([record for _, record in records])
    if columns:
        yield from _tables(records, columns, heading)
        return
    for number, record in records:
        blocks = "\n".join(_lines(record, "", 0))
        name = _name(record)
        yield Section(blocks, heading=(*heading, name) if name else heading, place=f"{unit} {number}")


def _object_sections(value: Mapping[str, object]) -> Iterator[Section]:
    plain: list[str] = []
    for key, inner in value.items():
        if not isinstance(inner, (dict, list)) or not inner:
            plain.extend(_lines(inner, key, 0))
            continue
        if plain:
            yield Section("\n".join(plain))
            plain = []
        if isinstance(inner, list) and (columns := _columns(inner)):
            yield from _tables(list(enumerate(inner, start=1)), columns, (key,), place=key)
        else:
            yield Section("\n".join(_lines(inner, key, 0)), heading=(key,))
    if plain:
        yield Section("\n".join(plain))


def _columns(values: Iterable[object]) -> list[str]:
    """The keys of flat records in the order in which they come; none where they are not, or not short."""
    columns: dict[str, None] = {}
    for value in values:
        if not isinstance(value, dict) or any(isinstance(inner, (dict, list)) for inner in value.values()):
            return []
        if sum(len(_scalar(inner)) for inner in value.values()) > _ROW_CHARACTERS:
            return []
        columns.update(dict.fromkeys(value))
        if len(columns) > _MAX_COLUMNS:
            return []
    return list(columns)


def _tables(
    records: Sequence[Record], columns: Sequence[str], heading: tuple[str, ...], place: str = ""
) -> Iterator[Section]:
    """The rows; where a number is missing, another section begins."""
    header = markdown_row(columns)
    run: list[Record] = []
    for number, record in (*records, (-1, None)):
        if run and number != run[-1][0] + 1:
            rows = (
                markdown_row(_scalar(cast("Mapping[str, object]", each).get(key, "")) for key in columns)
                for _, each in run
            )
            text = "\n".join(rows)
            yield Section(text, heading=heading, kind="table", place=place, row=run[0][0], header=header)
            run = []
        run.append((number, record))


def _lines(value: object, path: str, depth: int) -> Iterator[str]:
    """A value's lines, each with the path to what it says."""
    if isinstance(value, dict) and value and depth < _MAX_DEPTH:
        for key, inner in value.items():
            yield from _lines(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and value and depth < _MAX_DEPTH:
        plain = [_scalar(inner) for inner in value if not isinstance(inner, (dict, list))]
        if len(plain) == len(value) and sum(map(len, plain)) <= _LIST_CHARACTERS:
            yield f"- {path}: {', '.join(plain)}" if path else f"- {', '.join(plain)}"
            return
        for index, inner in enumerate(value):
            yield from _lines(inner, f"{path}[{index}]", depth + 1)
    elif isinstance(value, (dict, list)):
        yield f"- {path}: {json.dumps(value, ensure_ascii=False) if value else 'empty'}"
    elif isinstance(value, str) and (len(value) > _LONG_CHARACTERS or "\n" in value.strip()):
        yield f"\n{path}:\n\n{value.strip()}\n" if path else value
    else:
        yield f"- {path}: {_scalar(value)}" if path else _scalar(value)


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(record: object) -> str:
    if not isinstance(record, dict):
        return ""
    for key in _NAMES:
        value = record.get(key)
        if isinstance(value, str) and 0 < len(value.strip()) <= _NAME_CHARACTERS and "\n" not in value:
            return value.strip()
    return ""

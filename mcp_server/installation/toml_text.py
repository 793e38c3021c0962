"""Puts one table into a TOML text and takes it out again; all other bytes stay as they are.

A new entry becomes a table of its own at the end, where it can belong to no other. What the entries mean is
not its to know.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from mcp_server.installation.slot import line_ending, place
from mcp_server.installation.toml_statements import (
    Statement,
    line_end,
    read_document,
    read_keys,
    read_statements,
    value_end,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_server.installation.slot import Slot

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANKS: Final = " \t"


def entries(text: str, slot: Slot) -> dict[str, Any]:
    r"""All entries of the slot's section, by their names and in their order.

    Raises:
        ValueError: the text is no TOML, or the section is no table.

    Example:
        >>> from mcp_server.installation.slot import Slot
        >>> entries("[servers.a]\nb = 1", Slot(("servers",), "a"))
        {'a': {'b': 1}}
    """
    return dict(_section(text, slot))


def put(text: str, slot: Slot, value: object) -> str:
    r"""The text with the entry in it: instead of the one that is there, else behind everything else.

    Raises:
        ValueError: the text is no TOML, the section is no table, or it is laid out so that it cannot grow.

    Example:
        >>> from mcp_server.installation.slot import Slot
        >>> put("[servers.a]\n", Slot(("servers",), "b"), {"c": [1]})
        '[servers.a]\n\n[servers.b]\nc = [1]\n'
    """
    section = _section(text, slot)
    if not isinstance(value, dict):
        raise TypeError("a table is needed")
    statements = read_statements(text)
    path = (*slot.section, slot.name)
    inline = _inline(statements, slot.section)
    if inline is not None:
        return _put_inline(text, inline, slot, value)
    if slot.name not in section:
        return _appended(text, path, value)
    whole = _inline(statements, path)
    if whole is not None and whole.value is not None:
        return text[: whole.value] + _inline_table(value) + text[whole.end :]
    own = [statement for statement in statements if statement.keys[: len(path)] == path]
    if own[0].value is not None or own[0].keys != path:
        raise ValueError(f"{place(text, own[0].start)}: an entry with dotted keys cannot be replaced safely")
    ending = line_ending(text)
    spans = _spans(text, statements, path)
    start, end = spans[0]
    tail = "" if text[start:end].endswith("\n") else ending
    table = ending.join(_table(path, value)) + ("" if tail else ending)
    for low, high in reversed(spans[1:]):
        text = text[:low] + text[high:]
    return text[:start] + table + text[end:]


def drop(text: str, slot: Slot, original: str | None = None) -> str:
    """The text without the entry, its sub-tables and the empty line that set it off.

    Args:
        text: of the file as it is.
        slot: the entry's place; nothing changes where it is empty.
        original: not needed here, where an entry brings no section with it.

    Raises:
        ValueError: the text is no TOML, or the section is no table.
    """
    del original
    if slot.name not in _section(text, slot):
        return text
    statements = read_statements(text)
    path = (*slot.section, slot.name)
    inline = _inline(statements, slot.section)
    if inline is not None:
        return _drop_inline(text, inline, slot)
    for start, end in reversed(_spans(text, statements, path)):
        text = _cut(text, start, end)
    return text


def _section(text: str, slot: Slot) -> Mapping[str, Any]:
    found: Any = read_document(text)
    for key in slot.section:
        found = found.get(key, {})
        if not isinstance(found, dict):
            at = next(s.start for s in read_statements(text) if s.keys[: len(slot.section)] == slot.section)
            where = place(text, at)
            raise ValueError(f"{where}: {'.'.join(slot.section)} has to be a table")  # noqa: TRY004 -- of the text
    return found  # type: ignore[no-any-return]


def _inline(statements: list[Statement], path: tuple[str, ...]) -> Statement | None:
    """The statement that holds a whole table as its value."""
    return next((s for s in statements if s.keys == path and s.value is not None), None)


def _appended(text: str, path: tuple[str, ...], value: dict[str, Any]) -> str:
    ending = line_ending(text)
    table = ending.join(_table(path, value))
    if not text.strip("\ufeff"):
        return text + table + ending
    # A text whose last line does not end is told by the table's last line, which then does not end either.
    return text + (ending + table + ending if text.endswith("\n") else ending + ending + table)


def _cut(text: str, start: int, end: int) -> str:
    """Without a block of whole lines, and without what ``_appended`` put before it."""
    before, after = text[:start], text[end:]
    if not before.strip("\ufeff"):  # the first one: what sets off the next goes instead
        return before + (after[line_end(after, 0) :] if after[:1] in {"\r", "\n"} else after)
    shorter = _without_ending(before)
    if not shorter.endswith("\n"):  # no empty line sets it off
        return before + after
    return (shorter if text.endswith("\n") or after else _without_ending(shorter)) + after


def _without_ending(text: str) -> str:
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")


def _spans(text: str, statements: list[Statement], path: tuple[str, ...]) -> list[tuple[int, int]]:
    """The whole lines of an entry, each run of them as one; comments between them go with them."""
    spans: list[tuple[int, int]] = []
    follows = False
    for statement in statements:
        own = statement.keys[: len(path)] == path
        if own:
            start = spans.pop()[0] if follows else statement.start
            spans.append((start, line_end(text, statement.end)))
        follows = own
    return spans


def _table(path: tuple[str, ...], value: dict[str, Any]) -> list[str]:
    members = [f"{_key(key)} = {_value(item)}" for key, item in value.items()]
    return [f"[{'.'.join(map(_key, path))}]", *members]


def _put_inline(text: str, inline: Statement, slot: Slot, value: dict[str, Any]) -> str:
    member = f"{_key(slot.name)} = {_inline_table(value)}"
    members = _members(text, inline)
    for keys, start, end in members:
        if keys == (slot.name,):
            return text[:start] + member + text[end:]
        if keys[0] == slot.name:
            raise ValueError(f"{place(text, start)}: an entry with dotted keys cannot be replaced safely")
    if members:
        at = members[-1][2]
        return f"{text[:at]}, {member}{text[at:]}"
    at = (inline.value or 0) + 1
    return f"{text[:at]}{member}{text[at:]}"


def _drop_inline(text: str, inline: Statement, slot: Slot) -> str:
    members = _members(text, inline)
    index, (_, start, end) = next((i, m) for i, m in enumerate(members) if m[0][0] == slot.name)
    if index:
        return text[: members[index - 1][2]] + text[end:]
    if len(members) > 1:
        return text[:start] + text[members[1][1] :]
    return text[:start] + text[end:]


def _members(text: str, inline: Statement) -> list[tuple[tuple[str, ...], int, int]]:
    """The members of an inline table: keys, start and end."""
    found: list[tuple[tuple[str, ...], int, int]] = []
    at = (inline.value or 0) + 1
    while True:
        while text[at] in " \t,\r\n":
            at += 1
        if text[at] == "}":
            return found
        keys, equals = read_keys(text, at)
        start = equals + 1
        while text[start] in _BLANKS:
            start += 1
        end = value_end(text, start)
        found.append((keys, at, end))
        at = end


def _inline_table(value: dict[str, Any]) -> str:
    members = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
    return f"{{ {members} }}" if members else "{}"


def _value(value: object) -> str:
    if isinstance(value, dict):
        return _inline_table(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    # JSON's strings are TOML's, but for one character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)

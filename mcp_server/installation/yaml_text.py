"""Puts one item into a list of a YAML text and takes it out again; all other bytes stay as they are.

New items follow the list's own style: a block of lines, or JSON in brackets, which is YAML. What the entries
mean is not its to know.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import yaml

from mcp_server.installation.slot import Slot, line_ending, place
from mcp_server.installation.yaml_nodes import name_of, read_root, section_of, value_of

_BOM: Final = "\ufeff"
# What YAML does not take as it is in quotes, beyond what JSON escapes.
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_BETWEEN: Final = re.compile(r"\s*,\s*")


def entries(text: str, slot: Slot) -> dict[str, Any]:
    r"""All entries of the slot's section, by their names and in their order.

    Raises:
        ValueError: the text is no YAML, or the section is no list.

    Example:
        >>> entries("servers:\n  - name: a", Slot(("servers",), "a", "name"))
        {'a': {'name': 'a'}}
    """
    text = text.removeprefix(_BOM)
    found = section_of(text, read_root(text), slot)
    items = found[1].value if found and isinstance(found[1], yaml.SequenceNode) else ()
    return {name: value_of(item) for item in items if (name := name_of(item, slot))}


def put(text: str, slot: Slot, value: object) -> str:
    r"""The text with the entry in it: instead of the one that is there, else behind the others.

    Raises:
        ValueError: the text is no YAML, the section is no list, or it is laid out so that it cannot grow.

    Example:
        >>> put("servers:\n- name: a # mine\n", Slot(("servers",), "b", "name"), {"name": "b"})
        'servers:\n- name: a # mine\n- name: "b"\n'
    """
    if not isinstance(value, dict):
        raise TypeError("a mapping is needed")
    if text.startswith(_BOM):
        return _BOM + put(text[1:], slot, value)
    root = read_root(text)
    found = section_of(text, root, slot)
    if found is None:
        return _with_section(text, root, slot, value)
    key, node = found
    if isinstance(node, yaml.SequenceNode):
        return _with_item(text, node, slot, value)
    # The key stands there without a value.
    return _with_lines(text, _line_end(text, key.end_mark.index), _item(value, key.start_mark.column + 2))


def drop(text: str, slot: Slot, original: str | None = None) -> str:
    """The text without the entry.

    Args:
        text: of the file as it is.
        slot: the entry's place; nothing changes where it is empty.
        original: the file as it was before the first entry of ours: a section that it had stays, also empty;
            None where there was no file.

    Raises:
        ValueError: the text is no YAML, or the section is no list.
    """
    if text.startswith(_BOM):
        return _BOM + drop(text[1:], slot, original)
    root = read_root(text)
    found = section_of(text, root, slot)
    if root is None or found is None or not isinstance(found[1], yaml.SequenceNode):
        return text
    key, node = found[0], found[1]
    index = next((at for at, item in enumerate(node.value) if name_of(item, slot) == slot.name), None)
    before = (original or "").removeprefix(_BOM)
    if index is None:
        return text
    if len(node.value) == 1 and section_of(before, read_root(before), slot) is None:
        return _without_section(text, root, key, node)
    if node.flow_style:
        spans = [(item.start_mark.index, item.end_mark.index) for item in node.value]
        return _without_flow(text, spans, index)
    item = node.value[index]
    return _without_lines(text, _dash_line(text, node, item), _content_end(text, item))


def _without_section(text: str, root: yaml.MappingNode, key: yaml.Node, node: yaml.SequenceNode) -> str:
    if not root.flow_style:
        return _without_lines(text, _line_start(text, key.start_mark.index), _content_end(text, node))
    spans = [(pair[0].start_mark.index, pair[1].end_mark.index) for pair in root.value]
    return _without_flow(text, spans, [pair[0] for pair in root.value].index(key))


def _with_section(text: str, root: yaml.MappingNode | None, slot: Slot, value: dict[str, Any]) -> str:
    (name,) = slot.section
    ending = line_ending(text)
    if root is None:
        gap = ending if text and not text.endswith("\n") else ""
        beside = [f"{key}: {member}" for key, member in slot.beside]
        return text + gap + ending.join([*beside, f"{name}:", *_item(value, 2)]) + ending
    if root.flow_style:
        pair = f"{json.dumps(name)}: [{_json(value)}]"
        if not root.value:
            return _inserted(text, root.start_mark.index + 1, pair)
        return _inserted(text, root.value[-1][1].end_mark.index, f", {pair}")
    column = root.start_mark.column
    lines = [f"{' ' * column}{name}:", *_item(value, column + 2)]
    return _with_lines(text, _free_line(text, root), lines)


def _with_item(text: str, node: yaml.SequenceNode, slot: Slot, value: dict[str, Any]) -> str:
    old = next((item for item in node.value if name_of(item, slot) == slot.name), None)
    if node.flow_style and old is None:
        return _with_flow(text, node, _json(value))
    if old is not None and (node.flow_style or old.flow_style):
        return text[: old.start_mark.index] + _json(value) + text[old.end_mark.index :]
    lines = _item(value, node.start_mark.column)
    if old is None:
        return _with_lines(text, _free_line(text, node), lines)
    block = line_ending(text).join(lines)
    return text[: _dash_line(text, node, old)] + block + text[_content_end(text, old) :]


def _with_flow(text: str, node: yaml.SequenceNode, item: str) -> str:
    if not node.value:
        return _inserted(text, node.start_mark.index + 1, item)
    last = node.value[-1]
    if last.start_mark.index < node.start_mark.index:
        raise ValueError(
            f"{place(text, node.start_mark.index)}: its last item is an alias, add yours by hand"
        )
    return _inserted(text, last.end_mark.index, f", {item}")


def _without_flow(text: str, spans: list[tuple[int, int]], index: int) -> str:
    start, end = spans[index]
    if index and _BETWEEN.fullmatch(text, spans[index - 1][1], start):
        return text[: spans[index - 1][1]] + text[end:]
    if index + 1 < len(spans) and _BETWEEN.fullmatch(text, end, spans[index + 1][0]):
        return text[:start] + text[spans[index + 1][0] :]
    if len(spans) == 1:
        return text[:start] + text[end:]
    raise ValueError(f"{place(text, start)}: comments stand around the entry, take it out by hand")


def _item(value: dict[str, Any], column: int) -> list[str]:
    """The lines of an item whose dash stands in a column."""
    members = [f"{key}: {_json(item)}" for key, item in value.items()]
    return [f"{' ' * column}{'- ' if at == 0 else '  '}{member}" for at, member in enumerate(members)]


def _json(value: object) -> str:
    """JSON is YAML, if what YAML cannot print is escaped."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _with_lines(text: str, at: int, lines: list[str]) -> str:
    """With lines behind the one that ends at a position."""
    ending = line_ending(text)
    return _inserted(text, at, ending + ending.join(lines))


def _without_lines(text: str, start: int, end: int) -> str:
    """Without whole lines, and without the line ending before them."""
    if start == 0:
        return text[end:].removeprefix("\r").removeprefix("\n")
    return text[: start - (2 if text[:start].endswith("\r\n") else 1)] + text[end:]


def _inserted(text: str, at: int, part: str) -> str:
    return text[:at] + part + text[at:]


def _free_line(text: str, node: yaml.Node) -> int:
    """The end of a block, behind which a line may follow.

    Raises:
        ValueError: the file ends in a block of text, to which a further line would add a line ending.
    """
    end = _content_end(text, node)
    if end == len(text) and _is_text_block(_last_leaf(node)):
        raise ValueError(f"{place(text, end)}: a block of text ends here without a line ending; add one")
    return end


def _content_end(text: str, node: yaml.Node) -> int:
    """The end of the line on which a block's last content stands, behind its comment."""
    last = _last_leaf(node)
    end = int(last.end_mark.index)
    start = _line_start(text, end)
    if _is_text_block(last) and start and not text[start:end].strip():
        end = start - (2 if text[:start].endswith("\r\n") else 1)  # such a text ends behind its last line
    # The last node is that of an alias where it stands before the block's last line.
    return max(_line_end(text, end), _last_line_end(text, int(node.end_mark.index)))


def _last_leaf(node: yaml.Node) -> yaml.Node:
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return node


def _is_text_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}


def _last_line_end(text: str, end: int) -> int:
    """The end of the last line before a position that is neither empty nor a comment."""
    while True:
        start = _line_start(text, end)
        line = text[start:end].strip()
        if (line and not line.startswith("#")) or start == 0:
            return _line_end(text, start)
        end = start - 1


def _dash_line(text: str, node: yaml.Node, item: yaml.Node) -> int:
    """Where the line with an item's dash starts: the item itself may begin on a later one."""
    column, start = node.start_mark.column, _line_start(text, item.start_mark.index)
    while start and text[start : start + column + 1].strip() != "-":
        start = _line_start(text, start - 1)
    return start


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if text[end - 1 : end] == "\r" and end > at else end

"""Puts one entry into a JSON text and takes it out again; all other bytes stay as they are.

Comments, trailing commas, indentation and line endings are the file's own, and what is put in follows them.
What the entries mean is not its to know.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from mcp_server.installation.json_layout import BLANKS, Layout
from mcp_server.installation.json_nodes import Child, Node, read_root
from mcp_server.installation.slot import place

if TYPE_CHECKING:
    from mcp_server.installation.slot import Slot

# What may follow a value on its line and belongs to it.
_LINE_REST: Final = re.compile(r"(?:[ \t]+|/\*[^\r\n]*?\*/|//[^\r\n]*)*")


def entries(text: str, slot: Slot) -> dict[str, Any]:
    """All entries of the slot's section, by their names and in their order.

    Raises:
        ValueError: the text is no JSON, or the section is something else than it should be.

    Example:
        >>> from mcp_server.installation.slot import Slot
        >>> entries('{"servers": {"a": 1}}', Slot(("servers",), "a"))
        {'a': 1}
    """
    holder = _holder(text, read_root(text), slot)
    if holder is None:
        return {}
    if not slot.id_key:
        return {child.key: child.node.value for child in holder.children}
    items = [child.node.value for child in holder.children if isinstance(child.node.value, dict)]
    return {str(item[slot.id_key]): item for item in items if slot.id_key in item}


def put(text: str, slot: Slot, value: object) -> str:
    r"""The text with the entry in it: instead of the one that is there, else behind the others.

    Raises:
        ValueError: the text is no JSON, or the section is something else than it should be.

    Example:
        >>> from mcp_server.installation.slot import Slot
        >>> put('{"servers": {"a": 1}} // mine', Slot(("servers",), "b"), 2)
        '{"servers": {"a": 1, "b": 2}} // mine'
    """
    root = read_root(text)
    if root is None:
        return _with_root(text, slot, value)
    holder, missing = root, list(slot.section)
    _check(text, holder, slot, at_end=not missing)
    while missing and (child := holder.child(missing[0])):
        holder = child.node
        missing.pop(0)
        _check(text, holder, slot, at_end=not missing)
    if not missing and (child := _entry(holder, slot)):
        layout = Layout(text, root)
        written = layout.written(value, layout.indent_at(child.start), inline=layout.is_inline(holder))
        return text[: child.node.start] + written + text[child.end :]
    key, content = _nested(missing, slot, value)
    return _with_child(text, root, holder, key, content)


def drop(text: str, slot: Slot, original: str | None = None) -> str:
    """The text without the entry.

    Args:
        text: of the file as it is.
        slot: the entry's place; nothing changes where it is empty.
        original: the file as it was before the first entry of ours: sections that it had stay, also empty;
            None where there was no file.

    Raises:
        ValueError: the text is no JSON, or the section is something else than it should be.
    """
    root = read_root(text)
    holder = _holder(text, root, slot)
    child = _entry(holder, slot) if holder else None
    if root is None or holder is None or child is None:
        return text
    before = read_root(original) if original is not None else None
    text = _without(text, holder, child)
    for depth in range(len(slot.section), -1, -1):
        path = slot.section[:depth]
        emptied, old = _at(read_root(text), path), _at(before, path)
        if emptied is None or emptied.children:
            break
        if old is not None and original is not None:
            return _refilled(text, emptied, original, old)
        if _inside(text, emptied).strip():
            break
        if not path:
            return _without_root(text, emptied, original)
        text = _without_section(text, path)
    return text


def _with_root(text: str, slot: Slot, value: object) -> str:
    layout = Layout(text, None)
    key, content = _nested(list(slot.section), slot, value)
    document = {key: content} if key else content
    stands = text.lstrip("\ufeff")
    gap = layout.ending if stands and not stands.endswith("\n") else ""
    return text + gap + layout.written(document, "", inline=False) + layout.ending


def _without_root(text: str, root: Node, original: str | None) -> str:
    rest = text[: root.start] + text[root.end :]
    if original is not None and original.strip() == rest.strip():
        return original
    return rest if rest.strip("\ufeff \t\r\n") else ""


def _with_child(text: str, root: Node, holder: Node, key: str, value: object) -> str:
    layout = Layout(text, root)
    inline = layout.is_inline(holder)
    indent = layout.child_indent(holder)
    name = f"{json.dumps(key, ensure_ascii=False)}: " if key else ""
    written = name + layout.written(value, indent, inline=inline)
    if not holder.children:
        return _with_first_child(text, layout, holder, written, inline=inline)
    last = holder.children[-1]
    comma, trailing = (",", "") if last.comma is None else ("", ",")
    behind = last.end if last.comma is None else last.comma + 1
    if inline:
        return text[: last.end] + comma + text[last.end : behind] + f" {written}{trailing}" + text[behind:]
    rest = _LINE_REST.match(text, behind)
    at = rest.end() if rest else behind
    if text[at : at + 1] not in {"\r", "\n"}:  # the container is closed on this line
        at = behind
    added = f"{layout.ending}{indent}{written}{trailing}"
    return text[: last.end] + comma + text[last.end : at] + added + text[at:]


def _with_first_child(text: str, layout: Layout, holder: Node, written: str, *, inline: bool) -> str:
    at = holder.start + 1
    if inline:
        return text[:at] + written + text[at:]
    inside = text[at : holder.end - 1]
    # A closing bracket that has its line already needs none from us.
    own_line = "\n" in inside and not inside.strip()
    tail = "" if own_line else layout.ending + layout.indent_at(holder.start)
    return text[:at] + layout.ending + layout.child_indent(holder) + written + tail + text[at:]


def _without(text: str, holder: Node, child: Child) -> str:
    index = holder.children.index(child)
    inside = holder.start + 1
    end = child.end if child.comma is None else child.comma + 1
    if len(holder.children) == 1:
        if not (text[inside : child.start] + text[end : holder.end - 1]).strip():
            return text[:inside] + text[holder.end - 1 :]
        return text[: _line_start(text, inside, child.start, end)] + text[end:]  # comments stay
    before = holder.children[index - 1].comma if index else None
    lowest = inside if before is None else before + 1
    start = _line_start(text, lowest, child.start, end)
    if child.comma is None:  # the last one: the comma before it would be left over
        return text[: lowest - 1] + text[lowest:start] + text[end:]
    if start == inside and "\n" not in text[start:end]:  # on one line with what follows
        end += len(text[end:]) - len(text[end:].lstrip(BLANKS))
    return text[:start] + text[end:]


def _line_start(text: str, lowest: int, position: int, end: int) -> int:
    """Where the blanks before a position start, with one line's end.

    The line's end stays where what follows would otherwise become part of a comment.
    """
    start = position
    while start > lowest and text[start - 1] in BLANKS:
        start -= 1
    if start <= lowest or text[start - 1] != "\n":
        return start
    if "//" in text[lowest:start] and text[end:].lstrip(BLANKS)[:1] not in {"\r", "\n"}:
        return start
    return start - (2 if text[start - 2 : start] == "\r\n" else 1)


def _inside(text: str, node: Node) -> str:
    return text[node.start + 1 : node.end - 1]


def _refilled(text: str, emptied: Node, original: str, old: Node) -> str:
    """An emptied section with the blanks that were in it before."""
    if old.children or _inside(text, emptied).strip() != _inside(original, old).strip():
        return text
    return text[: emptied.start + 1] + _inside(original, old) + text[emptied.end - 1 :]


def _without_section(text: str, path: tuple[str, ...]) -> str:
    parent = _at(read_root(text), path[:-1])
    section = parent.child(path[-1]) if parent else None
    return _without(text, parent, section) if parent and section else text


def _nested(missing: list[str], slot: Slot, value: object) -> tuple[str, object]:
    """What has to be put where the first missing section is, and under which key."""
    if not missing:
        return ("" if slot.id_key else slot.name), value
    content: object = [value] if slot.id_key else {slot.name: value}
    for key in reversed(missing[1:]):
        content = {key: content}
    return missing[0], content


def _holder(text: str, root: Node | None, slot: Slot) -> Node | None:
    if root is None:
        return None
    node = root
    _check(text, node, slot, at_end=not slot.section)
    for depth, key in enumerate(slot.section, 1):
        child = node.child(key)
        if child is None:
            return None
        node = child.node
        _check(text, node, slot, at_end=depth == len(slot.section))
    return node


def _at(root: Node | None, path: tuple[str, ...]) -> Node | None:
    node = root
    for key in path:
        child = node.child(key) if node else None
        node = child.node if child else None
    return node


def _entry(holder: Node, slot: Slot) -> Child | None:
    if not slot.id_key:
        return holder.child(slot.name)
    return next(
        (
            child
            for child in holder.children
            if isinstance(child.node.value, dict) and child.node.value.get(slot.id_key) == slot.name
        ),
        None,
    )


def _check(text: str, node: Node, slot: Slot, *, at_end: bool) -> None:
    """Refuse what cannot hold entries, and keys of which nobody knows which one counts."""
    wanted: type = list if at_end and slot.id_key else dict
    if not isinstance(node.value, wanted):
        kind = "an array" if wanted is list else "an object"
        raise ValueError(f"{place(text, node.start)}: {kind} is needed here")  # noqa: TRY004 -- of the text
    keys = [child.key for child in node.children if child.key]
    for key in {*slot.section, slot.name} if wanted is dict else ():
        if keys.count(key) > 1:
            twice = [child for child in node.children if child.key == key][1]
            raise ValueError(f"{place(text, twice.start)}: the key {key!r} stands here for the second time")

"""YAML read into PyYAML's nodes, which know where they stand in the text.

PyYAML writes nothing here: what it writes has lost comments and layout. Custom tags are left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from mcp_server.installation.slot import place

if TYPE_CHECKING:
    from mcp_server.installation.slot import Slot

_PLAIN: Final = "tag:yaml.org,2002:"


def read_root(text: str) -> yaml.MappingNode | None:
    """The text's mapping; None where it holds nothing but blanks and comments.

    Args:
        text: without a byte order mark, so that positions are the text's own.

    Raises:
        ValueError: it is no YAML, or no mapping; the message has line and column.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        raise ValueError(f"{place(text, error.position)}: a character that YAML does not allow") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}{error.problem or error.context}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if root is None or _is_empty(root):
        return None
    if not isinstance(root, yaml.MappingNode):
        where = place(text, root.start_mark.index)
        raise ValueError(f"{where}: a mapping is needed here")  # noqa: TRY004 -- of the text
    return root


def section_of(text: str, root: yaml.MappingNode | None, slot: Slot) -> tuple[yaml.Node, yaml.Node] | None:
    """The section's key and its value, a list or nothing; None where there is no such key.

    Raises:
        ValueError: it stands there twice, by another's name, or is no list.
    """
    (name,) = slot.section
    found = [pair for pair in (root.value if root else ()) if pair[0].value == name]
    if not found:
        return None
    if len(found) > 1:
        where = place(text, found[1][0].start_mark.index)
        raise ValueError(f"{where}: the key {name!r} stands here for the second time")
    key, value = found[0]
    if value.start_mark.index < key.end_mark.index:
        raise ValueError(
            f"{place(text, key.start_mark.index)}: {name} is an alias, and the list is elsewhere"
        )
    if not isinstance(value, yaml.SequenceNode) and not _is_empty(value):
        raise ValueError(f"{place(text, value.start_mark.index)}: a list is needed here")
    return key, value


def name_of(item: yaml.Node, slot: Slot) -> str:
    """What tells an item from the others; empty where nothing does."""
    if not isinstance(item, yaml.MappingNode):
        return ""
    return next((str(value.value) for key, value in item.value if key.value == slot.id_key), "")


def value_of(node: yaml.Node, known: dict[int, Any] | None = None) -> Any:  # noqa: ANN401 -- whatever YAML holds
    """What a node holds, in Python; of what is none of JSON's kinds, the text."""
    known = {} if known is None else known
    if id(node) not in known:
        known[id(node)] = None  # of what contains itself
        known[id(node)] = _value_of(node, known)
    return known[id(node)]


def _value_of(node: yaml.Node, known: dict[int, Any]) -> Any:  # noqa: ANN401 -- whatever YAML holds
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): value_of(value, known) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item, known) for item in node.value]
    kind = node.tag.removeprefix(_PLAIN)
    if kind == "null":
        return None
    if kind == "bool":
        return node.value.lower() in {"true", "yes", "on"}
    if kind == "int" and node.value.isdecimal():
        return int(node.value)
    return str(node.value)


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.value and node.style is None

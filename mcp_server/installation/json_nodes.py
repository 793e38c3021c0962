"""JSON with comments and trailing commas, read into values that know where they stand in the text.

It reads what editors write (VS Code's and Zed's settings among it) and refuses everything else by line and
column. It changes nothing: ``json_text`` does.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mcp_server.installation.slot import place

_TRIVIA: Final = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR: Final = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_BOM: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Node:
    """One value.

    Attributes:
        value: what it is in Python; of an object that names a key twice, the last.
        start: of its first character in the text.
        end: behind its last one.
        children: what an object or an array holds, in its order.
    """

    value: Any
    start: int
    end: int
    children: tuple[Child, ...] = ()

    def child(self, key: str) -> Child | None:
        """The member of that name, of an object; the last one where it stands twice."""
        return next((child for child in reversed(self.children) if child.key == key), None)


@dataclass(frozen=True, slots=True)
class Child:
    """A member of an object or an item of an array.

    Attributes:
        key: the member's name; empty for an item.
        start: of the key, or of the item.
        comma: where the comma behind it stands; None where there is none.
    """

    key: str
    start: int
    node: Node
    comma: int | None

    @property
    def end(self) -> int:
        """Behind the value."""
        return self.node.end


@lru_cache(maxsize=4)  # one installation reads the same text several times, and some have megabytes
def read_root(text: str) -> Node | None:
    """The text's value; None where it holds nothing but blanks and comments.

    Raises:
        ValueError: it is no JSON; the message has line and column.

    Example:
        >>> root = read_root('{"a": [1, 2,], /* why not */}')
        >>> root.value, root.child("a").start
        ({'a': [1, 2]}, 1)
    """
    reader = _Reader(text)
    at = reader.skip(len(_BOM) if text.startswith(_BOM) else 0)
    if at == len(text):
        return None
    try:
        root = reader.value(at)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    rest = reader.skip(root.end)
    if rest != len(text):
        raise ValueError(f"{place(text, rest)}: something follows the end of the document")
    return root


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def skip(self, at: int) -> int:
        """Behind blanks and comments."""
        match = _TRIVIA.match(self.text, at)
        return match.end() if match else at

    def value(self, at: int) -> Node:
        opening = self.text[at : at + 1]
        if opening in {"{", "["}:
            return self._container(at, opening)
        match = _STRING.match(self.text, at) or _SCALAR.match(self.text, at)
        if match is None:
            raise self._wrong(at, "a value")
        return Node(self._decoded(match), at, match.end())

    def _container(self, start: int, opening: str) -> Node:
        closing = "}" if opening == "{" else "]"
        children: list[Child] = []
        at = self.skip(start + 1)
        while self.text[at : at + 1] != closing:
            if children and children[-1].comma is None:
                raise self._wrong(at, f"a comma or {closing}")
            child = self._member(at) if opening == "{" else self._item(at)
            children.append(child)
            at = self.skip(child.end if child.comma is None else child.comma + 1)
        values = [child.node.value for child in children]
        value = dict(zip([c.key for c in children], values, strict=True)) if opening == "{" else values
        return Node(value, start, at + 1, tuple(children))

    def _member(self, start: int) -> Child:
        key = _STRING.match(self.text, start)
        if key is None:
            raise self._wrong(start, "a key in double quotes")
        at = self.skip(key.end())
        if self.text[at : at + 1] != ":":
            raise self._wrong(at, "a colon")
        node = self.value(self.skip(at + 1))
        return Child(self._decoded(key), start, node, self._comma(node.end))

    def _item(self, start: int) -> Child:
        node = self.value(start)
        return Child("", start, node, self._comma(node.end))

    def _comma(self, end: int) -> int | None:
        at = self.skip(end)
        return at if self.text[at : at + 1] == "," else None

    def _decoded(self, match: re.Match[str]) -> Any:  # noqa: ANN401 -- a string, a number, a constant
        try:
            return json.loads(match[0])
        except ValueError as error:  # an escape that JSON does not have, a number with too many digits
            raise self._wrong(match.start(), "a proper string or number") from error

    def _wrong(self, at: int, needed: str) -> ValueError:
        found = "the end" if at >= len(self.text) else repr(self.text[at])
        return ValueError(f"{place(self.text, at)}: {needed} is needed here, not {found}")

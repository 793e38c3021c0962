"""A foreign tool's input schema as models' servers take it: one plain object, no references, not too large.

Pure. What is lost here (patterns that a grammar cannot hold, branches at the top, the depths of a huge
schema) is only left out of what a model is told: arguments are checked against the original.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agents.mcp_servers.failures import plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping

# About 2,500 tokens, of a context that has 8,192: above that a schema loses its depths, level by level.
MOST_CHARACTERS: Final = 8_000
_DEEPEST: Final = 8
_DESCRIPTION_CHARACTERS: Final = 300
_MOST_PROPERTIES: Final = 64

_KEPT_AS_THEY_ARE: Final = frozenset(
    {
        "type", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "format",
    }
)  # fmt: skip
_LISTS_OF_SCHEMAS: Final = ("anyOf", "oneOf", "allOf")
_Schema = dict[str, Any]


class _TooLargeError(Exception):
    """More nodes than would ever fit: a short schema whose references double becomes endless."""


@dataclass
class _Root:
    """The whole schema, which references lead into, and how many nodes may still be made of it."""

    schema: Mapping[str, Any]
    nodes_left: int = MOST_CHARACTERS // 4

    def count(self) -> None:
        """One node more.

        Raises:
            _TooLargeError: it is one too many.
        """
        self.nodes_left -= 1
        if self.nodes_left < 0:
            raise _TooLargeError


def for_models(schema: Mapping[str, Any]) -> _Schema:
    """An object schema with ``properties``, in which nothing refers to anything else.

    Args:
        schema: of draft 7 or 2020-12, as the server gave it.

    Example:
        >>> for_models({"properties": {"n": {"$ref": "#/definitions/N"}}, "definitions": {"N": True}})
        {'type': 'object', 'properties': {'n': {}}, 'required': [], 'additionalProperties': False}
    """
    plain: _Schema = {"type": "object", "properties": {}, "required": []}
    for depth in range(_DEEPEST, 0, -1):
        try:
            plain = _object(_Root(schema), depth)
        except _TooLargeError:
            continue
        if len(json.dumps(plain, ensure_ascii=False)) <= MOST_CHARACTERS:
            return plain
    plain["properties"] = {name: _only_type(node) for name, node in plain["properties"].items()}
    return plain


def _object(root: _Root, depth: int) -> _Schema:
    """The top of a tool's schema: always an object, as OpenAI's protocol asks, whatever branches it has."""
    flat = _flattened(_resolved(root.schema, root, ()), root)
    plain = _plain(flat, root, (), depth)
    properties: _Schema = plain.get("properties", {})
    required = [name for name in _texts(flat.get("required")) if name in properties]
    made: _Schema = {"type": "object", "properties": properties, "required": required}
    extra = flat.get("additionalProperties")
    if extra is False or (properties and extra is None):
        made["additionalProperties"] = False
    return made


def _flattened(schema: Mapping[str, Any], root: _Root) -> _Schema:
    """``allOf`` at the top merged; of ``anyOf`` and ``oneOf`` all properties, none of them required."""
    flat = {key: value for key, value in schema.items() if key not in _LISTS_OF_SCHEMAS}
    properties = dict(_mapping(schema.get("properties")))
    required = _texts(schema.get("required"))
    for key in _LISTS_OF_SCHEMAS:
        for branch in schema.get(key) or () if isinstance(schema.get(key), list) else ():
            part = _resolved(branch, root, ())
            for name, node in _mapping(part.get("properties")).items():
                properties.setdefault(name, node)
            required += _texts(part.get("required")) if key == "allOf" else []
    return {**flat, "properties": properties, "required": list(dict.fromkeys(required))}


def _plain(node: object, root: _Root, path: tuple[str, ...], depth: int) -> _Schema:
    """A node without references, words for programs, or more than ``depth`` levels."""
    if node is False:
        return {"not": {}}
    if not isinstance(node, dict):
        return {}
    root.count()
    path, node = _followed(node, root, path)
    if depth == 0 or node is None:
        return _only_type(node or {})
    plain = {key: value for key, value in node.items() if key in _KEPT_AS_THEY_ARE}
    if isinstance(description := node.get("description"), str):
        plain["description"] = plain_words(description, limit=_DESCRIPTION_CHARACTERS)
    _put_values(plain, node)
    if node.get("nullable") is True and isinstance(node.get("type"), str):  # OpenAPI's word for it
        plain["type"] = [node["type"], "null"]
    if isinstance(properties := node.get("properties"), dict):
        plain["properties"] = _properties(properties, root, path, depth)
        plain["required"] = [name for name in _texts(node.get("required")) if name in plain["properties"]]
    if "additionalProperties" in node:
        extra = node["additionalProperties"]
        plain["additionalProperties"] = (
            extra if isinstance(extra, bool) else _plain(extra, root, path, depth - 1)
        )
    _put_items(plain, node, root, path, depth)
    for key in _LISTS_OF_SCHEMAS:
        if isinstance(branches := node.get(key), list):
            plain[key] = [_plain(branch, root, path, depth - 1) for branch in branches[:_MOST_PROPERTIES]]
    return plain


def _properties(properties: Mapping[str, Any], root: _Root, path: tuple[str, ...], depth: int) -> _Schema:
    """The properties that a model can be told of: a name stands in the prompt and cannot be changed."""
    names = [name for name in properties if plain_words(name) == name][:_MOST_PROPERTIES]
    return {name: _plain(properties[name], root, path, depth - 1) for name in names}


def _put_items(plain: _Schema, node: _Schema, root: _Root, path: tuple[str, ...], depth: int) -> None:
    """Items of an array; a tuple of draft 7 becomes that of 2020-12."""
    items, heads = node.get("items"), node.get("prefixItems")
    if isinstance(items, list):
        heads, items = items, node.get("additionalItems")
    if isinstance(heads, list):
        plain["prefixItems"] = [_plain(head, root, path, depth - 1) for head in heads[:_MOST_PROPERTIES]]
    if items is not None:
        plain["items"] = items if items is False else _plain(items, root, path, depth - 1)


def _put_values(plain: _Schema, node: _Schema) -> None:
    """Values that stand in the prompt word for word; one that could pass for something else is left out."""
    if isinstance(node.get("enum"), list) and (kept := [one for one in node["enum"] if _is_harmless(one)]):
        plain["enum"] = kept
    for key in ("const", "default"):
        if key in node and _is_harmless(node[key]):
            plain[key] = node[key]


def _followed(node: _Schema, root: _Root, path: tuple[str, ...]) -> tuple[tuple[str, ...], _Schema | None]:
    """What the node refers to, with its own words over it; None where it refers to what it is part of."""
    followed = list(path)
    while isinstance(reference := node.get("$ref"), str):
        root.count()
        if reference in followed:
            return tuple(followed), None
        followed.append(reference)
        beside = {key: value for key, value in node.items() if key != "$ref"}
        node = {**_pointed(reference, root), **beside}
    return tuple(followed), node


def _resolved(node: object, root: _Root, path: tuple[str, ...]) -> _Schema:
    return (_followed(node, root, path)[1] or {}) if isinstance(node, dict) else {}


def _pointed(reference: str, root: _Root) -> _Schema:
    """What a reference within the schema points at; anything else may be anything."""
    node: object = root.schema
    if not reference.startswith("#"):
        return {}
    for part in reference.removeprefix("#").strip("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if part and isinstance(node, dict):
            node = node.get(key)
    return node if isinstance(node, dict) else {}


def _only_type(node: Mapping[str, Any]) -> _Schema:
    return {
        key: node[key] for key in ("type", "enum") if key in node and len(str(node[key])) < _MOST_PROPERTIES
    }


def _is_harmless(value: object) -> bool:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text) <= _DESCRIPTION_CHARACTERS and plain_words(text) == text


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _mapping(value: object) -> _Schema:
    return value if isinstance(value, dict) else {}

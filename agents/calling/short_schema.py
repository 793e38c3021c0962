"""A grammar's schema made short: whatever a model writes under it comes to an end within so many characters.

For a try after a reply that was cut off. A small model repeats itself until its tokens run out, in every text
and list that has room. So the room is shared out: names and numbers take what they take, what may be left out
goes where there is no room for it, and texts and lists get equal parts of the rest. Pure; it takes schemas as
``grammar_schema`` writes them, and knows no tools and no server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_FEW_ITEMS: Final = 2
# A text that says something; where even that does not fit, all get less, and this at least.
_TEXT_CHARACTERS: Final = 24
_LEAST_CHARACTERS: Final = 8
# Grammars let a number have sixteen digits on both sides of its point; hardly any has.
_SCALAR_CHARACTERS: Final = {"number": 20, "integer": 20, "boolean": 5, "null": 4}
# Quotation marks, colon, comma and spaces around a name, and brackets or quotation marks around a value.
_MARKS: Final = 6
_BRACKETS: Final = 2
# What a reference leads to. It may refer to itself, and so it gets no room for another reference in it.
_REFERENCE_CHARACTERS: Final = 100
_REFERENCE_SHARE: Final = 4
_OPEN_TYPES: Final = ("string", "array", "object")


def shortened(schema: Mapping[str, Any], *, characters: int) -> dict[str, Any]:
    """The schema with all that is open held to ``characters`` together.

    Texts and lists that have to be longer than their part stay as long as they have to be.

    Example:
        >>> shortened({"type": "string", "maxLength": 200}, characters=40)
        {'type': 'string', 'maxLength': 38}
    """
    short = _node(schema, characters)
    if isinstance(definitions := schema.get("$defs"), Mapping):
        part = min(characters // _REFERENCE_SHARE, _REFERENCE_CHARACTERS)
        short = {"$defs": {name: _node(node, part) for name, node in definitions.items()}, **short}
    return short


def _node(schema: Mapping[str, Any], room: int) -> dict[str, Any]:
    if branches := schema.get("anyOf"):
        return {"anyOf": [_node(branch, room) for branch in branches]}
    match schema.get("type"):
        case "string":
            return {**schema, "maxLength": _text_characters(schema, room - _BRACKETS)}
        case "array":
            fitting = max(1, (room - _BRACKETS) // (_needed(schema["items"]) + _BRACKETS))
            most = max(schema.get("minItems", 0), min(fitting, _FEW_ITEMS, schema["maxItems"]))
            items = _node(schema["items"], (room - _BRACKETS) // max(1, most) - _BRACKETS)
            return {**schema, "items": items, "maxItems": most}
        case "object":
            return _object(schema, room)
    return dict(schema)


def _object(schema: Mapping[str, Any], room: int) -> dict[str, Any]:
    """What has to be there, and as much of the rest as fits."""
    known: Mapping[str, Any] = schema.get("properties", {})
    required = schema.get("required", ())
    kept = [name for name in known if name in required]
    spare = room - _BRACKETS - sum(_member(name, known[name]) for name in kept)
    for name in known:
        if name not in kept and (cost := _member(name, known[name])) <= spare:
            kept.append(name)
            spare -= cost
    part = spare // max(1, sum(_is_open(known[name]) for name in kept))
    # No grammar bounds the number of names: one of any names has none.
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    closed["properties"] = {
        name: _node(node, _needed(node) + part) for name, node in known.items() if name in kept
    }
    return {**closed, "required": required} if required else closed


def _member(name: str, node: Mapping[str, Any]) -> int:
    return len(name) + _MARKS + _needed(node)


def _needed(node: Mapping[str, Any]) -> int:
    """Characters that a value takes where it says what it has to and no more."""
    if choices := [node["const"]] if "const" in node else node.get("enum"):
        return max(len(json.dumps(choice, ensure_ascii=False)) for choice in choices)
    if branches := node.get("anyOf"):
        return max(_needed(branch) for branch in branches)
    kind: str = node.get("type", "")
    match kind:
        case "string":
            return _text_characters(node, _TEXT_CHARACTERS) + _BRACKETS
        case "array":
            least: int = node.get("minItems", 0)
            return _BRACKETS + max(1, least) * (_needed(node["items"]) + _BRACKETS)
        case "object":
            known: Mapping[str, Any] = node.get("properties", {})
            return _BRACKETS + sum(_member(name, known[name]) for name in node.get("required", ()))
    return _SCALAR_CHARACTERS.get(kind, _REFERENCE_CHARACTERS)


def _text_characters(schema: Mapping[str, Any], room: int) -> int:
    least: int = schema.get("minLength", 0)
    most: int = schema["maxLength"]
    return max(least, min(max(room, _LEAST_CHARACTERS), most))


def _is_open(node: Mapping[str, Any]) -> bool:
    """Whether a value can be longer than it has to be."""
    branches = node.get("anyOf", [node])
    return any(branch.get("type") in _OPEN_TYPES and "enum" not in branch for branch in branches)

"""Slips of small models in a tool's arguments, set right where only one thing can have been meant.

A JSON schema says what was asked for: "７" for an integer is 7, "true" for a boolean is true, one text for a
list of texts is a list of one. What could be meant in two ways stays as it is, for a validator to refuse.
Pure; it validates nothing, knows no tool, and a schema that makes no sense changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

# Deeper arguments than any tool asks for; a schema that refers to itself has no end, and one whose branches
# refer to it twice has many.
_DEEPEST: Final = 24
_MOST_LOOKS: Final = 50_000
# Longer digits are no count of anything, and Python refuses to read 4,300 of them.
_LONGEST_NUMBER: Final = 100

# Full-width forms and the space come with Chinese input methods, the minus sign with word processors. Not
# NFKC, by which "2²" would be 22.
_WIDTHS: Final = str.maketrans({0xFF01 + i: 0x21 + i for i in range(0x5E)} | {0x3000: " ", 0x2212: "-"})
_INTEGER: Final = re.compile(r"[+-]?\d+(\.0+)?", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_TRUTH: Final = {"true": True, "false": False}
_NOTHING: Final = ("null", "none")
_TYPES: Final[Mapping[str, type[object] | tuple[type[object], ...]]] = {
    "null": type(None),
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "string": str,
    "array": list,
    "object": Mapping,
}
_OPENING: Final = {"array": "[", "object": "{"}


def set_right(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with unambiguous slips set right; null is left out where the argument may be left out.

    Args:
        arguments: as a model or a client wrote them.
        schema: JSON schema of an object.

    Example:
        >>> set_right({"n": "７"}, {"type": "object", "properties": {"n": {"type": "integer"}}})
        {'n': 7}
    """
    definitions = schema.get("$defs", schema.get("definitions", {}))
    reader = _Reader(definitions if isinstance(definitions, Mapping) else {})
    return reader.members(arguments, schema, _DEEPEST)


class _Reader:
    """Reads values by schemas that share definitions."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._looks_left = _MOST_LOOKS

    def value(self, value: object, schema: object, depth: int) -> object:
        """The value as the schema has it, if that is plain; else the value itself."""
        schema = self._resolved(schema)
        if self._weary(depth) or not schema:
            return value
        if branches := _branches(schema):
            return self._of_branches(value, branches, depth - 1)
        if _choices(schema):
            return _choice(value, _choices(schema))
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._of_branches(value, [{**schema, "type": name} for name in kind], depth - 1)
        return self._holder(value, schema, depth - 1) if kind in ("array", "object") else _scalar(value, kind)

    def members(self, value: Mapping[str, Any], schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """An object's members, each as its own schema has it."""
        known, required = schema.get("properties"), schema.get("required")
        properties = known if isinstance(known, Mapping) else {}
        needed = required if isinstance(required, list) else []
        read = {}
        for name, member in value.items():
            wanted = properties.get(name, schema.get("additionalProperties"))
            mended = self.value(member, wanted, depth)
            if (
                mended is None
                and name in properties
                and name not in needed
                and not self.fits(None, wanted, depth)
            ):
                continue
            read[name] = mended
        return read

    def fits(self, value: object, schema: object, depth: int) -> bool:
        """Whether the value is of the schema's kind, as far as a look at types and choices tells."""
        schema = self._resolved(schema)
        if self._weary(depth):
            return False
        if branches := _branches(schema):
            return any(self.fits(value, branch, depth - 1) for branch in branches)
        if choices := _choices(schema):
            return any(choice == value and type(choice) is type(value) for choice in choices)
        named = schema.get("type")
        names = named if isinstance(named, list) else [named]
        return any(is_of(value, name) for name in names)

    def _of_branches(self, value: object, branches: Sequence[object], depth: int) -> object:
        """By the branch that the value fits as it is, else by the only reading that fits one."""
        if any(self.fits(value, branch, depth) and not _holds_more(value) for branch in branches):
            return value
        readings: list[object] = []
        for branch in branches:
            reading = self.value(value, branch, depth)
            if self.fits(reading, branch, depth) and not any(
                reading == other and type(reading) is type(other) for other in readings
            ):
                readings.append(reading)
        return readings[0] if len(readings) == 1 else value

    def _holder(self, value: object, schema: Mapping[str, Any], depth: int) -> object:
        """A list or an object, by what it holds."""
        value = _parsed(value, schema["type"])
        if schema["type"] == "object":
            return self.members(value, schema, depth) if isinstance(value, Mapping) else value
        items = schema.get("items")
        if isinstance(value, list):
            return [self.value(item, items, depth) for item in value]
        single = self.value(value, items, depth)
        return [single] if value is not None and items and self.fits(single, items, depth) else value

    def _weary(self, depth: int) -> bool:
        """Whether a schema was followed long enough."""
        self._looks_left -= 1
        return depth <= 0 or self._looks_left < 0

    def _resolved(self, schema: object) -> Mapping[str, Any]:
        """The schema, or the definition that it refers to; empty where that leads nowhere."""
        for _ in range(_DEEPEST):
            if not isinstance(schema, Mapping):
                return {}
            reference = schema.get("$ref")
            if reference is None:
                return schema
            schema = self._definitions.get(str(reference).rpartition("/")[2])
        return {}


def _branches(schema: Mapping[str, Any]) -> list[Any]:
    """The alternatives of a schema; pydantic writes a reference with a description as ``allOf`` of one."""
    for keyword in ("anyOf", "oneOf"):
        if isinstance(branches := schema.get(keyword), list):
            return branches
    match schema.get("allOf"):
        case [single]:
            return [single]
    return []


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    if "const" in schema:
        return [schema["const"]]
    return choices if isinstance(choices := schema.get("enum"), list) else []


def _choice(value: object, choices: Sequence[object]) -> object:
    """The only choice that is written so, width and case aside."""
    if any(choice == value and type(choice) is type(value) for choice in choices):
        return value
    if not isinstance(value, str | int) or isinstance(value, bool):
        return value
    alike = [choice for choice in choices if _plain(str(choice)).casefold() == _plain(str(value)).casefold()]
    return alike[0] if len(alike) == 1 else value


def _scalar(value: object, kind: object) -> object:
    """A value that holds no others, as that type of JSON schema has it."""
    match kind:
        case "integer" | "number":
            return _number(value, whole=kind == "integer")
        case "boolean" if isinstance(value, str):
            return _TRUTH.get(_plain(value).lower(), value)
        case "string" if is_of(value, "integer"):
            return _digits(value)
        case "null" if isinstance(value, str):
            return None if _plain(value).lower() in _NOTHING else value
        case _:
            return value


def _number(value: object, *, whole: bool) -> object:
    """The number that a text writes; a whole one of a float without a fraction."""
    if isinstance(value, float):
        return int(value) if whole and value.is_integer() else value
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return value
    text = _plain(value)
    if _INTEGER.fullmatch(text):
        return int(text.partition(".")[0])
    return float(text) if not whole and _NUMBER.fullmatch(text) else value


def _parsed(value: object, kind: str) -> object:
    """The list or object whose JSON text was given for it; else the value itself."""
    if not isinstance(value, str) or not value.lstrip().startswith(_OPENING[kind]):
        return value
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return parsed if is_of(parsed, kind) else value


def is_of(value: object, name: object) -> bool:
    """Whether a value is of a type of JSON schema; any is, where the schema names none."""
    if name is None:
        return True
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(name, str) and isinstance(value, _TYPES.get(name, ()))


def _holds_more(value: object) -> bool:
    return isinstance(value, list | Mapping)


def _plain(text: str) -> str:
    return text.translate(_WIDTHS).strip()


def _digits(value: object) -> object:
    """The digits of an integer, if it is no longer than one that is read."""
    return str(value) if isinstance(value, int) and abs(value) < 10**_LONGEST_NUMBER else value

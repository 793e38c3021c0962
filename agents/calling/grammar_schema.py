"""JSON schemas that every server's grammar compiles, made of schemas that tools bring along.

Pure. What a grammar cannot hold, or what would let a small model write without end, is rewritten or left out;
so a value may keep to the result and not to the original, which ``agents.foreign_schema`` checks. It knows no
tools and no server.

What compiles where (looked up in 2026-11): llama.cpp's ``json-schema-to-grammar``, which Ollama uses too,
wants a ``pattern`` to be anchored, resolves only references inside the schema, bounds numbers only where they
are integers, and its grammars refuse more than 2,000 repetitions; xgrammar refuses ``uniqueItems``,
``contains``, ``multipleOf``, ``patternProperties`` and most formats; llguidance refuses ``oneOf``, most of
``allOf``, ``not`` and formats that it does not know.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from agents.slips import is_of

# A grammar lets a small model repeat itself inside a string until its tokens run out, so every open string
# and list ends somewhere. A question, an expression or an id is shorter.
LONGEST_STRING_CHARACTERS: Final = 200
# A tool that asks for long texts says so by its minLength: up to half of what llama.cpp repeats.
_LONGEST_NEEDED_CHARACTERS: Final = 1_000
_MOST_ITEMS: Final = 8
_MOST_NEEDED_ITEMS: Final = 64
# Deeper than any tool's arguments; what is below may be any value.
_DEEPEST: Final = 12
# llama.cpp writes a rule for each number between the bounds' digits: up to those of a 64-bit integer.
_LARGEST_INTEGER: Final = 2**53

_TYPES: Final = ("string", "integer", "number", "boolean", "null", "array", "object")
_OBJECT_KEYWORDS: Final = ("type", "properties", "required", "additionalProperties")
# How a bound becomes that of whole numbers.
_ROUNDED: Final = {
    "minimum": math.ceil,
    "maximum": math.floor,
    "exclusiveMinimum": math.floor,
    "exclusiveMaximum": math.ceil,
}
_SCALARS: Final = ("string", "number", "boolean", "null")


class GrammarSchemas:
    """Rewrites the schemas of several tools, and gathers what they refer to under names of its own.

    Args:
        whole_numbers: numbers that have bounds are held to whole ones within them: no grammar of llama.cpp's
            bounds a fraction.

    Attributes:
        definitions: for ``$defs`` of the schema that all are put into.

    Example:
        >>> schemas = GrammarSchemas()
        >>> schemas.rewritten({"type": "string", "pattern": "^a", "title": "A"})
        {'type': 'string', 'maxLength': 200}
    """

    def __init__(self, *, whole_numbers: bool = False) -> None:
        self.definitions: dict[str, Any] = {}
        self._whole_numbers = whole_numbers

    def rewritten(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The schema for a grammar; its references lead into ``definitions``."""
        return _Rewriting(schema, self.definitions, self._whole_numbers).whole()


class _Rewriting:
    """One tool's schema.

    Args:
        root: what its references point into.
        definitions: where those go that are needed, shared with other tools' schemas.
        whole_numbers: as for ``GrammarSchemas``.
    """

    def __init__(
        self,
        root: Mapping[str, Any],
        definitions: dict[str, Any],
        whole_numbers: bool,  # noqa: FBT001 - a value that is handed on
    ) -> None:
        self._root = root
        self._definitions = definitions
        self._whole_numbers = whole_numbers
        self._names: dict[str, str] = {}
        # Rewritten one after the other: definitions that lead to each other may be a chain of thousands.
        self._waiting: list[tuple[str, Any]] = []

    def whole(self) -> dict[str, Any]:
        """The root, and all definitions that it leads to."""
        rewritten = self.node(self._root, _DEEPEST)
        while self._waiting:
            name, target = self._waiting.pop()
            self._definitions[name] = self.node(target, _DEEPEST)
        return rewritten

    def node(self, schema: object, depth: int) -> dict[str, Any]:
        """Any schema; one that makes no sense stands for any value."""
        if not isinstance(schema, Mapping) or depth <= 0:
            return _anything()
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema["$ref"], depth)
        if fixed := _fixed(schema):
            return fixed
        schema = _merged(schema)
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword)
            if isinstance(branches, list) and branches:
                return self._either([_beside(schema, branch) for branch in branches], depth)
        kinds = schema.get("type", _implied_type(schema))
        if isinstance(kinds, list):
            known = [kind for kind in kinds if kind in _TYPES]
            return self._either([{**schema, "type": kind} for kind in known], depth) if known else _anything()
        return self._typed(schema, kinds, depth)

    def _typed(self, schema: Mapping[str, Any], kind: object, depth: int) -> dict[str, Any]:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return _string(schema)
            case "integer" | "number":
                whole = kind == "integer" or self._whole_numbers
                return _whole_number(schema, kind) if whole else {"type": "number"}
            case "boolean" | "null":
                return {"type": kind}
        return _anything()

    def _either(self, branches: list[Any], depth: int) -> dict[str, Any]:
        rewritten: list[dict[str, Any]] = []
        for branch in branches:
            made = self.node(branch, depth - 1)
            if made not in rewritten:
                rewritten.append(made)
        return rewritten[0] if len(rewritten) == 1 else {"anyOf": rewritten}

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Known properties and no others; one without known properties has any, of one kind."""
        known = schema.get("properties")
        properties = {
            str(name): self.node(value, depth - 1)
            for name, value in (known.items() if isinstance(known, Mapping) else ())
            if value is not False
        }
        wanted = schema.get("required")
        required = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []
        others = schema.get("additionalProperties", True)
        for name in required:
            # A required name need not be described.
            properties.setdefault(name, self.node(others, depth - 1))
        if properties or others is False:
            closed = {"type": "object", "properties": properties, "additionalProperties": False}
            return {**closed, "required": required} if required else closed
        return {"type": "object", "additionalProperties": self.node(others, depth - 1)}

    def _array(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        least = _count(schema.get("minItems")) or 0
        most = _count(schema.get("maxItems"))
        first = schema.get("prefixItems")
        if isinstance(first, list) and first:
            # A tuple's places may differ, and so may a list's of any of their kinds: the check tells.
            items = self._either(first, depth)
            least, most = max(least, len(first)), most or len(first)
        else:
            items = self.node(schema.get("items", True), depth - 1)
        least = min(least, _MOST_NEEDED_ITEMS)
        most = max(least, min(_MOST_ITEMS if most is None else most, _MOST_ITEMS))
        bounded = {"type": "array", "items": items, "maxItems": most}
        return {**bounded, "minItems": least} if least else bounded

    def _reference(self, reference: str, depth: int) -> dict[str, Any]:
        """A name of our own for what is referred to: two tools may have a definition of one name."""
        if reference in self._names:
            return {"$ref": f"#/$defs/{self._names[reference]}"}
        target = _pointed(self._root, reference)
        if target is None:
            return _anything()
        if _leads_on(target) and reference not in self._names:
            # A chain of references has an end, or stands for anything.
            return self.node(target, depth - 1)
        name = f"{len(self._definitions)}_{re.sub(r'[^A-Za-z0-9]', '', reference.rpartition('/')[2])}"
        self._names[reference] = name
        self._definitions[name] = {}  # the name is taken until what it stands for is rewritten
        self._waiting.append((name, target))
        return {"$ref": f"#/$defs/{name}"}


def _anything() -> dict[str, Any]:
    """A text, a number, a truth value or null: valid wherever any value is, and it comes to an end."""
    return {"anyOf": [_string({}) if kind == "string" else {"type": kind} for kind in _SCALARS]}


def _fixed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The one value or the choices that a schema names; empty where it names none.

    Choices are of the type that stands beside them, which a check asks for, unless none of them is.
    """
    if "const" in schema:
        return {"const": schema["const"]}
    choices, kinds = schema.get("enum"), schema.get("type")
    if not isinstance(choices, list) or not choices:
        return {}
    names = kinds if isinstance(kinds, list) else [kinds]
    fitting = [choice for choice in choices if any(is_of(choice, name) for name in names)]
    return {"enum": fitting or choices}


def _string(schema: Mapping[str, Any]) -> dict[str, Any]:
    least, most = _count(schema.get("minLength")) or 0, _count(schema.get("maxLength"))
    least = min(least, _LONGEST_NEEDED_CHARACTERS)
    longest = max(LONGEST_STRING_CHARACTERS, least)
    bounded = {"type": "string", "maxLength": longest if most is None else max(least, min(most, longest))}
    return {**bounded, "minLength": least} if least else bounded


def _integer(schema: Mapping[str, Any]) -> dict[str, Any]:
    """With its bounds, which grammars hold for integers alone."""
    rewritten: dict[str, Any] = {"type": "integer"}
    for keyword, exclusive, step in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
        bound, beyond = _whole(schema.get(keyword)), _whole(schema.get(exclusive))
        if bound is not None:
            rewritten[keyword] = bound
        elif beyond is not None:
            rewritten[keyword] = beyond + step
    if rewritten.get("minimum", 0) > rewritten.get("maximum", _LARGEST_INTEGER):
        return {"type": "integer"}
    return rewritten


def _whole_number(schema: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A whole number; also in place of one that may be a fraction, where that has bounds."""
    if kind == "integer":
        return _integer(schema)
    limits = {keyword: schema.get(keyword) for keyword in _ROUNDED}
    inside = {
        keyword: round_inwards(limit)
        for (keyword, limit), round_inwards in zip(limits.items(), _ROUNDED.values(), strict=True)
        if isinstance(limit, int | float) and not isinstance(limit, bool) and abs(limit) <= _LARGEST_INTEGER
    }
    bounded = _integer(inside)
    return bounded if len(bounded) > 1 else {"type": "number"}


def _whole(value: object) -> int | None:
    """A whole number that a grammar can hold; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST_INTEGER:
        return None
    return int(value) if int(value) == value else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _implied_type(schema: Mapping[str, Any]) -> str | None:
    """The type of a schema that names none, told by its other keywords."""
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else None


def _merged(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with the parts of its ``allOf`` put together, as far as that is plain."""
    parts = schema.get("allOf")
    if not isinstance(parts, list):
        return schema
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts:
        if not isinstance(part, Mapping):
            continue
        for key, value in part.items():
            if key == "properties" and isinstance(value, Mapping):
                merged["properties"] = {**merged.get("properties", {}), **value}
            elif key == "required" and isinstance(value, list):
                merged["required"] = [*merged.get("required", []), *value]
            else:
                merged.setdefault(key, value)
    return merged


def _beside(schema: Mapping[str, Any], branch: object) -> object:
    """A branch with the properties that stand beside the alternatives and hold for each of them."""
    if not isinstance(branch, Mapping) or "properties" not in schema or "$ref" in branch:
        return branch
    shared = {key: schema[key] for key in _OBJECT_KEYWORDS if key in schema}
    return {"allOf": [shared], **branch}


def _leads_on(target: object) -> bool:
    return isinstance(target, Mapping) and "$ref" in target


def _pointed(root: Mapping[str, Any], reference: str) -> Any:  # noqa: ANN401 - any node of a JSON schema
    """What a reference inside the schema points to; None for one that leads outside, or nowhere."""
    if not reference.startswith("#"):
        return None
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found

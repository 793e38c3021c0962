"""JSON schemas as tools have them, generated: nested, with references, limits, and names that are no names.

A generated schema comes with what makes instances of it, so that nothing has to be guessed of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from agents.tools import Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]

# Names that mean something in JSON schema, in Python, in JavaScript, in a prompt or to nobody.
_ODD_NAMES = (
    "title",
    "default",
    "type",
    "properties",
    "required",
    "$ref",
    "$defs",
    "enum",
    "items",
    "description",
    "action",
    "args",
    "answer",
    "self",
    "class",
    "__proto__",
    "__init__",
    "名称",
    "ｎａｍｅ",
    "naïve",
    "🧂",
    "a b",
    "a.b",
    "a/b",
    "a-b",
    'a"b',
    "a'b",
    "",
    " ",
    "</think>",
    "A",
    "a",
    "max_tokens",
    "model_config",
    "schema",
)
_PLAIN_NAMES = st.from_regex(r"[a-z]{1,3}(_[a-z]{1,3})?", fullmatch=True)
names = st.one_of(_PLAIN_NAMES, st.sampled_from(_ODD_NAMES))
# No lone surrogates: they are no Unicode text and cannot be sent.
letters = st.characters(exclude_categories=["Cs"])
words = st.text(letters, max_size=12)
_scalars = st.one_of(words, st.integers(-1000, 1000), st.booleans(), st.none())
# Words for people, which an action schema does without.
_annotations = st.fixed_dictionaries(
    {},
    optional={
        "title": words,
        "description": words,
        "default": _scalars,
        "examples": st.lists(_scalars, max_size=1),
    },
)
json_values = st.recursive(
    st.one_of(_scalars, st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)


@st.composite
def _strings(draw: st.DrawFn) -> Schema:
    kind = draw(st.sampled_from(["plain", "bounded", "long", "enum", "const", "format"]))
    if kind == "enum":
        return {"type": "string", "enum": draw(st.lists(words, min_size=1, max_size=4, unique=True))}
    if kind == "const":
        return {"const": draw(words)}
    if kind == "format":
        return {"type": "string", "format": draw(st.sampled_from(["date-time", "uri", "email", "uuid"]))}
    least = draw(st.integers(0, 5))
    most = least + draw(st.integers(0, 6))
    bounds: dict[str, Schema] = {"plain": {}, "bounded": {"minLength": least, "maxLength": most}}
    return {"type": "string", **bounds.get(kind, {"minLength": 190 + least * 10, "maxLength": 5000})}


@st.composite
def _numbers(draw: st.DrawFn) -> Schema:
    least = draw(st.integers(-50, 50))
    bounds: Schema = draw(
        st.sampled_from(
            [
                {},
                {"minimum": least, "maximum": least + 20},
                {"exclusiveMinimum": least},
                {"multipleOf": 2},
                {"enum": [least, least + 1]},
            ]
        )
    )
    return {"type": draw(st.sampled_from(["integer", "number"]))} | bounds


_leaves = st.one_of(
    _strings(),
    _numbers(),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({"enum": ["a", 1, None, True]}),
    st.just({"type": ["string", "null"]}),
    st.just({}),
    st.just(True),  # noqa: FBT003 - a schema, too
)


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Schema:
    properties = draw(st.dictionaries(names, inner, max_size=4))
    required: list[str] = []
    if properties:
        required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema | draw(
        st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": True}])
    )


@st.composite
def _lists(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> Schema:
    least = draw(st.integers(0, 3))
    bounds = draw(
        st.sampled_from(
            [{}, {"minItems": least}, {"minItems": least, "maxItems": least + 9}, {"minItems": 10}]
        )
    )
    return {"type": "array", "items": draw(inner), **bounds}


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    unions = st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches})
    return st.one_of(_objects(inner), _lists(inner), unions)


def _annotated(node: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def merged(parts: tuple[Any, Schema]) -> Any:  # noqa: ANN401 - a schema may be true
        schema, words_ = parts
        return {**schema, **words_} if isinstance(schema, dict) else schema

    return st.tuples(node, _annotations).map(merged)


_DEFINED = ("Item", "Größe", "a/b~c")


def _pointer(name: str) -> str:
    return "#/$defs/" + name.replace("~", "~0").replace("/", "~1")


_node = st.recursive(_annotated(_leaves), _nested, max_leaves=6)
_node_with_references = st.recursive(
    st.one_of(_annotated(_leaves), st.sampled_from([{"$ref": _pointer(name)} for name in _DEFINED])),
    _nested,
    max_leaves=6,
)


@st.composite
def parameters(draw: st.DrawFn) -> Schema:
    """A tool's schema: an object, perhaps with definitions that it refers to."""
    with_references = draw(st.booleans())
    schema = draw(_objects(_node_with_references if with_references else _node))
    if with_references:
        schema["$defs"] = {name: draw(_node) for name in _DEFINED}
    return schema


@dataclass(frozen=True)
class _Maker:
    """Makes instances; objects and lists are given no more than the schema asks for and names."""

    definitions: Mapping[str, Any]

    def instance(self, schema: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401, C901, PLR0911, PLR0912 - any schema, by its kind
        """Values that are valid."""
        if schema is True or (isinstance(schema, dict) and not set(schema) & _SAYS_SOMETHING):
            return json_values
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
            return st.deferred(lambda: self.instance(self.definitions[name]))
        if "anyOf" in schema:
            return st.one_of(*map(self.instance, schema["anyOf"]))
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        match schema["type"]:
            case "string":
                least, most = schema.get("minLength", 0), schema.get("maxLength", 30)
                if least > 30:
                    return words.map(lambda text: (text + "x" * least)[: max(least, min(most, least + 5))])
                return st.text(letters, min_size=least, max_size=most)
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
            case "array":
                least = schema.get("minItems", 0)
                most = min(least + 2, schema.get("maxItems", least + 2))
                return st.lists(self.instance(schema.get("items", True)), min_size=least, max_size=most)
            case "object":
                return self._object(schema)
            case several:
                return st.one_of(*(self.instance({**schema, "type": kind}) for kind in several))

    def _object(self, schema: Schema) -> st.SearchStrategy[Any]:
        properties, required = schema.get("properties", {}), set(schema.get("required", ()))
        return st.fixed_dictionaries(
            {name: self.instance(value) for name, value in properties.items() if name in required},
            optional={
                name: self.instance(value) for name, value in properties.items() if name not in required
            },
        )


_SAYS_SOMETHING = {"$ref", "anyOf", "const", "enum", "type"}


def _number(schema: Schema) -> st.SearchStrategy[int]:
    least, most = schema.get("minimum", -100), schema.get("maximum", 100)
    if "exclusiveMinimum" in schema:
        least = schema["exclusiveMinimum"] + 1
    step = schema.get("multipleOf", 1)
    return st.integers(-(-least // step), most // step).map(lambda number: number * step)


def instances(schema: Any, definitions: Mapping[str, Any] | None = None) -> st.SearchStrategy[Any]:  # noqa: ANN401
    """Valid values of a schema of this module, or of one that was made from it."""
    return _Maker(definitions or (schema.get("$defs", {}) if isinstance(schema, dict) else {})).instance(
        schema
    )


def foreign_tool(name: str, schema: Schema) -> Tool:
    """A tool whose arguments the far side checks, as an MCP server's."""
    return Tool(name, "Does something.", lambda **arguments: arguments, schema, server="far")


tool_names = st.from_regex(r"[a-z]{2,6}(__[a-z]{2,6})?", fullmatch=True)


@st.composite
def foreign_tools(draw: st.DrawFn, *, most: int = 3) -> tuple[Tool, ...]:
    """Some tools of different names, whose definitions may share names and differ."""
    chosen = draw(st.lists(tool_names, min_size=1, max_size=most, unique=True))
    return tuple(foreign_tool(name, draw(parameters())) for name in chosen)

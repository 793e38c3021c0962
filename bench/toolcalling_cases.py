"""A case of tool calling: a question, the functions that may be called, and the calls that are right.

It turns one entry in the public format of the Berkeley Function Calling Leaderboard into values, and the
format's types (those of Python) into JSON schema. It reads no files and judges nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from rag.language import Language, detect_language

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.tools import Tool

Category = Literal["simple", "multiple", "parallel", "parallel_multiple", "irrelevance", "relevance"]
CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)

# Of kinds that need a running world, another language's types, or no functions at all.
_OTHER_KINDS: Final = re.compile(
    r"java|exec|multi_turn|multi_step|rest\b|sql|chatable|memory|web_search|format_sensitivity|composite",
    re.IGNORECASE,
)
# Longest first: "parallel" stands in "parallel_multiple", and "relevance" in "irrelevance".
_CATEGORY: Final = re.compile("parallel_multiple|irrelevance|relevance|parallel|multiple|simple")

# The format's types, by bfcl_eval/constants/type_mappings.py, beside those of JSON schema. "any" is none.
_TYPES: Final = {
    "dict": "object",
    "float": "number",
    "double": "number",
    "tuple": "array",
    "list": "array",
    "str": "string",
    "int": "integer",
    "long": "integer",
    "bool": "boolean",
}
_JSON_TYPES: Final = frozenset({"object", "number", "integer", "string", "boolean", "array", "null"})
_KEYWORDS: Final = (
    *("description", "enum", "default", "required", "minimum", "maximum", "minLength", "maxLength"),
    *("minItems", "maxItems", "additionalProperties"),
)

# What OpenAI's API, and servers after it, take as a function's name.
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME: Final = 64


class BadEntryError(ValueError):
    """An entry that is not of the format; the message says what is wrong with it."""


class BadTruthError(ValueError):
    """A right answer that nothing can be compared with; the message says why."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function as the format describes it.

    Attributes:
        name: as it is written there; it may have dots.
        called: the name that servers take for it.
        parameters: the format's own schema.
        schema: the same as a JSON schema that refuses unknown arguments.
    """

    name: str
    called: str
    description: str
    parameters: Mapping[str, Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a model made, or the one that is right.

    Attributes:
        arguments: a value for each name; of a right call the list of all values that are acceptable, in which
            an empty text says that the argument may be left out.
    """

    function: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One question.

    Attributes:
        messages: roles and texts of one turn.
        expected: the right calls, in any order; empty where no call is right, or where any is.
    """

    id: str
    category: Category
    language: Language
    messages: tuple[tuple[str, str], ...]
    functions: tuple[Function, ...]
    expected: tuple[Call, ...] = field(default=())

    def tools(self) -> tuple[Tool, ...]:
        """The functions as the agent's tools, which do nothing."""
        from agents.tools import Tool

        return tuple(
            Tool(one.called, one.description, _nothing, one.schema, read_only=True) for one in self.functions
        )

    def function(self, name: str) -> Function | None:
        """The function of that name, as it is written or as servers take it."""
        return next((one for one in self.functions if name in (one.name, one.called)), None)


def category_in(name: str) -> Category | None:
    """The category that a file's name or an id speaks of; None where it is none that is measured.

    Example:
        >>> category_in("BFCL_v4_live_parallel_multiple"), category_in("BFCL_v3_exec_simple")
        ('parallel_multiple', None)
    """
    if is_other_kind(name):
        return None
    found = _CATEGORY.search(name.lower())
    return next((one for one in CATEGORIES if found and one == found[0]), None)


def is_other_kind(name: str) -> bool:
    """Whether a name is of a kind that the format has and that is not measured here."""
    return _OTHER_KINDS.search(name) is not None


def read_case(entry: Mapping[str, Any], *, category: Category | None, truth: object) -> Case:
    """One entry as a case.

    Args:
        entry: with ``id``, ``question`` and ``function``.
        category: by the file's name; None to tell it by the id or the answers.
        truth: the right calls; None where there are none.

    Raises:
        BadEntryError: it is not of the format, has several turns, or lacks its right calls.
        BadTruthError: an argument of a right call has no list of acceptable values.
    """
    identifier = str(entry.get("id", ""))
    messages = _messages(entry.get("question"))
    functions = read_functions(entry.get("function", entry.get("functions", entry.get("tools"))))
    expected = _expected(truth)
    category = category or category_in(identifier) or _guessed(functions, expected)
    if category in {"irrelevance", "relevance"}:
        expected = ()
    elif not expected:
        raise BadEntryError("there is no right answer to it")
    texts = " ".join(text for role, text in messages if role == "user")
    return Case(identifier, category, detect_language(texts), messages, functions, expected)


def read_functions(described: object) -> tuple[Function, ...]:
    """The functions of an entry, which may be one alone.

    Raises:
        BadEntryError: one has no name, or its parameters are no schema.
    """
    if isinstance(described, dict):
        described = [described]
    if not isinstance(described, list) or not described:
        raise BadEntryError("it has no functions")
    found: list[Function] = []
    for one in described:
        # OpenAI's wrapping of a function, which some copies of the cases have.
        inner = one.get("function", one) if isinstance(one, dict) else None
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            raise BadEntryError("a function of it has no name")
        parameters = _parsed(inner.get("parameters") or {})
        if not isinstance(parameters, dict):
            raise BadEntryError(f"the parameters of {inner['name']} are no schema")
        called = _called(inner["name"], taken={function.called for function in found})
        description = str(inner.get("description") or inner["name"])
        schema = {**_object_schema(parameters), "additionalProperties": False}
        found.append(Function(inner["name"], called, description, parameters, schema))
    return tuple(found)


def json_schema(node: object) -> dict[str, Any]:
    """A type of the format as JSON schema.

    Example:
        >>> json_schema({"type": "tuple", "items": {"type": "float"}})
        {'type': 'array', 'items': {'type': 'number'}}
    """
    if not isinstance(node, dict):
        return {}
    node = _with_choices_of_items(node)
    named = node.get("type")
    if isinstance(named, list):
        return {"anyOf": [json_schema({**node, "type": one}) for one in named]}
    kind = _TYPES.get(str(named).lower(), str(named).lower())
    schema: dict[str, Any] = {"type": kind} if kind in _JSON_TYPES and _allows(kind, node.get("enum")) else {}
    if "properties" in node or kind == "object":
        return {**schema, **_kept(node), **_object_schema(node)}
    if kind == "array":
        return {**schema, **_kept(node), "items": json_schema(node.get("items"))}
    return {**schema, **_kept(node)}


def _with_choices_of_items(node: dict[str, Any]) -> dict[str, Any]:
    """The type with an enumeration of single values where it belongs; some cases write it beside the list."""
    kind, values = _TYPES.get(str(node.get("type")).lower(), node.get("type")), node.get("enum")
    if kind != "array" or not isinstance(values, list) or any(isinstance(value, list) for value in values):
        return node
    items = node.get("items")
    described = items if isinstance(items, dict) else {}
    return {**{key: node[key] for key in node if key != "enum"}, "items": {"enum": values, **described}}


def _allows(kind: str, values: object) -> bool:
    """Whether one of an enumeration's values is of the type; some cases enumerate numbers as texts."""
    if not isinstance(values, list) or not values:
        return True
    from jsonschema import Draft202012Validator

    return any(Draft202012Validator({"type": kind}).is_valid(value) for value in values)


def _object_schema(node: Mapping[str, Any]) -> dict[str, Any]:
    properties = _parsed(node.get("properties") or {})
    if not isinstance(properties, dict):
        raise BadEntryError("the properties of a schema are no object")
    required = [name for name in node.get("required") or () if name in properties]
    schema: dict[str, Any] = {"type": "object"}
    if properties or "properties" in node:
        schema["properties"] = {name: json_schema(one) for name, one in properties.items()}
        schema["required"] = required
    return schema


def _kept(node: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that mean the same in JSON schema; a type's word in the place of a list is left out."""
    kept = {key: node[key] for key in _KEYWORDS if key in node}
    if not isinstance(kept.get("required"), list):
        kept.pop("required", None)
    if not kept.get("enum") or not isinstance(kept["enum"], list):
        kept.pop("enum", None)
    if isinstance(kept.get("additionalProperties"), dict):
        kept["additionalProperties"] = json_schema(kept["additionalProperties"])
    return kept


def _parsed(value: object) -> object:
    """The value, or what its text holds: some copies of the cases keep schemas as JSON in a text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise BadEntryError("a schema is a text that is no JSON") from error


def _called(name: str, *, taken: set[str]) -> str:
    base = _NOT_IN_A_NAME.sub("_", name)[:_LONGEST_NAME]
    names = (base, *(f"{base[: _LONGEST_NAME - 4]}_{number}" for number in range(2, 1000)))
    return next(one for one in names if one not in taken)


def _messages(question: object) -> tuple[tuple[str, str], ...]:
    """Roles and texts of the one turn."""
    if isinstance(question, str):
        return (("user", question),)
    turns = question if isinstance(question, list) else []
    if turns and isinstance(turns[0], list):
        if len(turns) > 1:
            raise BadEntryError("it has several turns")
        turns = turns[0]
    messages = tuple(
        (str(one.get("role", "user")), str(one.get("content", ""))) for one in turns if isinstance(one, dict)
    )
    if not any(role == "user" for role, _ in messages):
        raise BadEntryError("it has no question")
    return messages


def _expected(truth: object) -> tuple[Call, ...]:
    if truth is None:
        return ()
    listed = [{name: given} for name, given in truth.items()] if isinstance(truth, dict) else truth
    if not isinstance(listed, list):
        raise BadEntryError("its right answer is no list of calls")
    calls: list[Call] = []
    for one in listed:
        if not isinstance(one, dict) or not all(isinstance(given, dict) for given in one.values()):
            raise BadEntryError("its right answer is no list of calls")
        calls += [_right_call(name, given) for name, given in one.items()]
    return tuple(calls)


def _right_call(function: str, arguments: Mapping[str, object]) -> Call:
    for name, acceptable in arguments.items():
        if not isinstance(acceptable, list):
            raise BadTruthError(
                f"its right answer {function}.{name} = {acceptable!r:.60} is no list of acceptable values"
            )
    return Call(function, arguments)


def _guessed(functions: Sequence[Function], expected: Sequence[Call]) -> Category:
    if not expected:
        return "irrelevance"
    if len(expected) > 1:
        return "parallel_multiple" if len(functions) > 1 else "parallel"
    return "multiple" if len(functions) > 1 else "simple"


def _nothing(**_arguments: object) -> str:
    return ""

"""Schemas that tools bring along, rewritten so that grammars compile and small models come to an end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.calling.actions import action_schema, read_actions
from agents.calling.grammar_schema import GrammarSchemas
from agents.calling.offered import Offered
from deploy.chat import json_schema_option

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint


def rewritten(schema: dict[str, Any]) -> dict[str, Any]:
    return GrammarSchemas().rewritten(schema)


def tool_of(
    properties: dict[str, Any], name: str = "use", definitions: dict[str, Any] | None = None
) -> Offered:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return Offered(name, "Use it.", {**parameters, "$defs": definitions or {}})


NULL = {"type": "null"}
BOOLEAN = {"type": "boolean"}
INTEGER = {"type": "integer"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, {"type": "string", "maxLength": 200}),
        ({"type": "string", "maxLength": 9, "format": "date"}, {"type": "string", "maxLength": 9}),
        ({"type": "string", "maxLength": 99_999, "pattern": "x"}, {"type": "string", "maxLength": 200}),
        ({"type": "string", "minLength": 300}, {"type": "string", "maxLength": 300, "minLength": 300}),
        ({**INTEGER, "minimum": 1, "exclusiveMaximum": 9}, {**INTEGER, "minimum": 1, "maximum": 8}),
        ({**INTEGER, "multipleOf": 2, "maximum": 1e300}, INTEGER),
        ({"type": "number", "minimum": 0.5}, {"type": "number"}),
        ({"enum": ["a", 1, None]}, {"enum": ["a", 1, None]}),
        ({"enum": [2010, "any", True], "type": "integer"}, {"enum": [2010]}),
        ({"enum": [None, "a", 2], "type": ["string", "null"]}, {"enum": [None, "a"]}),
        # None is of the type: what is meant is the choices.
        ({"enum": ["1", "2"], "type": "integer"}, {"enum": ["1", "2"]}),
        ({"enum": [], "type": "null"}, NULL),
        ({"const": None}, {"const": None}),
        ({"const": []}, {"const": []}),
        (
            {"type": "array", "uniqueItems": True, "items": NULL},
            {"type": "array", "items": NULL, "maxItems": 8},
        ),
        (
            {"type": "array", "minItems": 20, "items": NULL},
            {"type": "array", "items": NULL, "minItems": 20, "maxItems": 20},
        ),
        ({"type": ["integer", "null"]}, {"anyOf": [INTEGER, NULL]}),
        ({"oneOf": [NULL, BOOLEAN]}, {"anyOf": [NULL, BOOLEAN]}),
        ({"allOf": [BOOLEAN], "description": "?"}, BOOLEAN),
    ],
)
def test_what_grammars_cannot_hold_is_bounded_or_left_out(
    schema: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert rewritten(schema) == expected


def test_an_object_is_closed_and_a_property_may_be_called_like_a_keyword() -> None:
    schema = {
        "properties": {"title": {"type": "null"}, "pattern": {"type": "null"}},
        "required": ["title", "more"],
    }
    made = rewritten(schema)
    assert made["additionalProperties"] is False
    assert list(made["properties"]) == ["title", "pattern", "more"]
    assert made["required"] == ["title", "more"]


def test_definitions_of_one_name_in_two_tools_do_not_collide() -> None:
    one = tool_of({"unit": {"$ref": "#/$defs/Unit"}}, "one", {"Unit": {"enum": ["g"]}})
    two = tool_of({"unit": {"$ref": "#/$defs/Unit"}}, "two", {"Unit": {"enum": ["m"]}})
    schema = action_schema([one, two])
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"action": "one", "args": {"unit": "g"}})
    assert validator.is_valid({"action": "two", "args": {"unit": "m"}})
    assert not validator.is_valid({"action": "two", "args": {"unit": "g"}})


def test_a_schema_that_refers_to_itself_or_nowhere_still_compiles() -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}}
    lost = tool_of(
        {"a": {"$ref": "#/$defs/Gone"}, "b": {"$ref": "https://example.org/x"}, "c": {"$ref": "#"}}
    )
    for tool in (tool_of({"node": {"$ref": "#/$defs/Node"}}, definitions={"Node": node}), lost):
        jsonschema.Draft202012Validator.check_schema(action_schema([tool]))


def test_definitions_that_lead_to_each_other_may_be_a_long_chain() -> None:
    links = 3_000
    definitions: dict[str, Any] = {f"D{links}": NULL}
    for number in range(links):
        after = {"$ref": f"#/$defs/D{number + 1}"}
        definitions[f"D{number}"] = {"type": "object", "properties": {"next": after}}
    tool = tool_of({"first": {"$ref": "#/$defs/D0"}}, definitions=definitions)
    schema = action_schema([tool])
    assert len(schema["$defs"]) == links + 1
    assert NULL in schema["$defs"].values()


def test_several_calls_are_a_bounded_list_of_the_same_branches() -> None:
    schema = action_schema([tool_of({"a": {"type": "boolean"}})], most_calls=3)
    validator = jsonschema.Draft202012Validator(schema)
    call = {"action": "use", "args": {"a": True}}
    answer = {"action": "final_answer", "args": {"answer": "Yes."}}
    assert validator.is_valid({"actions": [call]})
    assert validator.is_valid({"actions": [call, call]})
    assert validator.is_valid({"actions": [answer]})
    assert not validator.is_valid({"actions": [call] * 4})
    assert not validator.is_valid({"actions": [call, answer]})
    assert not validator.is_valid(call)


leaves = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "pattern": r"^\p{L}+(?=x)$", "format": "uri"},
        {"type": "string", "maxLength": 100_000},
        {"type": "integer", "minimum": -5, "maximum": 5},
        {"type": "number", "multipleOf": 0.1, "exclusiveMinimum": 0},
        {"type": "boolean"},
        {"type": ["string", "null"]},
        {"enum": ["a", 'b"\\', "中文", 3]},
        {"const": "x"},
        {},
        {"not": {"type": "null"}},
        {"type": "object"},
        {"type": "object", "patternProperties": {"^x": {"type": "string"}}},
        {"$ref": "#/$defs/Item"},
        {"$ref": "#/$defs/missing"},
        {"if": {"type": "string"}, "then": {"minLength": 2}},
    ]
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items, "uniqueItems": True, "minItems": 1}, inner),
        st.builds(lambda branches: {"oneOf": branches}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda branches: {"allOf": branches}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(
            lambda properties: {"type": "object", "properties": properties, "required": list(properties)[:1]},
            st.dictionaries(st.sampled_from(["a", "b c", "type", "名"]), inner, max_size=3),
        ),
    ),
    max_leaves=5,
)
DEFINITIONS = {
    "Item": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Item"}, "n": {"type": "null"}}}
}


@settings(max_examples=12, deadline=None)
@given(st.lists(schemas, min_size=1, max_size=3))
def test_the_real_engine_compiles_every_schema_and_what_it_writes_is_valid(
    bundled_endpoint: Endpoint, arguments: list[dict[str, Any]]
) -> None:
    properties = {f"argument{number}": schema for number, schema in enumerate(arguments)}
    tool = tool_of(properties, definitions=DEFINITIONS)
    schema = action_schema([tool, tool_of({"a": {"type": "boolean"}}, "other")], answer_characters=40)
    asked = {
        "model": bundled_endpoint.model,
        "messages": [{"role": "user", "content": "Use it."}],
        "max_tokens": 48,
        "temperature": 0,
        **json_schema_option(bundled_endpoint, schema, name="action"),
    }
    response = httpx.post(f"{bundled_endpoint.base_url}/chat/completions", json=asked, timeout=120)
    assert response.status_code == 200, response.text
    choice = response.json()["choices"][0]
    if choice["finish_reason"] == "stop":
        written = json.loads(choice["message"]["content"])
        jsonschema.validate(written, schema)


def test_the_bundled_model_writes_valid_calls_of_a_tool_with_everything(bundled_endpoint: Endpoint) -> None:
    properties = {
        "thing": {"type": "string", "maxLength": 30},
        "unit": {"enum": ["g", "kg"]},
        "times": {"type": "integer", "minimum": 1, "maximum": 9},
        "where": {"type": "object", "properties": {"floor": {"type": "integer"}}, "required": ["floor"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 2},
    }
    tool = tool_of(properties, "weigh")
    asked = {
        "model": bundled_endpoint.model,
        "messages": [{"role": "user", "content": "Weigh the salt."}],
        "max_tokens": 200,
        **json_schema_option(bundled_endpoint, action_schema([tool], may_answer=False), name="action"),
    }
    response = httpx.post(f"{bundled_endpoint.base_url}/chat/completions", json=asked, timeout=120)
    action = read_actions(response.json()["choices"][0]["message"]["content"], [tool])[0]
    jsonschema.validate(dict(action.arguments), dict(tool.parameters))

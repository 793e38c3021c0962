"""What holds of the action schema and of reading actions for any tool's schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referencing.exceptions import Unresolvable

from agents.calling.actions import (
    FINAL,
    InvalidActionError,
    action_schema,
    exhausted_tools,
    read_actions,
)
from agents.calling.wording import describe_actions, reminder
from tests.agents.hostile.schemas import (
    foreign_tool,
    foreign_tools,
    instances,
    json_values,
    parameters,
    words,
)

if TYPE_CHECKING:
    from agents.tools import Tool

# Generated schemas are large for what they are; the time that one example takes says nothing here.
generously = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
Validator = jsonschema.Draft202012Validator


def branch(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The part of an action schema that is one tool's arguments."""
    found = [one for one in schema["anyOf"] if one["properties"]["action"]["const"] == name]
    arguments: dict[str, Any] = found[0]["properties"]["args"]
    return arguments


@generously
@given(foreign_tools())
def test_an_action_schema_is_a_schema_that_can_be_sent(tools: tuple[Tool, ...]) -> None:
    schema = action_schema(tools)
    Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


@generously
@given(foreign_tools(), st.data())
def test_every_reference_in_an_action_schema_leads_somewhere(
    tools: tuple[Tool, ...], data: st.DataObject
) -> None:
    schema = action_schema(tools)
    name = data.draw(st.sampled_from([tool.name for tool in tools]))
    value = data.draw(instances(branch(schema, name), schema.get("$defs", {})))
    # An unresolvable reference would raise here.
    Validator(schema).is_valid({"action": name, "args": value})


@generously
@given(foreign_tools(), st.data())
def test_what_the_action_schema_allows_is_what_the_tool_allows_or_is_refused(
    tools: tuple[Tool, ...], data: st.DataObject
) -> None:
    schema = action_schema(tools)
    tool = data.draw(st.sampled_from(tools))
    written = {
        "action": tool.name,
        "args": data.draw(instances(branch(schema, tool.name), schema.get("$defs", {}))),
    }
    Validator(schema).validate(written)
    try:
        action = read_actions(json.dumps(written), tools)[0]
    except InvalidActionError as error:
        assert tool.name in str(error)  # noqa: PT017
        return
    Validator(dict(tool.parameters)).validate(dict(action.arguments))


@generously
@given(foreign_tools(), st.data())
def test_a_written_action_is_read_as_it_was(tools: tuple[Tool, ...], data: st.DataObject) -> None:
    tool = data.draw(st.sampled_from(tools))
    value = data.draw(instances(dict(tool.parameters)))
    ascii_only, before, after = data.draw(st.tuples(st.booleans(), words, words))
    text = json.dumps({"action": tool.name, "args": value}, ensure_ascii=ascii_only)
    action = read_actions(before.replace("{", "(") + text + after, tools)[0]
    assert (action.name, dict(action.arguments)) == (tool.name, value)


@generously
@given(foreign_tools(), st.data())
def test_whatever_stands_in_an_action_is_read_or_refused(
    tools: tuple[Tool, ...], data: st.DataObject
) -> None:
    name = data.draw(st.one_of(st.sampled_from([tool.name for tool in tools]), json_values))
    reply = {
        "action": name,
        "args": data.draw(json_values),
        **data.draw(st.dictionaries(words, json_values, max_size=2)),
    }
    try:
        action = read_actions(json.dumps(reply), tools)[0]
    except InvalidActionError as error:
        assert str(error).strip()  # noqa: PT017
        return
    assert action.name == FINAL or action.name in {tool.name for tool in tools}
    if action.name != FINAL:
        tool = next(tool for tool in tools if tool.name == action.name)
        assert set(tool.parameters.get("required", ())) <= set(action.arguments)


@generously
@given(st.text(), foreign_tools())
def test_whatever_text_comes_is_read_or_refused(text: str, tools: tuple[Tool, ...]) -> None:
    with pytest.raises(InvalidActionError):
        read_actions(text, tools)


PIECES = st.sampled_from(
    [
        '{"action":',
        '"args":',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"',
        "\\",
        "null",
        "1e999",
        "-",
        "NaN",
        "/*",
        "'",
        "```json\n",
        "```",
        "<think>",
        "</think>",
        '"final_answer"',
        '"answer"',
        "\\u",
        "\ud800",
        "true",
        "\n",
        "，",
        "｛",
        "“",
        "”",
    ]
)


@settings(generously, max_examples=100)
@given(st.lists(PIECES, max_size=60).map("".join))
def test_scraps_of_json_are_read_or_refused(text: str) -> None:
    tool = foreign_tool("weigh", {"type": "object", "properties": {"thing": {"type": "string"}}})
    try:
        read_actions(text, (tool,))
    except InvalidActionError:
        return


@generously
@given(foreign_tools(), words)
def test_any_tools_can_be_told_of(tools: tuple[Tool, ...], question: str) -> None:
    told = describe_actions(tools)
    assert all(tool.name in told for tool in tools)
    for tried in (set(), {tools[0].name}):
        assert isinstance(reminder(question, tools, tried=tried), str)


@generously
@given(foreign_tools(), st.data())
def test_a_tool_is_exhausted_by_the_same_call_twice_and_not_by_one(
    tools: tuple[Tool, ...], data: st.DataObject
) -> None:
    tool = data.draw(st.sampled_from(tools))
    value = data.draw(instances(dict(tool.parameters)))
    assert exhausted_tools([(tool.name, value)], tools) == frozenset()
    assert exhausted_tools([(tool.name, value)] * 2, tools) == {tool.name}


ODD_SCHEMAS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no properties": {"type": "object"},
    "a needed name that is not described": {"type": "object", "required": ["thing"]},
    "a property that may be anything": {
        "type": "object",
        "properties": {"thing": True},
        "required": ["thing"],
    },
    "a property that may be nothing": {"type": "object", "properties": {"thing": False}},
    "itself inside": {
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/Node"}},
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    },
    "a reference to the whole": {"type": "object", "properties": {"again": {"$ref": "#"}}},
    "a reference to a property": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"$ref": "#/properties/a"}},
    },
    "old definitions": {
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/A"}},
        "definitions": {"A": {"type": "integer"}},
    },
    "a reference to elsewhere": {
        "type": "object",
        "properties": {"a": {"$ref": "https://example.org/a.json"}},
    },
    "all of": {"type": "object", "allOf": [{"properties": {"a": {"type": "string"}}}]},
    "one of": {"oneOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object"}]},
    "a pattern": {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}},
    "patterns of names": {"type": "object", "patternProperties": {"^x": {"type": "string"}}},
    "conditions": {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}},
    "a meta schema": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "$id": "urn:x"},
    "a thousand properties": {
        "type": "object",
        "properties": {f"p{n}": {"type": "string"} for n in range(1000)},
    },
}


@pytest.mark.parametrize("kind", ODD_SCHEMAS)
def test_odd_schemas_make_action_schemas_and_are_told_of(kind: str) -> None:
    tool = foreign_tool("odd", ODD_SCHEMAS[kind])
    schema = action_schema((tool,))
    Validator.check_schema(schema)
    assert "odd" in describe_actions((tool,))
    assert isinstance(reminder("How?", (tool,), tried=()), str)
    try:
        Validator(schema).is_valid(
            {"action": "odd", "args": {"a": "x", "b": "y", "again": {}, "node": {"next": {}}}}
        )
    except Unresolvable as error:
        assert "example.org" in str(error)  # noqa: PT017 - a reference to elsewhere stays one


def test_definitions_of_one_name_in_two_tools_stay_apart() -> None:
    def with_item(name: str, item: dict[str, Any]) -> Tool:
        properties = {"item": {"$ref": "#/$defs/Item"}}
        return foreign_tool(
            name, {"type": "object", "properties": properties, "required": ["item"], "$defs": {"Item": item}}
        )

    tools = (with_item("first", {"type": "integer"}), with_item("second", {"enum": ["a", "b"]}))
    allowed = Validator(action_schema(tools)).is_valid
    assert allowed({"action": "first", "args": {"item": 1}})
    assert allowed({"action": "second", "args": {"item": "a"}})
    assert not allowed({"action": "first", "args": {"item": "a"}})
    assert not allowed({"action": "second", "args": {"item": 1}})


@settings(generously, max_examples=15)
@given(parameters())
def test_making_an_action_schema_changes_no_tool(schema: dict[str, Any]) -> None:
    before = json.dumps(schema)
    action_schema((foreign_tool("weigh", schema),))
    assert json.dumps(schema) == before

"""Arguments are mended where what is meant is plain, and a mistake is told before the server is asked."""

from __future__ import annotations

from typing import Any

import pytest

from agents.mcp_servers.arguments import ArgumentCheck
from stillroom.errors import ToolError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "maximum": 7},
        "exact": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "where": {"$ref": "#/$defs/Point"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"Point": {"type": "object", "required": ["x"]}},
}
CHECK = ArgumentCheck("weather", SCHEMA)


def test_numbers_and_lists_written_as_text_are_mended() -> None:
    arguments = {"city": "5", "days": "３", "exact": "true", "tags": '["a"]'}
    assert CHECK.checked(arguments) == {"city": "5", "days": 3, "exact": True, "tags": ["a"]}


def test_null_for_what_may_be_left_out_is_left_out() -> None:
    assert CHECK.checked({"city": "Rome", "days": None, "exact": None}) == {"city": "Rome", "exact": None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "'city' is a required property"),
        ({"city": "Rome", "days": 9}, "days: 9 is greater than the maximum of 7"),
        ({"city": "Rome", "days": "soon"}, "days: 'soon' is not of type 'integer'"),
        ({"city": "Rome", "town": 1}, "'town' was unexpected"),
        ({"city": "Rome", "where": {}}, "where: 'x' is a required property"),
    ],
)
def test_mistake_names_argument_value_and_need(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ToolError) as caught:
        CHECK.checked(arguments)
    assert caught.value.message.startswith("weather: ")
    assert words in caught.value.message
    assert caught.value.hint == "weather(city, days?, exact?, where?, tags?)"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "no such type"},
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"properties": {"a": {"$ref": "#/$defs/none"}}},
        {"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}},
        {"properties": []},
    ],
)
def test_schema_that_cannot_be_used_here_leaves_the_check_to_the_server(schema: dict[str, Any]) -> None:
    assert ArgumentCheck("t", schema).checked({"a": "a" * 40 + "!"}) == {"a": "a" * 40 + "!"}

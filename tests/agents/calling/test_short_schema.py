"""After a reply that was cut off, nothing that the grammar lets a model write is too long."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from agents.calling.actions import action_schema, read_actions
from agents.calling.offered import Offered
from agents.calling.short_schema import shortened

TEXT = {"type": "string"}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "label": TEXT}}
PROPERTIES: dict[str, dict[str, Any]] = {
    "two texts": {"a": TEXT, "b": {"type": "string", "maxLength": 10}},
    "many texts": {f"text_{number}": TEXT for number in range(30)},
    "lists of lists": {"rows": {"type": "array", "items": {"type": "array", "items": TEXT}}},
    "objects": {"where": {"type": "object", "properties": {"city": TEXT, "tags": {"items": TEXT}}}},
    "choices": {"unit": {"enum": ["gram", "kilogram"]}, "what": {"anyOf": [TEXT, {"type": "null"}]}},
    "anything": {"value": {}, "names": {"type": "object"}},
    "itself": {"tree": {"$ref": "#/$defs/Node"}},
}


def tool_of(properties: dict[str, Any], required: list[str]) -> Offered:
    parameters = {"type": "object", "properties": properties, "required": required, "$defs": {"Node": NODE}}
    return Offered("use", "Use it.", parameters)


def longest(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """The longest value that keeps to a schema; numbers as long as anybody writes them."""
    if "$ref" in schema:
        return longest(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        found = [longest(branch, definitions) for branch in schema["anyOf"]]
        return max(found, key=lambda value: len(json.dumps(value)))
    match schema.get("type", ""):
        case "string":
            return "x" * schema["maxLength"]
        case "array":
            return [longest(schema["items"], definitions) for _ in range(schema["maxItems"])]
        case "object":
            return {name: longest(one, definitions) for name, one in schema["properties"].items()}
        case kind:
            scalars = {"number": 1234567890.12345, "integer": -12345678901234, "boolean": False, "null": None}
            choices = schema.get("enum", [schema.get("const", "")])
            return scalars[kind] if kind else max(choices, key=len)


@pytest.mark.parametrize("needed", [0, 1])
@pytest.mark.parametrize("kind", PROPERTIES)
@pytest.mark.parametrize("characters", [128, 256, 2048])
def test_the_longest_reply_under_it_fits_and_is_valid(kind: str, needed: int, characters: int) -> None:
    tool = tool_of(PROPERTIES[kind], list(PROPERTIES[kind])[:needed])
    whole = action_schema([tool], may_answer=False)

    short = shortened(whole, characters=characters)
    reply = longest(short, short.get("$defs", {}))

    assert len(json.dumps(reply)) <= characters
    jsonschema.validate(reply, whole)
    assert read_actions(json.dumps(reply), [tool])[0].name == "use"


def test_what_is_needed_is_kept_and_what_may_be_left_out_goes_first() -> None:
    properties = {"notes": TEXT, "title": TEXT, "count": {"type": "integer"}, "body": TEXT}
    branch = action_schema([tool_of(properties, ["title", "body"])], may_answer=False)["anyOf"][0]

    arguments = shortened(branch, characters=110)["properties"]["args"]

    assert list(arguments["properties"]) == ["title", "body"]
    assert arguments["required"] == ["title", "body"]
    assert list(shortened(branch, characters=512)["properties"]["args"]["properties"]) == list(properties)


def test_a_text_and_a_list_are_as_long_as_they_have_to_be() -> None:
    long = {"type": "string", "minLength": 300, "maxLength": 300}
    many = {"type": "array", "items": {"type": "null"}, "minItems": 5, "maxItems": 8}

    assert shortened(long, characters=40)["maxLength"] == 300
    assert shortened(many, characters=10)["maxItems"] == 5
    none = {"type": "array", "items": {"type": "null"}, "maxItems": 0}
    assert shortened(none, characters=10)["maxItems"] == 0

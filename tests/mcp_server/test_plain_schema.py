"""A tool's arguments are described without references, where that can be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator

from agents.toolkit.access import Access
from mcp_server.catalog import served_tools
from mcp_server.plain_schema import without_references

if TYPE_CHECKING:
    from agents.services import Services


def test_no_tool_refers_to_a_definition(shelf: Services) -> None:
    for one in served_tools(shelf, Access()):
        Draft202012Validator.check_schema(one.tool.parameters)
        assert "$ref" not in json.dumps(one.tool.parameters)


def test_what_stands_beside_a_reference_goes_before_the_definition() -> None:
    schema = {
        "properties": {"at": {"$ref": "#/$defs/Place", "description": "where"}},
        "$defs": {"Place": {"type": "object", "description": "A place."}},
    }
    assert without_references(schema) == {"properties": {"at": {"type": "object", "description": "where"}}}


def test_definitions_that_refer_to_each_other_stay() -> None:
    tree = {"$ref": "#/$defs/Tree", "$defs": {"Tree": {"items": {"$ref": "#/$defs/Tree"}}}}
    assert without_references(tree) == tree

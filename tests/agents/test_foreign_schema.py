"""Somebody else's schema refuses what it forbids, and one that is broken refuses nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.foreign_schema import argument_problems
from agents.tools import Tool
from stillroom.errors import ToolError


def schema(**properties: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": ["n"], "additionalProperties": False}


def test_each_problem_names_the_argument_the_value_and_what_was_needed() -> None:
    wanted = schema(n={"type": "integer", "maximum": 9}, to={"type": "object", "required": ["x"]})
    assert argument_problems({"n": 10, "colour": 1, "to": {}}, wanted) == (
        "'colour' is unknown",
        "'n' = 10: is greater than the maximum of 9",
        "'to.x' is missing",
    )
    assert argument_problems({"n": 3}, wanted) == ()


def test_huge_wrong_value_is_shown_short() -> None:
    (problem,) = argument_problems({"n": "x" * 1_000_000}, schema(n={"type": "integer"}))
    assert len(problem) < 300


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "nothing"},
        {"properties": []},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "http://["},
        {"$schema": "http://["},
        {"$schema": "about:blank"},
        {"$schema": 7},
        {"required": "n"},
        {"properties": {"n": {"multipleOf": 0}}},
        {"properties": {"n": {"pattern": "("}}},
        {"properties": {"n": 5}},
        {"anyOf": {}},
        {"allOf": [{"$ref": "#/allOf/0"}]},
    ],
)
def test_broken_schema_leaves_the_judgement_to_its_server(broken: dict[str, Any]) -> None:
    assert argument_problems({"n": "x"}, broken) == ()
    tool = Tool("far__t", "T.", lambda **given: str(given), broken)
    assert tool.call({"n": "x"}).text == "{'n': 'x'}"
    assert tool.signature.startswith("far__t(")


def test_foreign_pattern_that_backtracks_is_not_matched() -> None:
    hostile = {
        "properties": {"n": {"type": "string", "pattern": "^(a+)+$"}},
        "patternProperties": {"^(a+)+$": {}},
        "additionalProperties": False,
    }
    began = time.thread_time()
    assert argument_problems({"n": "a" * 40 + "!", "a" * 40 + "!": 1}, hostile) == ()
    assert time.thread_time() - began < 5


def test_schema_whose_references_multiply_ends_with_the_call() -> None:
    definitions = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 4} for i in range(30)}
    bomb = {"$defs": {**definitions, "d30": {}}, "$ref": "#/$defs/d0"}
    tool = Tool("far__bomb", "B.", lambda: "done", bomb, timeout_seconds=0.3)
    with pytest.raises(ToolError, match=r"far__bomb gave no result within 0\.3 s"):
        tool.call({})


def test_slip_is_set_right_before_the_schema_judges() -> None:
    tool = Tool("far__double", "D.", lambda n: str(2 * n), schema(n={"type": "integer"}))
    assert tool.call({"n": "２１"}).text == "42"
    with pytest.raises(ToolError, match="far__double: 'n' = 'two': is not of type 'integer'") as caught:
        tool.call({"n": "two"})
    assert caught.value.hint == "far__double(n)"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "anyOf", "enum", "$ref", "required", "n", "not"]),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["type", "properties", "anyOf", "$ref", "$defs", "required", "if"]), ANY)
)
def test_no_schema_makes_the_check_fail(generated: dict[str, Any]) -> None:
    assert isinstance(argument_problems({"n": [1, {"x": None}]}, generated), tuple)

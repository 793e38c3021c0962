"""What a small model plainly meant is read so; what it may have meant in two ways is left as it is."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.slips import set_right

WHOLE = {"type": "integer"}
TEXT = {"type": "string"}


def read(value: object, schema: object, **around: object) -> object:
    return set_right({"a": value}, {"type": "object", "properties": {"a": schema}, **around}).get(
        "a", "left out"
    )


@pytest.mark.parametrize(
    ("written", "schema", "meant"),
    [
        ("７", WHOLE, 7),
        (" 12 ", WHOLE, 12),
        ("－３", WHOLE, -3),
        ("−3", WHOLE, -3),
        ("3.0", WHOLE, 3),
        (3.0, WHOLE, 3),
        ("４．５", {"type": "number"}, 4.5),
        ("1e3", {"type": "number"}, 1000.0),
        ("7", {"type": "number"}, 7),
        ("true", {"type": "boolean"}, True),
        ("Ｆａｌｓｅ", {"type": "boolean"}, False),
        (2024, TEXT, "2024"),
        ("KG", {"enum": ["g", "kg"]}, "kg"),
        ("ｋｇ", {"enum": ["g", "kg"]}, "kg"),
        ("4", {"enum": [4, 8]}, 4),
        ("a", {"type": "array", "items": TEXT}, ["a"]),
        ("７", {"type": "array", "items": WHOLE}, [7]),
        (["７", 8], {"type": "array", "items": WHOLE}, [7, 8]),
        ('["a", "b"]', {"type": "array", "items": TEXT}, ["a", "b"]),
        ('{"n": "７"}', {"type": "object", "properties": {"n": WHOLE}}, {"n": 7}),
        ({"n": "７"}, {"$ref": "#/$defs/N"}, {"n": 7}),
        ("７", {"anyOf": [WHOLE, {"type": "null"}]}, 7),
        ("null", {"anyOf": [WHOLE, {"type": "null"}]}, None),
        ("７", {"type": ["integer", "null"]}, 7),
        ({"n": "７"}, {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]}, {"n": 7}),
        (["７"], {"anyOf": [{"type": "array", "items": WHOLE}, {"type": "null"}]}, [7]),
    ],
)
def test_what_can_mean_one_thing_only_is_read_so(written: object, schema: object, meant: object) -> None:
    found = read(written, schema, **{"$defs": {"N": {"type": "object", "properties": {"n": WHOLE}}}})
    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize(
    ("written", "schema"),
    [
        ("2²", WHOLE),
        ("1,000", WHOLE),
        ("3.5", WHOLE),
        (3.5, WHOLE),
        ("seven", WHOLE),
        ("9" * 5_000, WHOLE),
        (True, WHOLE),
        ("nan", {"type": "number"}),
        (1, {"type": "boolean"}),
        ("yes", {"type": "boolean"}),
        (True, TEXT),
        (1.5, TEXT),
        ("７", TEXT),
        ("null", {"anyOf": [TEXT, {"type": "null"}]}),
        ("7", {"anyOf": [TEXT, WHOLE]}),
        ("KG", {"enum": ["kg", "Kg"]}),
        ({"x": 1}, {"type": "array", "items": TEXT}),
        ("[1, 2", {"type": "array", "items": WHOLE}),
        (7, {"$ref": "#/$defs/missing"}),
        ("7", {"type": "whole"}),
        ("7", {"type": {}}),
        ("7", {"anyOf": "x"}),
        ("7", 5),
    ],
)
def test_what_is_right_or_ambiguous_or_has_no_sound_schema_stays(written: object, schema: object) -> None:
    assert read(written, schema) == written
    assert type(read(written, schema)) is type(written)


def test_null_is_left_out_only_where_the_argument_may_be() -> None:
    assert read(None, WHOLE) == "left out"
    assert read(None, WHOLE, required=["a"]) is None
    assert read(None, {"type": ["integer", "null"]}) is None


def test_schema_that_refers_to_itself_comes_to_an_end() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    value: dict[str, Any] = {"next": "end"}
    for _ in range(200):
        value = {"next": value}
    schema = {"$defs": {"Node": node, "Loop": {"$ref": "#/$defs/Loop"}}, **node}
    assert set_right(value, schema) == value
    assert set_right({"next": 1}, {**schema, "properties": {"next": {"$ref": "#/$defs/Loop"}}}) == {"next": 1}


def test_schema_whose_branches_multiply_is_given_up() -> None:
    twice = {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "array", "items": {"$ref": "#/$defs/a"}}] * 3}
    began = time.thread_time()
    assert read([["x"]], twice, **{"$defs": {"a": twice}}) == [["x"]]
    assert time.thread_time() - began < 10


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object", "whole"])
SCHEMAS: st.SearchStrategy[object] = st.recursive(
    st.fixed_dictionaries({"type": TYPES | st.lists(TYPES, max_size=3) | st.just({})}) | SCALARS,
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(st.text(max_size=3), inner)}
        )
        | st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"enum": st.lists(SCALARS, max_size=3)})
        | st.fixed_dictionaries({"$ref": st.sampled_from(["#/$defs/a", "#", "x"]), "$defs": SCALARS})
    ),
    max_leaves=6,
)


@settings(deadline=None)
@given(VALUES, SCHEMAS)
def test_no_value_and_no_schema_makes_reading_fail_and_a_second_reading_changes_nothing(
    value: object, schema: object
) -> None:
    whole = {"properties": {"a": schema}, "$defs": {"a": schema}, "required": ["a"]}
    once = set_right({"a": value}, whole)
    json.dumps(once)
    assert set_right(once, whole) == once

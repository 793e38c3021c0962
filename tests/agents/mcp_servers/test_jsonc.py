"""JSON with comments and trailing commas is read as the editor that wrote it reads it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.mcp_servers.jsonc import parse_jsonc

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_plain_json_is_read_as_it_is(value: object) -> None:
    assert parse_jsonc(json.dumps(value, indent=1, ensure_ascii=False)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\ufeff{}", {}),
        ('{"a": 1, /* two\nlines */ "b": [2,\n], // end\n}', {"a": 1, "b": [2]}),
        (
            '{"url": "http://x/*y*/", "c": ",]", "d": "\\"//"}',
            {"url": "http://x/*y*/", "c": ",]", "d": '"//'},
        ),
        ("[1, // one\n2, // two\n]", [1, 2]),
        ('{"a": 1,\n // gone: {"b": 2},\n}', {"a": 1}),
        ('{"a": 1 /**/}', {"a": 1}),
    ],
)
def test_comments_and_trailing_commas_are_left_out(text: str, value: object) -> None:
    assert parse_jsonc(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{,}", "line 1, column"),
        ('{"a": 1 /* no end', "line 1"),
        ('{"a": 1} /* no end', "line 1, column 10"),
        ("{} /*/", "line 1, column 4"),
        ('{"a": "no end', "line 1, column 7"),
        ('{\n"a": tru\n}', "line 2"),
        ('{"a": 1,, "b": 2}', "line 1"),
        ("", "line 1"),
    ],
)
def test_error_names_the_place(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_jsonc(text)


# Looked for anew from each beginning, half a million ends that are nowhere take hours.
@pytest.mark.parametrize(
    "text", ["/*" * 500_000, '\\"' * 500_000, '"\\' + '\\"' * 500_000, "{" + "/*/" * 300_000]
)
def test_a_megabyte_of_beginnings_without_an_end_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        parse_jsonc(text)

"""Which text is read as a message, how it is mended, and what its sender hears where it is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import jsonrpc_message_adapter

from mcp_server.message_text import mended, read_message

PING = '{"jsonrpc": "2.0", "id": 7, "method": "ping"}'
DEEP = '{"jsonrpc": "2.0", %s, "method": "id", "params": {"id": 8, "a": %s}}'


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("line", "code", "number"),
    [
        ("nonsense", -32700, None),
        ('{"jsonrpc": "2.0", "id": 7', -32700, None),
        ("[" * 100_000, -32600, None),
        (DEEP % ('"id": 7', nested(300)), -32600, 7),
        (DEEP % (r'"\u0069d" : "a b"', nested(100_000)), -32600, "a b"),
        (DEEP % ('"x": {"id": 9}, "y": "id"', nested(100_000)), -32600, None),
        (DEEP % ('"id": 7', "9" * 5_000), -32600, 7),
        (DEEP % ('"id": ' + "9" * 5_000, "1"), -32600, None),
        ('{"jsonrpc": "2.0", "id": 7, "result": {"a": ' + nested(300) + "}}", -32600, None),
        ('[{"jsonrpc": "2.0", "id": 7, "method": "ping"}]', -32600, None),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "1.0", "id": 7, "method": "ping"}', -32600, 7),
        ('{"jsonrpc": "2.0", "id": "a"}', -32600, "a"),
        ('{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": "x"}', -32602, 7),
    ],
)
def test_text_that_holds_no_message_is_answered_under_its_id_where_it_has_one(
    line: str, code: int, number: object
) -> None:
    _, error = read_message(line)
    assert error is not None
    assert (error.error.code, error.id) == (code, number)


@pytest.mark.parametrize(
    "line",
    [
        PING,
        '{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        '{"jsonrpc": "2.0", "id": 7, "result": {}}',
        '{"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "x"}}',
    ],
)
def test_message_passes(line: str) -> None:
    assert read_message(line)[1] is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (r'"a \ud83d"', "a \ufffd"),
        (r'"\udc00\ud83dx"', "\ufffd\ufffdx"),
        (r'"\ud83d\ude00"', "😀"),
        (r'"\\ud83d"', r"\ud83d"),  # a backslash, and no escape
        (r'"\\\ud83d\n"', "\\\ufffd\n"),
        ('\ufeff"a"', "a"),
    ],
)
def test_half_a_pair_is_replaced_and_all_else_stays(sent: str, read: str) -> None:
    assert json.loads(mended(sent)) == read


def test_what_is_too_much_to_read_is_said() -> None:
    said = [
        error.error.message if error else ""
        for _, error in map(read_message, (PING[:-1], DEEP % ('"id": 7', nested(300)), "9" * 5_000))
    ]
    assert said == [
        "it is not JSON: Expecting ',' delimiter, at character 45",
        "it nests too deep: 200 levels are read at most",
        "it has a number that is too long: 4300 digits are read",
    ]


@given(
    st.dictionaries(
        st.sampled_from(["id", "a", '"id"', "i\\d"]), st.text(max_size=4) | st.integers(), max_size=4
    )
)
def test_id_is_found_in_what_is_too_deep_wherever_it_stands(members: dict[str, object]) -> None:
    text = json.dumps({**members, "method": "id"})[:-1] + ', "deep": ' + nested(2_000) + "}"
    _, error = read_message(text)
    assert error is not None
    assert error.id == members.get("id")


@given(st.text(alphabet='{}[]",:\\ id7e-', max_size=40))
def test_what_passes_is_what_the_sdk_reads(text: str) -> None:
    _, error = read_message(text)
    if error is None:
        jsonrpc_message_adapter.validate_json(text, by_name=False)

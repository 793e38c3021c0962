"""What JSON is a message of the protocol, and what is answered to what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.types import jsonrpc_message_adapter
from pydantic import ValidationError

from mcp_server.message_form import refusal

PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}


@pytest.mark.parametrize(
    "message",
    [
        PING,
        {**PING, "params": {}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": "a", "result": {}},
        {"jsonrpc": "2.0", "id": 7, "error": {"code": 1, "message": "no"}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "no", "data": [1]}},
    ],
)
def test_message_passes(message: object) -> None:
    assert refusal(message) is None


@pytest.mark.parametrize(
    ("message", "code", "number"),
    [
        (None, -32_600, None),
        ([], -32_600, None),
        ([PING], -32_600, None),
        ({}, -32_600, None),
        ({"foo": 1}, -32_600, None),
        ({"jsonrpc": "2.0", "method": 5}, -32_600, None),
        ({"method": "notifications/initialized"}, -32_600, None),
        ({"jsonrpc": "2.0", "method": "notifications/initialized", "params": []}, -32_602, None),
        ({"jsonrpc": "2.0", "id": 7}, -32_600, 7),
        ({**PING, "jsonrpc": "1.0"}, -32_600, 7),
        ({**PING, "params": []}, -32_602, 7),
        ({**PING, "id": True}, -32_600, None),
        ({"jsonrpc": "2.0", "id": 7, "result": []}, -32_600, None),
        ({"jsonrpc": "2.0", "result": {}}, -32_600, None),
        ({"jsonrpc": "2.0", "id": 7, "error": "no"}, -32_600, None),
    ],
)
def test_what_is_no_message_is_answered_under_its_id_where_it_has_one(
    message: object, code: int, number: object
) -> None:
    error = refusal(message)
    assert error is not None
    assert (error.error.code, error.id) == (code, number)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
NAMES = ("jsonrpc", "id", "method", "params", "result", "error", "code", "message")
ERRORS = st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON})
VALUES = JSON | st.just("2.0") | ERRORS


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_whatever_passes_the_sdk_reads(message: dict[str, object]) -> None:
    if refusal(message) is None:
        jsonrpc_message_adapter.validate_python(message, by_name=False)


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_whatever_the_sdk_reads_as_a_request_passes(message: dict[str, object]) -> None:
    identifier = message.get("id", 0)
    if isinstance(identifier, bool) or not isinstance(identifier, int | str):
        return  # the SDK takes it for a notification, and its sender would wait for an answer
    try:
        jsonrpc_message_adapter.validate_python(message, by_name=False)
    except ValidationError:
        return
    assert refusal(message) is None

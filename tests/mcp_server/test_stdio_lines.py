"""Lines on stdin that the SDK cannot read: mended or answered, so that no client waits for nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mcp_server.stdio_lines import mended, refusal

if TYPE_CHECKING:
    from tests.mcp_server.conftest import RawServer


@pytest.mark.parametrize(
    ("line", "code", "number"),
    [
        ("nonsense", -32700, None),
        ('{"jsonrpc": "2.0", "id": 7', -32700, None),
        ("[" * 100_000, -32700, None),
        ('[{"jsonrpc": "2.0", "id": 7, "method": "ping"}]', -32600, None),
        ('{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600, None),
        ('{"jsonrpc": "1.0", "id": 7, "method": "ping"}', -32600, 7),
        ('{"jsonrpc": "2.0", "id": "a"}', -32600, "a"),
        ('{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": "x"}', -32602, 7),
    ],
)
def test_line_that_holds_no_message_is_answered(line: str, code: int, number: object) -> None:
    error = refusal(line)
    assert error is not None
    assert (error.error.code, error.id) == (code, number)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        '{"jsonrpc": "2.0", "id": 7, "method": "ping"}',
        '{"jsonrpc": "2.0", "method": "notifications/initialized"}',
        '{"jsonrpc": "2.0", "id": 7, "result": {}}',
        '{"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "x"}}',
    ],
)
def test_messages_and_empty_lines_pass(line: str) -> None:
    assert refusal(line) is None


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


def test_served_process_answers_what_is_no_message_and_goes_on(raw_server: RawServer) -> None:
    raw_server.shake_hands()
    stdin = raw_server.process.stdin
    assert stdin is not None
    half = '{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "list_sources", '
    for line in (
        "nonsense",
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": "x"}',
        half + r'"arguments": {"cursor": "pruning \ud83d"}}}',
        '\ufeff{"jsonrpc": "2.0", "id": 3, "method": "ping"}',
    ):
        stdin.write(line + "\n")
    stdin.flush()
    answers = [raw_server.receive() for _ in range(4)]
    by_id = {answer.get("id"): answer for answer in answers}
    assert by_id[None]["error"]["code"] == -32700
    assert by_id[1]["error"]["code"] == -32602
    assert by_id[2]["result"]["isError"] is True
    assert by_id[3]["result"] == {}

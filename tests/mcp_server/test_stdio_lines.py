"""Lines on stdin that the SDK cannot read: mended or answered, so that no client waits for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.mcp_server.conftest import RawServer


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
        '{"jsonrpc": "2.0", "id": 4, "method": "ping", "params": {"a": ' + "[" * 300 + "]" * 300 + "}}",
        "  ",
        '{"foo": "bar"}',
    ):
        stdin.write(line + "\n")
    stdin.flush()
    answers = [raw_server.receive() for _ in range(6)]
    by_id = {answer.get("id"): answer for answer in answers}
    assert {one["error"]["code"] for one in answers if one["id"] is None} == {-32700, -32600}
    assert by_id[4]["error"]["code"] == -32600
    assert by_id[1]["error"]["code"] == -32602
    assert by_id[2]["result"]["isError"] is True
    assert by_id[3]["result"] == {}

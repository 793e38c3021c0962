"""A served process as its client's operating system sees it: clean stdout, and a clean end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.mcp_server.conftest import RawServer

if TYPE_CHECKING:
    from pathlib import Path


def test_stdout_carries_the_protocol_alone_whatever_libraries_print(raw_server: RawServer) -> None:
    raw_server.shake_hands()
    raw_server.send("tools/call", {"name": "list_sources", "arguments": {}}, number=1)
    reply = raw_server.receive()
    assert reply["id"] == 1
    assert reply["result"]["isError"] is True
    assert reply["result"]["content"][0]["text"] == (
        "list_sources: the library is empty\nHint: stillroom ingest PATH"
    )

    rest, errors = raw_server.process.communicate(timeout=120)

    assert rest == ""
    for stray in (
        "waits in Python's buffer",
        "is flushed",
        "on descriptor 1",
        "of a child process",
        "a handler that kept stdout",
        "waits in C's buffer",
        "stray warning",
        "message of a logger",
    ):
        assert stray in errors
    assert "Traceback" not in errors


def test_process_ends_with_its_input(raw_server: RawServer) -> None:
    raw_server.shake_hands()
    raw_server.process.communicate(timeout=120)
    assert raw_server.process.returncode == 0


def test_process_ends_with_its_input_while_a_tool_still_works(raw_server: RawServer) -> None:
    raw_server.shake_hands()
    raw_server.send("tools/call", {"name": "plan_deployment", "arguments": {}}, number=1)
    assert raw_server.process.stderr is not None
    assert raw_server.process.stderr.readline() == "waiting for ever\n"
    _, errors = raw_server.process.communicate(timeout=120)
    assert raw_server.process.returncode == 0
    assert "Traceback" not in errors


def test_process_ends_where_nobody_reads_its_answers_though_its_input_is_open(raw_server: RawServer) -> None:
    raw_server.shake_hands()
    process = raw_server.process
    assert process.stdout is not None
    process.stdout.close()
    raw_server.send("ping", {}, number=1)
    assert process.wait(120) == 0
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stdout = None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_process_without_a_traceback(raw_server: RawServer, number: signal.Signals) -> None:
    raw_server.shake_hands()
    raw_server.process.send_signal(number)
    output, errors = raw_server.process.communicate(timeout=120)
    assert raw_server.process.returncode == -number
    assert (output, errors) == ("", "")


def test_other_calls_are_answered_while_a_tool_works(raw_server: RawServer) -> None:
    raw_server.shake_hands()
    raw_server.send("tools/call", {"name": "plan_deployment", "arguments": {}}, number=1)
    raw_server.send("tools/call", {"name": "deployment_status", "arguments": {}}, number=2)
    reply = raw_server.receive()
    assert reply["id"] == 2
    assert reply["result"]["structuredContent"]["state"] == "none"


def test_line_that_is_not_json_does_not_end_the_process(raw_server: RawServer) -> None:
    raw_server.shake_hands()
    assert raw_server.process.stdin is not None
    raw_server.process.stdin.write("this is not json\n")
    raw_server.send("tools/list", {}, number=3)
    assert raw_server.receive()["error"]["code"] == -32700
    assert raw_server.receive()["id"] == 3


@pytest.mark.parametrize(
    ("version", "kinds"),
    [("2024-11-05", ["text"]), ("2025-03-26", ["text"]), ("2025-06-18", ["text", "resource_link"])],
)
def test_a_client_is_sent_no_kind_of_content_that_its_revision_does_not_know(
    library_dir: Path, version: str, kinds: list[str]
) -> None:
    server = RawServer(str(library_dir))
    try:
        server.shake_hands(version)
        asked = {"query": "茶叶什么时候采摘？", "limit": 1}
        server.send("tools/call", {"name": "search_library", "arguments": asked}, number=1)
        result = server.receive()["result"]
        assert [block["type"] for block in result["content"]] == kinds
        assert "第一批茶叶在三月二十日采摘。" in result["content"][0]["text"]
    finally:
        server.process.kill()
        server.process.communicate(timeout=120)


def test_a_call_that_is_cancelled_over_stdio_is_not_answered_and_the_next_one_is(
    raw_server: RawServer,
) -> None:
    raw_server.shake_hands()
    raw_server.send("tools/call", {"name": "plan_deployment", "arguments": {}}, number=1)
    assert raw_server.process.stderr is not None
    assert raw_server.process.stderr.readline() == "waiting for ever\n"
    raw_server.send("notifications/cancelled", {"requestId": 1, "reason": "enough"})
    raw_server.send("tools/call", {"name": "deployment_status", "arguments": {}}, number=2)
    replies = [raw_server.receive()]
    if replies[0]["id"] == 1:  # the SDK may answer what was cancelled, with an error
        assert "error" in replies[0]
        replies.append(raw_server.receive())
    assert replies[-1]["id"] == 2

"""The server ends within a few seconds of a signal, whatever is open, and breaks no stream."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from mcp_server.jobs.store import JobStore
from tests.mcp_server.handshake import initialize
from tests.mcp_server.http.conftest import HttpServer, Tokens, serving
from tests.mcp_server.http.wire import bearer, call, headers_for, message
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BOTH = "application/json, text/event-stream"


@pytest.fixture
def server(tokens: Tokens) -> Iterator[HttpServer]:
    """A server that a test may end; its machine never answers."""
    with serving("--tokens", str(tokens.file.path)) as started:
        yield started


class Listener:
    """A client that reads a stream in a thread until it ends."""

    def __init__(self, server: HttpServer, asked: Mapping[str, object], headers: Mapping[str, str]) -> None:
        self.status = 0
        self.text = ""
        self.broken: httpx.HTTPError | None = None
        self._thread = threading.Thread(target=self._read, args=(server.url, asked, headers), daemon=True)
        self._thread.start()

    def _read(self, url: str, asked: Mapping[str, object], headers: Mapping[str, str]) -> None:
        method = "POST" if asked else "GET"
        try:
            with httpx.stream(
                method, url, json=asked or None, headers=dict(headers), timeout=240, trust_env=False
            ) as response:
                self.status = response.status_code
                for text in response.iter_text():
                    self.text += text
        except httpx.HTTPError as error:
            self.broken = error

    def ended(self, seconds: float) -> bool:
        """Whether the stream ended in time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()


def listen(server: HttpServer, token: str) -> Listener:
    """Open a stream of changes, and wait until it is open."""
    asked = message("subscriptions/listen", notifications={"toolsListChanged": True})
    listener = Listener(server, asked, {**headers_for(asked), **bearer(token)})
    assert wait_until(lambda: listener.status != 0)
    assert listener.status == 200, listener.text
    return listener


def long_call(server: HttpServer, token: str) -> Listener:
    """Call a tool that never answers, and wait until it works."""
    asked = call("plan_deployment")
    asked["params"]["_meta"]["progressToken"] = "p"
    called = Listener(server, asked, {**headers_for(asked), **bearer(token)})
    assert wait_until(lambda: "waiting for ever" in server.logged)
    return called


def state(store: JobStore, job_id: str) -> str:
    """What is kept of the job."""
    job = store.find(job_id)
    assert job is not None
    return job.state


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_idle_server_ends_with_success_and_nothing_said(server: HttpServer, number: signal.Signals) -> None:
    server.process.send_signal(number)
    assert server.process.wait(120) == 0
    assert server.logged == ""


def test_open_streams_end_as_streams_do_and_calls_are_told(server: HttpServer, tokens: Tokens) -> None:
    changes = listen(server, tokens.reader)
    called = long_call(server, tokens.reader)

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(120) == 0
    for stream in (changes, called):
        assert stream.ended(60)
        assert stream.broken is None
    # Whether its answer had begun with a sign of life or not, it was told that the server ends.
    assert called.status in {200, 503}
    assert "the server is ending" in called.text
    assert "Traceback" not in server.logged
    assert "ERROR" not in server.logged


def test_job_under_way_is_left_to_the_next_server(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    with serving("--tokens", str(tokens.file.path), "--ingest-root", str(tmp_path)) as server:
        started = server.send(call("ingest", paths=[str(tmp_path)]), tokens.owner).json()
        job = started["result"]["structuredContent"]["job_id"]
        store = JobStore(tmp_path / "jobs.sqlite3")
        assert wait_until(lambda: state(store, job) == "running")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(120) == 0
    assert state(store, job) == "queued"


def test_call_that_is_nearly_done_is_still_answered(server: HttpServer, tokens: Tokens) -> None:
    asked = call("list_sources")
    called = Listener(server, asked, {**headers_for(asked), **bearer(tokens.reader)})
    assert wait_until(lambda: "stray message of a logger" in server.logged)
    server.process.send_signal(signal.SIGTERM)
    assert called.ended(60)
    assert called.broken is None
    assert json.loads(called.text)["result"]["isError"] is True


def session_of(server: HttpServer, token: str) -> dict[str, str]:
    """The headers of a session of the revision before, open and greeted."""
    old = {"Mcp-Protocol-Version": "2025-11-25"}
    opened = server.send(initialize(), token, headers=old)
    old["Mcp-Session-Id"] = opened.headers["mcp-session-id"]
    server.send({"jsonrpc": "2.0", "method": "notifications/initialized"}, token, headers=old)
    return old


def test_call_of_a_session_hears_on_its_stream_that_the_server_ends(
    server: HttpServer, tokens: Tokens
) -> None:
    old = session_of(server, tokens.reader)
    asked = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "plan_deployment"}}
    called = Listener(server, asked, {**bearer(tokens.reader), **old, "Accept": BOTH})
    assert wait_until(lambda: "waiting for ever" in server.logged)

    server.process.send_signal(signal.SIGTERM)

    assert called.ended(60)
    assert called.broken is None
    last = json.loads(called.text.rstrip().rpartition("data: ")[2])
    assert last["id"] == 7
    assert last["error"]["message"] == "the server is ending"
    assert server.process.wait(120) == 0
    assert "ERROR" not in server.logged


def test_call_of_a_session_that_is_nearly_done_is_still_answered(server: HttpServer, tokens: Tokens) -> None:
    old = session_of(server, tokens.reader)
    asked = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "list_sources"}}
    called = Listener(server, asked, {**bearer(tokens.reader), **old, "Accept": BOTH})
    assert wait_until(lambda: "stray message of a logger" in server.logged)
    server.process.send_signal(signal.SIGTERM)
    assert called.ended(60)
    assert called.broken is None
    assert '"isError":true' in called.text


def test_session_of_the_revision_before_ends_too(server: HttpServer, tokens: Tokens) -> None:
    old = session_of(server, tokens.reader)
    stream = Listener(server, {}, {**bearer(tokens.reader), **old, "Accept": "text/event-stream"})
    assert wait_until(lambda: stream.status == 200)

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(120) == 0
    assert stream.ended(60)
    assert stream.broken is None
    assert "Traceback" not in server.logged


def test_client_that_neither_reads_nor_goes_does_not_hold_the_end(server: HttpServer) -> None:
    with server.connect() as silent, server.connect() as half:
        half.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nx")
        silent.sendall(b"GET /healthz HTTP/1.1\r\nHost")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(120) == 0


def test_stream_of_a_token_that_is_revoked_tells_nothing_more(tokens: Tokens, library_dir: Path) -> None:
    token = tokens.add("leaving")
    with serving("--tokens", str(tokens.file.path), "--library", str(library_dir)) as server:
        called = long_call(server, token)
        tokens.file.revoke("leaving")
        assert called.ended(60)
        assert called.broken is None
        server.require_alive(tokens.reader)


def test_calls_of_a_token_that_is_revoked_end_with_or_without_a_session(tokens: Tokens) -> None:
    token = tokens.add("leaving-too")
    with serving("--tokens", str(tokens.file.path)) as server:
        asked = call("plan_deployment")
        quiet = Listener(server, asked, {**headers_for(asked), **bearer(token)})
        old = session_of(server, token)
        asked = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "plan_deployment"}}
        every = {**bearer(token), **old, "Accept": BOTH}
        # One token has three such calls at work at once: a fourth waits until one of them has ended.
        in_session = [Listener(server, {**asked, "id": number}, every) for number in range(2)]
        assert wait_until(lambda: server.logged.count("waiting for ever") == 3)

        tokens.file.revoke("leaving-too")

        assert quiet.ended(60)
        assert (quiet.status, quiet.broken) == (401, None)
        for called in in_session:
            assert called.ended(60)
            assert called.broken is None
        asked = call("plan_deployment")
        others = [Listener(server, asked, {**headers_for(asked), **bearer(tokens.reader)}) for _ in range(3)]
        assert wait_until(lambda: server.logged.count("waiting for ever") == 6)
        assert not any(other.ended(0) for other in others)

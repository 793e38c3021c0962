"""Slow senders, slow readers and too many at once, on real sockets: each costs only so much."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from mcp_server.http.bodies import Bodies
from mcp_server.http.connections import PatientProtocol
from tests.processes import wait_until

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

# What is sent to a client that does not read must be more than the system keeps for it.
MANY_BYTES = 64 * 1024 * 1024


class Patient(PatientProtocol):
    """Waits longer than any test takes; each test is hasty in what it is about."""

    head_seconds = 600.0
    linger_seconds = 600.0
    unread_seconds = 600.0


class HastyForHeads(Patient):
    """The first request of an honest client is there long before."""

    head_seconds = 1.5


class HastyForReaders(Patient):
    """Gives up at once on who does not read."""

    unread_seconds = 0.2


class HastyToLeave(Patient):
    """Hears a refused client on for as long as it takes to read the refusal."""

    linger_seconds = 1.5


class Few(Patient):
    """Takes few connections."""

    most_connections = 4


class Application:
    """Answers with as many bytes as the path says, and keeps what became of the requests."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        try:
            if path == "/many":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                for _ in range(MANY_BYTES // 65_536):
                    await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await PlainTextResponse("served")(scope, receive, send)
        finally:
            self.ended.append(path)


@contextmanager
def listening(app: ASGIApp, protocol: type[asyncio.Protocol]) -> Iterator[tuple[int, uvicorn.Server]]:
    """Uvicorn over the application in a thread of this process."""
    config = uvicorn.Config(
        app, http=protocol, ws="none", loop="asyncio", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        thread = threading.Thread(target=server.run, args=([opened],))
        thread.start()
        try:
            yield opened.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join()


def connect(port: int, **options: Any) -> socket.socket:  # noqa: ANN401 -- passed on
    return socket.create_connection(("127.0.0.1", port), timeout=60, **options)


def is_cut(connection: socket.socket) -> bool:
    """Whether one more byte is taken no more."""
    try:
        connection.sendall(b"A")
    except ConnectionError:
        return True
    return False


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes or cuts."""
    read = bytearray()
    try:
        while piece := connection.recv(65_536):
            read += piece
    except ConnectionError:
        pass
    return bytes(read)


@pytest.mark.parametrize("sent", [b"", b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nA: b"])
def test_client_that_never_ends_its_head_is_cut(sent: bytes) -> None:
    with listening(Application(), HastyForHeads) as (port, _), connect(port) as connection:
        connection.sendall(sent)
        assert read_all(connection) == b""


def test_client_that_sends_a_byte_now_and_then_gets_no_more_time_by_it() -> None:
    with listening(Application(), HastyForHeads) as (port, server), connect(port) as connection:
        assert wait_until(lambda: len(server.server_state.connections) == 1)
        assert wait_until(lambda: is_cut(connection))


def test_second_request_of_a_connection_has_its_own_time() -> None:
    with listening(Application(), HastyForHeads) as (port, _), connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        first = connection.recv(65_536)
        assert b"served" in first or b"served" in connection.recv(65_536)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert read_all(connection) == b""


def test_client_that_never_reads_is_cut_and_its_request_ends() -> None:
    app = Application()
    with listening(app, HastyForReaders) as (port, server), connect(port) as connection:
        connection.sendall(b"GET /many HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wait_until(lambda: app.ended == ["/many"])
        assert wait_until(lambda: not server.server_state.connections)
        assert len(read_all(connection)) < MANY_BYTES


def test_client_that_reads_slowly_gets_all_of_it() -> None:
    with listening(Application(), Patient) as (port, _), connect(port) as connection:
        connection.sendall(b"GET /many HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert len(read_all(connection)) > MANY_BYTES


def test_connections_beyond_the_most_are_dropped_and_later_ones_served() -> None:
    with listening(Application(), Few) as (port, server):
        held = [connect(port) for _ in range(Few.most_connections)]
        assert wait_until(lambda: len(server.server_state.connections) == Few.most_connections)
        with connect(port) as one_more:
            assert read_all(one_more) == b""
        for connection in held:
            connection.close()
        assert wait_until(lambda: not server.server_state.connections)
        with connect(port) as later:
            later.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert read_all(later).endswith(b"served")


def test_client_that_goes_on_sending_after_it_was_refused_reads_the_refusal_and_is_cut() -> None:
    with (
        listening(Bodies(Application(), most_bytes=10), HastyToLeave) as (port, server),
        connect(port) as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 11)
        assert b" 413 " in connection.recv(65_536)
        connection.sendall(b"x" * 1000)
        assert wait_until(lambda: not server.server_state.connections)


def test_body_that_does_not_come_is_waited_for_so_long() -> None:
    app = Application()
    with listening(Bodies(app, seconds=0.1), Patient) as (port, _), connect(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
        assert b" 408 " in connection.recv(65_536)
    assert app.ended == []


def test_client_that_goes_away_in_the_middle_of_its_body_is_forgotten() -> None:
    app = Application()
    with listening(Bodies(app), Patient) as (port, server):
        with connect(port) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
            assert wait_until(lambda: bool(server.server_state.tasks))
        assert wait_until(lambda: not server.server_state.tasks)
    assert app.ended == []

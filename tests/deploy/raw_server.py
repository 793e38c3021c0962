"""A server that a test writes byte by byte: what no real engine does on demand, such as dying midway."""

from __future__ import annotations

import json
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Request:
    """What came, its headers' names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class RawServer:
    """A server on a port of this machine; it closes each connection after its answer.

    Attributes:
        requests: those that came, in order.
    """

    port: int
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def raw_server(answer: Callable[[Request, socket.socket], None], *, port: int = 0) -> Iterator[RawServer]:
    """Serve for as long as the block runs; ``answer`` writes to the connection."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = RawServer(listener.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                request = _read(connection)
                server.requests.append(request)
                answer(request, connection)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def reply(
    body: object, *, status: int = 200, content_type: str = "application/json", **headers: str
) -> bytes:
    """A whole answer: JSON, or a text as it is."""
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    lines = [f"HTTP/1.1 {status} So", f"Content-Type: {content_type}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


def stream_head(content_type: str = "text/event-stream") -> bytes:
    """The head of an answer that comes in chunks."""
    return (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


def chunk(text: str) -> bytes:
    """One chunk of it; an empty text ends the answer."""
    content = text.encode()
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def reset(connection: socket.socket) -> None:
    """End the connection as a killed server's kernel does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def has_left(connection: socket.socket) -> bool:
    """Wait for the client's next sign: whether it is that it is gone, be it with a reset."""
    try:
        return connection.recv(1) == b""
    except OSError:
        return True


def _read(connection: socket.socket) -> Request:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := connection.recv(65536)):
            raise ConnectionError
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    length = int(headers.get("content-length", 0))
    while len(body) < length:
        if not (more := connection.recv(65536)):
            raise ConnectionError
        body += more
    method, path, _ = first.split(" ", 2)
    return Request(method, path, headers, json.loads(body) if body else None)

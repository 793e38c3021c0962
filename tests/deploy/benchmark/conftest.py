"""A local server that streams recorded answers, in pieces cut where a test says, or breaks off."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from deploy.benchmark.timing import Answered, Failed, Round
from deploy.endpoint import Endpoint
from tests.deploy.conftest import RECORDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from deploy.benchmark.timing import ClientName
    from deploy.spec import EngineName


@dataclass
class Streaming:
    """What the server sends, and what it was asked.

    Attributes:
        body: the whole stream.
        cut_at: the stream is sent in pieces of so many bytes: lines and characters are torn apart.
        keep: only the first so many bytes are sent, then the connection is cut; None for all.
        status: of the answer.
        refused_field: requests that have it get a 400.
        requests: path and body of each request.
    """

    body: bytes
    content_type: str = "text/event-stream"
    cut_at: int = 7
    keep: int | None = None
    ends_cleanly: bool = True
    status: int = 200
    refused_field: str = ""
    url: str = ""
    requests: list[tuple[str, Any]] = field(default_factory=list)

    def endpoint(self, engine: EngineName = "vllm") -> Endpoint:
        """The endpoint of this server."""
        return Endpoint(f"{self.url}/v1", "tiny", engine, context_tokens=2048)


def recorded(name: str) -> bytes:
    """The stream of a recording, such as ``ollama/chat_stream``, as the server sent it."""
    body = json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))["body"]
    return "".join(f"{line}\n" for line in body).encode()


@pytest.fixture
def streaming() -> Callable[[Streaming], AbstractContextManager[Streaming]]:
    """Serve a stream for as long as a ``with`` block runs."""

    @contextmanager
    def serve(stream: Streaming) -> Iterator[Streaming]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stream))
        stream.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield stream
        finally:
            server.shutdown()
            server.server_close()

    return serve


def _handler(stream: Streaming) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and each piece leave in one packet

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stream.requests.append((self.path, request))
            if stream.status != 200 or (stream.refused_field and stream.refused_field in request):
                self._refuse()
                return
            self.send_response(200)
            self.send_header("Content-Type", stream.content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            sent = stream.body if stream.keep is None else stream.body[: stream.keep]
            for start in range(0, len(sent), stream.cut_at):
                piece = sent[start : start + stream.cut_at]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            if stream.ends_cleanly:
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.close_connection = True

        def _refuse(self) -> None:
            status = stream.status if stream.status != 200 else 400
            body = json.dumps({"error": {"message": "that is refused", "code": status}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            """Say nothing."""

    return Handler


def a_round(
    client: ClientName,
    *answers: Answered | Failed,
    concurrency: int = 1,
    number: int = 0,
    wall_s: float = 1.0,
    cpu_s: float = 0.01,
) -> Round:
    """A made-up round."""
    return Round(client, concurrency, number, answers, wall_s, cpu_s)

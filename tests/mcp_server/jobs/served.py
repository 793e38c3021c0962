"""A real ``stillroom mcp serve`` process that a test may kill, and a client that calls it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from tests.deploy.raw_server import raw_server, reply
from tests.processes import children_with, wait_until

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    import psutil

    from tests.agents.chat_script import Reply
    from tests.conftest import Home
    from tests.deploy.raw_server import Request

PATIENT_S = 240


class Served:
    """One server process, and its client: one request at a time, as the revisions before 2026 speak."""

    def __init__(self, home: Home) -> None:
        self.process = home.start("mcp", "serve", stdin=subprocess.PIPE)
        self.errors: list[str] = []
        self._numbers = iter(range(1, 1_000_000))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        client = {"name": "t", "version": "1"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        self.ask("initialize", hello)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized", "params": {}})

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of a request."""
        number = next(self._numbers)
        self._write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            message = json.loads(line)
            if message.get("id") == number:
                result: dict[str, Any] = message["result"]
                return result
        raise AssertionError("".join(self.errors))

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """What the tool gives as data."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})
        assert not result.get("isError"), result["content"]
        data: dict[str, Any] = result["structuredContent"]
        return data

    def refused(self, tool: str, **arguments: Any) -> str:  # noqa: ANN401
        """What the tool says when it refuses."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})
        assert result["isError"], result
        text: str = result["content"][0]["text"]
        return text

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job, once it has ended."""
        found: list[dict[str, Any]] = []

        def has_ended() -> bool:
            found.append(self.call("job_status", job_id=job_id))
            return found[-1]["state"] not in {"queued", "running"}

        assert wait_until(has_ended, PATIENT_S), found[-1]
        return found[-1]

    def child(self) -> psutil.Process:
        """The process that ingests for this server, once it has told how far it is."""
        found: list[psutil.Process] = []

        def is_there() -> bool:
            found[:] = children_with("ingest", self.process.pid)
            return bool(found)

        assert wait_until(is_there, PATIENT_S)
        return found[0]

    def kill(self) -> None:
        """SIGKILL, as the system does where memory is short."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Close its input, as a client does at its end."""
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self.process.wait(PATIENT_S)
        self._listener.join(PATIENT_S)

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as errors:
            self.errors.extend(errors)


@contextlib.contextmanager
def served(home: Home) -> Iterator[Served]:
    """A server for the length of a ``with`` block."""
    server = Served(home)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


@contextlib.contextmanager
def model(*replies: Reply) -> Iterator[dict[str, str]]:
    """A chat server that gives the replies to whoever lets it write piece by piece; the settings for it.

    Whoever asks what it can do asks for whole messages, and is greeted.
    """
    waiting = list(replies)
    hello = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}}]}

    def answer(request: Request, connection: socket.socket) -> None:
        if request.body is None:
            connection.sendall(reply({"object": "list", "data": [{"id": "scripted", "object": "model"}]}))
        elif not request.body.get("stream"):
            connection.sendall(reply({"id": "1", "object": "chat.completion", "created": 1, **hello}))
        else:
            waiting.pop(0).send(connection)

    with raw_server(answer) as server:
        yield {"STILLROOM_ENDPOINT_URL": f"{server.url}/v1", "STILLROOM_ENDPOINT_MODEL": "scripted"}


def write_stories(folder: Path, count: int) -> None:
    """So many small documents, each with a sentence of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        text = " ".join(f"{word} {number} of the story." for word in ("Beginning", "Middle", "End"))
        (folder / f"{number:04}.md").write_text(f"# Story {number}\n\n{text}\n", encoding="utf-8")

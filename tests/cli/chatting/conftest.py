"""A chat on a terminal with a server whose replies a test writes, and may hold in the middle."""

from __future__ import annotations

import contextlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest

from agents.running.wording import wording
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.conftest import Home

# By which a request of the agent is told from those by which a server is asked what it can do.
_INSTRUCTIONS: Final = tuple(
    told.partition("{")[0][:20]
    for words in (wording("en"), wording("zh"))
    for told in (words.instructions, words.without_tools)
)
_HEAD: Final = {"id": "chat-1", "object": "chat.completion", "created": 1, "model": "scripted"}
_USAGE: Final = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


# Where this stands in a reply, the server waits.
HOLD: Final = "‖"
_LONGEST_HOLD_SECONDS: Final = 500.0


def final(answer: str) -> str:
    """The reply that ends a run whose tools are called by JSON."""
    return action("final_answer", answer=answer)


def action(name: str, **arguments: Any) -> str:  # noqa: ANN401 -- whatever a tool takes
    """A call, as a model writes it that is held to a schema."""
    return json.dumps({"action": name, "args": arguments}, ensure_ascii=False)


@dataclass
class Speaker:
    """An OpenAI server, real but for its model.

    Attributes:
        replies: to the agent, in order; the last one is given again and again. A text, or a message's fields.
        held: is set when a reply came to a ``HOLD``; it goes on when ``go`` is set.
        thinks: what it thinks before each reply, where it is asked what it can do as well.
        asked: the agent's requests.
    """

    replies: list[str | dict[str, Any]] = field(default_factory=list)
    thinks: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def message(self, request: dict[str, Any]) -> dict[str, Any]:
        """The next reply's fields."""
        thought = {"reasoning": self.thinks} if self.thinks else {}
        if not any(words in str(request["messages"]) for words in _INSTRUCTIONS):
            return {"role": "assistant", "content": "Hello.", **thought}
        self.asked.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        said = {"content": reply} if isinstance(reply, str) else reply
        return {"role": "assistant", **thought, **said}

    @property
    def questions(self) -> list[str]:
        """The last turn of each request of the agent."""
        return [str(request["messages"][-1]["content"]) for request in self.asked]


class _Handler(BaseHTTPRequestHandler):
    speaker: Speaker

    def do_GET(self) -> None:
        """The models that it has."""
        models = [{"id": name, "object": "model"} for name in ("scripted", "another")]
        self._send("application/json", json.dumps({"object": "list", "data": models}).encode())

    def do_POST(self) -> None:
        """A completion, whole or in pieces."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions"):
            self.send_error(404)
            return
        message = self.speaker.message(request)
        if request.get("stream"):
            self._send("text/event-stream", b"")
            # The client hangs up where the person does not want to hear more.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._stream(message)
            return
        whole = {
            key: text.replace(HOLD, "") if isinstance(text, str) else text for key, text in message.items()
        }
        choices = [{"index": 0, "message": whole, "finish_reason": "stop"}]
        self._send("application/json", json.dumps({**_HEAD, "choices": choices, "usage": _USAGE}).encode())

    def _stream(self, message: dict[str, Any]) -> None:
        calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls") or ())]
        self._event({"role": "assistant", "content": ""})
        for key in ("reasoning", "content"):
            for number, part in enumerate((message.get(key) or "").split(HOLD)):
                if number:
                    self.speaker.held.set()
                    self.speaker.go.wait(_LONGEST_HOLD_SECONDS)
                for start in range(0, len(part), 7):
                    self._event({key: part[start : start + 7]})
        if calls:
            self._event({"tool_calls": calls})
        self._event({}, finish_reason="tool_calls" if calls else "stop")
        self._write({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, delta: dict[str, Any], finish_reason: str | None = None) -> None:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
        self._write({**_HEAD, "object": "chat.completion.chunk", "choices": choices})

    def _write(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _send(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def speaker(home: Home) -> Iterator[Speaker]:
    """A server that the house's settings name; a test writes its replies."""
    speaking = Speaker()
    handler = type("Handler", (_Handler,), {"speaker": speaking})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    speaking.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    home.environment.update(
        STILLROOM_ENDPOINT_URL=speaking.url,
        STILLROOM_ENDPOINT_MODEL="scripted",
        STILLROOM_CACHE_DIR=str(home.folder / "cache"),
        LC_ALL="C.UTF-8",
    )
    yield speaking
    speaking.go.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def chat(home: Home, speaker: Speaker) -> Callable[..., AbstractContextManager[Terminal]]:  # noqa: ARG001
    """``stillroom chat ARGUMENTS`` on a terminal, its prompt standing."""

    @contextmanager
    def start(*arguments: str, columns: int = 80, rows: int = 24, **variables: str) -> Iterator[Terminal]:
        environment = {**home.variables(), "TERM": "xterm-256color", **variables}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):  # a pipe's, for other tests
            if name not in variables:
                environment.pop(name, None)
        with Terminal(
            "chat", *arguments, environment=environment, folder=home.folder, columns=columns, rows=rows
        ) as terminal:
            assert terminal.ready(), terminal.text
            yield terminal

    return start

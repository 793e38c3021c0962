"""A chat server that a test writes piece by piece: it can wait, fall silent, break off, or be away."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.endpoint import Capabilities, Endpoint
from tests.deploy.raw_server import chunk, has_left, raw_server, reply, reset, stream_head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from tests.deploy.raw_server import Request

_HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}


def event(delta: dict[str, Any], finish_reason: str | None = None) -> str:
    """A chunk in the shape in which vLLM sends it."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return f"data: {json.dumps({**_HEAD, 'choices': choices})}\n\n"


def ending(finish_reason: str = "stop", *, prompt_tokens: int = 10, reply_tokens: int = 2) -> str:
    """How a stream ends: why, the usage, and the mark."""
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": reply_tokens,
        "total_tokens": prompt_tokens + reply_tokens,
    }
    counted = f"data: {json.dumps({**_HEAD, 'choices': [], 'usage': usage})}\n\n"
    return event({}, finish_reason) + counted + "data: [DONE]\n\n"


@dataclass
class Reply:
    """One answer of the server.

    Attributes:
        pieces: of the text.
        reasoning: pieces that come before it, in a field of their own.
        calls: native tool calls, each a name and its arguments' JSON.
        status: with another than 200 the pieces are an error's text.
        silent: nothing follows the pieces, until the client is gone.
        broken: the connection is reset after the pieces.
        finish_reason: why it ended; empty for an end without that.
        left: set when the client of a silent answer is gone, be it before the last piece.
        sent: set when the pieces are.
    """

    pieces: Sequence[str] = ()
    reasoning: Sequence[str] = ()
    calls: Sequence[tuple[str, str]] = ()
    status: int = 200
    silent: bool = False
    broken: bool = False
    finish_reason: str = "stop"
    left: threading.Event = field(default_factory=threading.Event)
    sent: threading.Event = field(default_factory=threading.Event)

    def events(self) -> Iterator[str]:
        """Its chunks, without the end."""
        yield event({"role": "assistant", "content": ""})
        yield from (event({"reasoning": piece}) for piece in self.reasoning)
        yield from (event({"content": piece}) for piece in self.pieces)
        for index, (name, arguments) in enumerate(self.calls):
            function = {"name": name, "arguments": arguments}
            call = {"index": index, "id": f"call-{index}", "type": "function", "function": function}
            yield event({"tool_calls": [call]})

    def send(self, connection: socket.socket) -> None:
        """Write it."""
        if self.status != 200:
            error = {"message": "".join(self.pieces), "type": "Error", "param": None, "code": self.status}
            connection.sendall(reply({"error": error}, status=self.status))
            return
        connection.sendall(stream_head())
        if self.silent:
            self._fall_silent(connection)
            return
        self._send_events(connection)
        if self.broken:
            reset(connection)
        else:
            connection.sendall(chunk(ending(self.finish_reason) if self.finish_reason else ""))
            connection.sendall(chunk(""))

    def _send_events(self, connection: socket.socket) -> None:
        for text in self.events():
            connection.sendall(chunk(text))
        self.sent.set()

    def _fall_silent(self, connection: socket.socket) -> None:
        with suppress(OSError):  # a client may be gone before the last piece
            self._send_events(connection)
        if has_left(connection):
            self.left.set()


@dataclass
class ChatScript:
    """The server: ``requests`` are the bodies that came, ``choices`` those that asked for a tool's name."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    choices: list[dict[str, Any]] = field(default_factory=list)

    def endpoint(self, *, context_tokens: int = 4096, **capabilities: Any) -> Endpoint:  # noqa: ANN401
        """An endpoint of it."""
        return Endpoint(f"{self.url}/v1", "scripted", "vllm", context_tokens, Capabilities(**capabilities))


@contextmanager
def chat_script(*replies: Reply | Callable[[socket.socket], None]) -> Iterator[ChatScript]:
    """Serve the replies in order while the block runs; a first choice of a tool takes none of them."""
    waiting = list(replies)
    script = ChatScript("")

    def answer(request: Request, connection: socket.socket) -> None:
        if request.body.get("logprobs"):
            script.choices.append(request.body)
            Reply(["nothing"]).send(connection)
            return
        script.requests.append(request.body)
        next_reply = waiting.pop(0) if waiting else Reply(["the script is over"], status=500)
        next_reply.send(connection) if isinstance(next_reply, Reply) else next_reply(connection)

    with raw_server(answer) as server:
        script.url = server.url
        yield script

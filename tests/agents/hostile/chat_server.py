"""A chat server that behaves as badly as a test wants, over real sockets: OpenAI's API and Ollama's.

A script is what answers one request. ``Reply`` answers well, in the shapes that vLLM and Ollama were recorded
with; the functions below it answer badly. It knows nothing of agents.
"""

from __future__ import annotations

import json
import select
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from agents.calling.choice import INSTRUCTIONS as FIRST_CHOICE
from deploy.endpoint import Capabilities, Endpoint
from tests.deploy.raw_server import Request, chunk, has_left, raw_server, reply, reset, stream_head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

Api = Literal["openai", "ollama"]

_USAGE = {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48}
_HEAD = {"id": "chatcmpl-1", "created": 1795318159, "model": "scripted"}
_OLLAMA_HEAD = {"model": "scripted", "created_at": "2026-11-22T04:01:40.923330971Z"}


class ClientLeftError(ConnectionError):
    """The client closed the connection before the answer was complete."""


@dataclass(frozen=True)
class Talk:
    """One request, and the connection that its answer is written to."""

    request: Request
    connection: socket.socket
    stopped: threading.Event

    @property
    def api(self) -> Api:
        """Which API was asked."""
        return "ollama" if self.request.path == "/api/chat" else "openai"

    @property
    def streamed(self) -> bool:
        """Whether the client wants the answer in pieces; Ollama's does where it does not say."""
        return bool(self.request.body.get("stream", self.api == "ollama"))

    def send(self, content: bytes) -> None:
        """Write to the client.

        Raises:
            ClientLeftError: it closed the connection.
        """
        try:
            self.connection.sendall(content)
        except OSError as error:
            raise ClientLeftError from error

    def begin_stream(self) -> None:
        """The head of an answer in pieces."""
        self.send(stream_head("application/x-ndjson" if self.api == "ollama" else "text/event-stream"))

    def pause(self, seconds: float) -> None:
        """Say nothing for so long.

        Raises:
            ClientLeftError: it closed the connection meanwhile, or the test is over.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.05))
            if self.stopped.is_set() or (readable and has_left(self.connection)):
                raise ClientLeftError


class Script(Protocol):
    """What answers one request."""

    def __call__(self, talk: Talk) -> None:
        """Write the answer, or whatever takes its place."""
        ...


@dataclass(frozen=True)
class Call:
    """A native tool call; ``arguments`` is the text as a model wrote it, which may be no JSON."""

    name: str
    arguments: str
    id: str = "call-1"


@dataclass(frozen=True)
class Reply:
    """What a model says, sent as a good server sends it.

    Attributes:
        finish_reason: empty for the one that fits.
        usage: None for a server that does not count.
        characters: of one piece of a stream; a long text comes in a hundred pieces.
    """

    content: str = ""
    thought: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str = ""
    usage: Mapping[str, Any] | None = field(default_factory=lambda: dict(_USAGE))
    characters: int = 7

    def __call__(self, talk: Talk) -> None:
        """Send it, in pieces where that was asked for."""
        if not talk.streamed:
            talk.send(reply(self.whole(talk.api)))
            return
        talk.begin_stream()
        for piece in self.pieces(talk.api):
            talk.send(chunk(piece))
        talk.send(chunk(""))

    def whole(self, api: Api) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        if api == "ollama":
            message = {"role": "assistant", "content": self.content, **self._ollama_extras()}
            return {**_OLLAMA_HEAD, "message": message, **self._ollama_end()}
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in self.calls
        ]
        message = {"role": "assistant", "content": self.content or None, "reasoning": self.thought or None}
        message |= {"tool_calls": calls} if calls else {}
        choices = [{"index": 0, "message": message, "finish_reason": self._why}]
        return {**_HEAD, "object": "chat.completion", "choices": choices, "usage": self.usage}

    def pieces(self, api: Api) -> list[str]:
        """The events or lines of an answer that is streamed."""
        return list(self._ollama_lines() if api == "ollama" else self._openai_events())

    @property
    def _why(self) -> str:
        return self.finish_reason or ("tool_calls" if self.calls else "stop")

    def _cut(self, text: str) -> list[str]:
        length = max(self.characters, len(text) // 100)
        return [text[start : start + length] for start in range(0, len(text), length)]

    def _openai_events(self) -> Iterator[str]:
        def event(delta: dict[str, Any], why: str | None = None) -> str:
            return _event([{"index": 0, "delta": delta, "finish_reason": why}])

        yield event({"role": "assistant", "content": ""})
        yield from (event({"reasoning": text}) for text in self._cut(self.thought))
        yield from (event({"content": text}) for text in self._cut(self.content))
        for index, call in enumerate(self.calls):
            head = {"id": call.id, "type": "function", "index": index, "function": {"name": call.name}}
            yield event({"content": None, "tool_calls": [head]})
            for text in self._cut(call.arguments):
                fragment = {"index": index, "function": {"arguments": text}}
                yield event({"content": None, "tool_calls": [fragment]})
        yield event({}, self._why)
        if self.usage is not None:
            yield _event([], usage=self.usage)
        yield "data: [DONE]\n\n"

    def _ollama_lines(self) -> Iterator[str]:
        for key, text in (("thinking", self.thought), ("content", self.content)):
            for part in self._cut(text):
                message = {"role": "assistant", "content": "", key: part}
                yield json.dumps({**_OLLAMA_HEAD, "message": message, "done": False}) + "\n"
        if self.calls:
            message = {"role": "assistant", "content": "", **self._ollama_extras()}
            message.pop("thinking", None)
            yield json.dumps({**_OLLAMA_HEAD, "message": message, "done": False}) + "\n"
        last = {"message": {"role": "assistant", "content": ""}, **self._ollama_end()}
        yield json.dumps({**_OLLAMA_HEAD, **last}) + "\n"

    def _ollama_extras(self) -> dict[str, Any]:
        calls = [
            {"id": call.id, "function": {"index": at, "name": call.name, "arguments": _parsed(call)}}
            for at, call in enumerate(self.calls)
        ]
        thinking = {"thinking": self.thought} if self.thought else {}
        return {**thinking, "tool_calls": calls} if calls else thinking

    def _ollama_end(self) -> dict[str, Any]:
        why = "stop" if self._why == "tool_calls" else self._why
        counted = self.usage or {}
        counts = {"prompt_eval_count": "prompt_tokens", "eval_count": "completion_tokens"}
        figures = {name: counted[key] for name, key in counts.items() if key in counted}
        return {"done": True, "done_reason": why, **figures}


def dropped(good: Reply, *, pieces: int, abruptly: bool = True) -> Script:
    """The reply until that piece, and then the connection breaks; half of the body where nothing streams."""

    def answer(talk: Talk) -> None:
        if talk.streamed:
            talk.begin_stream()
            for piece in good.pieces(talk.api)[:pieces]:
                talk.send(chunk(piece))
        else:
            whole = reply(good.whole(talk.api))
            talk.send(whole[: len(whole) // 2])
        if abruptly:
            reset(talk.connection)

    return answer


def slow(good: Reply, *, seconds: float) -> Script:
    """The reply with a pause before each piece, or each byte where nothing streams."""

    def answer(talk: Talk) -> None:
        if talk.streamed:
            talk.begin_stream()
            parts = [chunk(piece) for piece in (*good.pieces(talk.api), "")]
        else:
            parts = [bytes([byte]) for byte in reply(good.whole(talk.api))]
        for part in parts:
            talk.pause(seconds)
            talk.send(part)

    return answer


def endless(kind: Literal["content", "thought"], text: str) -> Script:
    """That text over and over, until the client leaves; white space without end where nothing streams."""

    def answer(talk: Talk) -> None:
        if not talk.streamed:
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
            while not talk.stopped.is_set():
                talk.send(b" " * 65536)
        talk.begin_stream()
        again = Reply(thought=text) if kind == "thought" else Reply(text)
        again = replace(again, characters=len(text))
        piece = chunk(again.pieces(talk.api)[0 if talk.api == "ollama" else 1])
        while not talk.stopped.is_set():
            talk.send(piece)

    return answer


def silent(talk: Talk) -> None:
    """No answer at all, for as long as the client waits."""
    talk.pause(600)


def refused(status: int, body: object, **headers: str) -> Script:
    """An error's status and body."""
    return lambda talk: talk.send(reply(body, status=status, **headers))


def raw(content: bytes, *, content_type: str | None = None) -> Script:
    """These bytes as the body of a success, or as all that comes where no type is named."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n".encode()
    return lambda talk: talk.send(content if content_type is None else head + content)


def events(*pieces: str) -> Script:
    """These pieces as a stream, whatever they are; without the events around them where nothing streams."""

    def answer(talk: Talk) -> None:
        if not talk.streamed:
            talk.send(reply("".join(pieces)))
            return
        talk.begin_stream()
        for piece in (*pieces, ""):
            talk.send(chunk(piece))

    return answer


@dataclass
class HostileChat:
    """The server.

    Attributes:
        url: its root.
        scripts: answer the requests that come, in order; a function makes one from a request.
        requests: the bodies that came to a chat route.
        left: how many answers the client did not wait for.
    """

    url: str
    scripts: list[Script] | Callable[[dict[str, Any]], Script]
    requests: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0
    asked: threading.Event = field(default_factory=threading.Event)

    def endpoint(self, *, engine: Literal["vllm", "ollama"] = "vllm", **fields: Any) -> Endpoint:  # noqa: ANN401
        """An endpoint of this server; the fields that are none of its own are its model's capabilities."""
        context_tokens = fields.pop("context_tokens", 4096)
        return Endpoint(f"{self.url}/v1", "scripted", engine, context_tokens, Capabilities(**fields))

    def prompt(self, request: int = -1) -> str:
        """All that a model would read of a request: its messages and its tools."""
        body = self.requests[request]
        return json.dumps([body["messages"], body.get("tools", [])], ensure_ascii=False)

    def next_script(self, body: dict[str, Any]) -> Script:
        """What answers this request."""
        if callable(self.scripts):
            return self.scripts(body)
        if not self.scripts:
            return refused(500, {"error": {"message": "the test's script has no more replies", "code": 500}})
        return self.scripts.pop(0)


@contextmanager
def hostile_chat(
    *scripts: Script, choose: Callable[[dict[str, Any]], Script] | None = None
) -> Iterator[HostileChat]:
    """Serve for as long as the block runs: one script a request, or the one that ``choose`` makes of it."""
    stopped = threading.Event()
    chat = HostileChat("", choose or list(scripts))

    def answer(request: Request, connection: socket.socket) -> None:
        if not request.path.endswith(("/chat/completions", "/api/chat")):
            connection.sendall(reply({"detail": "Not Found"}, status=404))
            return
        if FIRST_CHOICE in json.dumps(request.body["messages"]):
            # That is a matter of its own: a server may refuse it, and then all tools are offered.
            connection.sendall(reply({"error": {"message": "logprobs are not supported"}}, status=400))
            return
        chat.requests.append(request.body)
        script = chat.next_script(request.body)
        chat.asked.set()
        try:
            script(Talk(request, connection, stopped))
        except ClientLeftError:
            chat.left += 0 if stopped.is_set() else 1

    with raw_server(answer) as server:
        chat.url = server.url
        try:
            yield chat
        finally:
            stopped.set()


def _event(choices: list[dict[str, Any]], **extra: Any) -> str:  # noqa: ANN401
    body = {**_HEAD, "object": "chat.completion.chunk", "choices": choices, **extra}
    return f"data: {json.dumps(body)}\n\n"


def _parsed(call: Call) -> Any:  # noqa: ANN401
    """Ollama parses a model's calls itself; what it cannot parse never becomes one."""
    try:
        return json.loads(call.arguments)
    except ValueError:
        return call.arguments

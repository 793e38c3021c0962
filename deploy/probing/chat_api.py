"""A server's chat API as the probe uses it: OpenAI's, and Ollama's own. What is asked is not decided here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from deploy.probing.server import OK, positive
from deploy.refusals import Refusal, read_refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.probing.server import Reply, Server

# Of one request, so short that a template's own text is most of the prompt.
MESSAGES: Final = [{"role": "user", "content": "Say hello."}]
_EMBEDDED_TEXT: Final = "hello"


@dataclass(frozen=True, slots=True)
class ChatReply:
    """An answer to a chat request.

    Attributes:
        refusal: what the server said instead of an answer; None where it answered.
        prompt_tokens: that the server counted; None where it does not count.
        reasoning: what it handed over beside the answer; None where there is no such field.
        complete: the model ended by itself, not by the limit of tokens.
        calls: names of the tools that the server read calls of, with an object of arguments.
    """

    refusal: Refusal | None = None
    prompt_tokens: int | None = None
    text: str = ""
    reasoning: str | None = None
    complete: bool = False
    calls: tuple[str, ...] = ()


class ChatApi(Protocol):
    """What is asked of a server, in its own API."""

    @property
    def takes_tool_choice(self) -> bool:
        """Whether a request can say that a tool must be called."""

    def chat(
        self,
        *,
        max_tokens: int,
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
        message: str = "",
        must_call: bool = False,
    ) -> ChatReply | None:
        """One short request; None where there was no answer in time.

        Args:
            max_tokens: of the answer.
            tools: definitions, as OpenAI's API has them.
            schema: that the answer has to keep to.
            message: of the user; that of ``MESSAGES`` if not given.
            must_call: a tool must be called, for servers that take ``tool_choice``.
        """

    def embed(self) -> Reply | None:
        """Ask for a vector; None where there was no answer in time."""

    def vector(self, reply: Reply) -> Any:  # noqa: ANN401  any JSON
        """The vector in an answer; None where there is none."""


class OpenAiApi:
    """``/v1/chat/completions`` and ``/v1/embeddings``."""

    takes_tool_choice = True

    def __init__(self, server: Server) -> None:
        self._server = server

    def chat(
        self,
        *,
        max_tokens: int,
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
        message: str = "",
        must_call: bool = False,
    ) -> ChatReply | None:
        """One short request."""
        body: dict[str, Any] = {
            "model": self._server.endpoint.model,
            "messages": _messages(message),
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        if tools:
            body["tools"] = list(tools)
        if must_call:
            body["tool_choice"] = "required"
        if schema is not None:
            wrapped = {"name": "probe", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wrapped}
        reply = self._server.post(f"{self._server.api_url}/chat/completions", body)
        if reply is None:
            return None
        answered = reply.get("choices", 0, "message")
        if reply.status != OK or not isinstance(answered, dict):
            return ChatReply(read_refusal(reply.status, reply.text))
        reasoning = answered.get("reasoning_content", answered.get("reasoning"))
        return ChatReply(
            prompt_tokens=reply.number_at("usage", "prompt_tokens"),
            text=reply.text_at("choices", 0, "message", "content"),
            reasoning=reasoning if isinstance(reasoning, str) else None,
            complete=reply.get("choices", 0, "finish_reason") == "stop",
            calls=_called(answered.get("tool_calls")),
        )

    def embed(self) -> Reply | None:
        """Ask for a vector."""
        body = {"model": self._server.endpoint.model, "input": _EMBEDDED_TEXT}
        return self._server.post(f"{self._server.api_url}/embeddings", body)

    def vector(self, reply: Reply) -> Any:  # noqa: ANN401  any JSON
        """The vector in an answer."""
        return reply.get("data", 0, "embedding")


class OllamaApi:
    """``/api/chat`` and ``/api/embed``, with the context that later requests ask for."""

    takes_tool_choice = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def chat(
        self,
        *,
        max_tokens: int,
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
        message: str = "",
        must_call: bool = False,  # noqa: ARG002  there is no tool_choice
    ) -> ChatReply | None:
        """One short request."""
        endpoint = self._server.endpoint
        # Another context would have the model loaded anew.
        options = {"num_ctx": endpoint.context_tokens, "num_predict": max_tokens, "temperature": 0}
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": _messages(message),
            "stream": False,
            "options": options,
        }
        if tools:
            body["tools"] = list(tools)
        if schema is not None:
            body["format"] = schema
        reply = self._server.post(f"{self._server.root_url}/api/chat", body)
        if reply is None:
            return None
        if reply.status != OK or not isinstance(reply.get("message"), dict):
            return ChatReply(read_refusal(reply.status, reply.text))
        thinking = reply.get("message", "thinking")
        return ChatReply(
            prompt_tokens=positive(reply.get("prompt_eval_count")),
            text=reply.text_at("message", "content"),
            reasoning=thinking if isinstance(thinking, str) else None,
            complete=reply.get("done_reason") == "stop",
            calls=_called(reply.get("message", "tool_calls")),
        )

    def embed(self) -> Reply | None:
        """Ask for a vector."""
        body = {
            "model": self._server.endpoint.model,
            "input": _EMBEDDED_TEXT,
            "options": {"num_ctx": self._server.endpoint.context_tokens},
        }
        return self._server.post(f"{self._server.root_url}/api/embed", body)

    def vector(self, reply: Reply) -> Any:  # noqa: ANN401  any JSON
        """The vector in an answer."""
        return reply.get("embeddings", 0)


def _messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}] if text else MESSAGES


def _called(calls: object) -> tuple[str, ...]:
    """The names in a list of calls whose arguments are an object: in Ollama's API, or as text in OpenAI's.

    vLLM enforces a call and not its arguments: a text in their place was seen there.
    """
    listed = calls if isinstance(calls, list) else []
    functions = [call.get("function") for call in listed if isinstance(call, dict)]
    return tuple(
        str(function.get("name"))
        for function in functions
        if isinstance(function, dict) and isinstance(_parsed(function.get("arguments")), dict)
    )


def _parsed(arguments: object) -> object:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return None

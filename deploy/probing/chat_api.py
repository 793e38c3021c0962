"""A server's chat API as the probe uses it: OpenAI's, and Ollama's own. What is asked is not decided here."""

from __future__ import annotations

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
    """

    refusal: Refusal | None = None
    prompt_tokens: int | None = None
    text: str = ""
    reasoning: str | None = None
    complete: bool = False


class ChatApi(Protocol):
    """What is asked of a server, in its own API."""

    def chat(
        self,
        *,
        max_tokens: int,
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> ChatReply | None:
        """One short request; None where there was no answer in time."""

    def embed(self) -> Reply | None:
        """Ask for a vector; None where there was no answer in time."""

    def vector(self, reply: Reply) -> Any:  # noqa: ANN401  any JSON
        """The vector in an answer; None where there is none."""


class OpenAiApi:
    """``/v1/chat/completions`` and ``/v1/embeddings``."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def chat(
        self,
        *,
        max_tokens: int,
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> ChatReply | None:
        """One short request."""
        body: dict[str, Any] = {
            "model": self._server.endpoint.model,
            "messages": MESSAGES,
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        if tools:
            body["tools"] = list(tools)
        if schema is not None:
            wrapped = {"name": "probe", "strict": True, "schema": schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wrapped}
        reply = self._server.post(f"{self._server.api_url}/chat/completions", body)
        if reply is None:
            return None
        message = reply.get("choices", 0, "message")
        if reply.status != OK or not isinstance(message, dict):
            return ChatReply(read_refusal(reply.status, reply.text))
        reasoning = message.get("reasoning_content", message.get("reasoning"))
        return ChatReply(
            prompt_tokens=reply.number_at("usage", "prompt_tokens"),
            text=reply.text_at("choices", 0, "message", "content"),
            reasoning=reasoning if isinstance(reasoning, str) else None,
            complete=reply.get("choices", 0, "finish_reason") == "stop",
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

    def __init__(self, server: Server) -> None:
        self._server = server

    def chat(
        self,
        *,
        max_tokens: int,
        tools: Sequence[Mapping[str, Any]] = (),
        schema: Mapping[str, Any] | None = None,
    ) -> ChatReply | None:
        """One short request."""
        endpoint = self._server.endpoint
        # Another context would have the model loaded anew.
        options = {"num_ctx": endpoint.context_tokens, "num_predict": max_tokens, "temperature": 0}
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": MESSAGES,
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

"""A LangChain chat model for an endpoint, and what differs between the servers behind it.

Three differences are hidden here: which client keeps the model's reasoning, how output is constrained to a
JSON schema, and where reasoning is found in an answer, whole or streaming. Nothing here knows prompts, tools
or documents.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from deploy.loopback import is_loopback
from deploy.reasoning import Piece, ReasoningSplitter, Trimmed, split_text
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.messages import AIMessageChunk, BaseMessage
    from langchain_core.runnables import Runnable
    from langchain_deepseek import ChatDeepSeek

    from deploy.chat_transport import Patience
    from deploy.endpoint import Endpoint
    from deploy.hanging_up import HangUp

# Under these keys LangChain's clients, and servers through them, hand reasoning over beside the answer.
_REASONING_KEYS: Final = ("reasoning_content", "reasoning")

# By these keys of its last chunk a client says why a stream ended: OpenAI's word, and Ollama's.
_END_KEYS: Final = ("finish_reason", "done_reason")

# The OpenAI client refuses to be made without a key; a local server ignores it.
_NO_KEY: Final = "none"


def chat_model(
    endpoint: Endpoint,
    *,
    max_tokens: int,
    temperature: float = 0.0,
    timeout_seconds: float = 300,
    first_byte_seconds: float | None = None,
    streaming: bool = False,
    hang_up: HangUp | None = None,
) -> BaseChatModel:
    """The client that keeps reasoning: ``ChatOllama`` for Ollama, ``ChatDeepSeek`` for OpenAI's API.

    ``ChatOpenAI`` would drop ``reasoning_content``. Ollama is asked through its own API with an explicit
    context, because its OpenAI-compatible one has no way to ask for it. A request is only sent again where
    nothing can have been computed yet: see ``deploy.chat_transport``.

    Args:
        endpoint: where the model answers.
        max_tokens: of one answer, reasoning included.
        temperature: 0 for the most likely token each time.
        timeout_seconds: of one request, until its answer is complete.
        first_byte_seconds: until the answer begins, and between two pieces of it; the same if not given. An
            answer that is not streamed begins when it is complete.
        streaming: ``invoke`` streams too: its pieces go to the model's callbacks, its tokens are counted.
        hang_up: ends requests that are under way; that of ``hung_up_by`` if not given.
    """
    from deploy.chat_transport import Patience
    from deploy.hanging_up import current_hang_up

    hang_up = hang_up or current_hang_up()

    first_byte_seconds = timeout_seconds if first_byte_seconds is None else first_byte_seconds
    patience = Patience(first_byte_seconds=first_byte_seconds, total_seconds=timeout_seconds)
    if endpoint.engine == "ollama":
        return _ollama(endpoint, max_tokens, temperature, patience, hang_up)
    model = _openai_compatible(endpoint, max_tokens, temperature, patience, hang_up)
    if streaming:  # ChatOllama's invoke streams in any case
        model.streaming = model.stream_usage = True
    return model


def _ollama(
    endpoint: Endpoint, max_tokens: int, temperature: float, patience: Patience, hang_up: HangUp | None
) -> BaseChatModel:
    from langchain_ollama import ChatOllama

    from deploy.chat_transport import AsyncChatTransport, ChatTransport

    transport = ChatTransport(endpoint.base_url, patience, whole_prompts=True, hang_up=hang_up)
    capabilities = endpoint.capabilities
    client: dict[str, Any] = {"timeout": patience.total_seconds, "trust_env": _trust_env(endpoint)}
    if endpoint.api_key:
        client["headers"] = {"Authorization": f"Bearer {endpoint.api_key}"}
    model = ChatOllama(
        model=endpoint.model,
        base_url=endpoint.base_url.removesuffix("/v1"),
        num_ctx=endpoint.context_tokens,
        num_predict=max_tokens,
        temperature=temperature,
        # None leaves <think> in the text, True is refused for a model that Ollama does not take for one
        # that thinks.
        reasoning=True if capabilities.reasoning and capabilities.reasoning_form == "apart" else None,
        client_kwargs=client,
        sync_client_kwargs={"transport": transport},
        async_client_kwargs={
            "transport": AsyncChatTransport(endpoint.base_url, patience, whole_prompts=True)
        },
    )
    weakref.finalize(model, transport.close)
    return model


def _openai_compatible(
    endpoint: Endpoint, max_tokens: int, temperature: float, patience: Patience, hang_up: HangUp | None
) -> ChatDeepSeek:
    import httpx
    from langchain_deepseek import ChatDeepSeek
    from pydantic import SecretStr

    from deploy.chat_transport import AsyncChatTransport, ChatTransport
    from deploy.plain_completions import PlainClient

    common: dict[str, Any] = {"trust_env": _trust_env(endpoint), "timeout": patience.total_seconds}
    http_client = httpx.Client(
        transport=ChatTransport(endpoint.base_url, patience, hang_up=hang_up), **common
    )
    model = ChatDeepSeek(
        model=endpoint.model,
        base_url=endpoint.base_url,
        api_key=SecretStr(endpoint.api_key or _NO_KEY),
        max_tokens=max_tokens,
        temperature=temperature,
        timeout=patience.total_seconds,
        # The transport tries again where that is safe; a request that timed out would only be queued
        # behind itself.
        max_retries=0,
        http_client=http_client,
        # Not shared with other models: its connections belong to one event loop.
        http_async_client=httpx.AsyncClient(
            transport=AsyncChatTransport(endpoint.base_url, patience), **common
        ),
    )
    plain = PlainClient(model.root_client)
    model.client, model.root_client = plain.completions, plain
    # A client that was handed over is not closed by the one that got it.
    weakref.finalize(model, http_client.close)
    return model


def _trust_env(endpoint: Endpoint) -> bool:
    return not is_loopback(endpoint.base_url)


def json_schema_option(endpoint: Endpoint, schema: dict[str, Any], *, name: str) -> dict[str, Any]:
    """The keyword arguments for ``.bind()`` or ``.invoke()`` that make the server keep to a JSON schema.

    Example:
        >>> json_schema_option(endpoint, {"type": "object"}, name="action")  # doctest: +SKIP
        {'response_format': {'type': 'json_schema', 'json_schema': {...}}}
    """
    if endpoint.engine == "ollama":
        return {"format": schema}
    wrapped = {"name": name, "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": wrapped}}


def split_reasoning(message: BaseMessage) -> tuple[str, str]:
    """The reasoning and the answer of a message, both stripped; reasoning is empty where there is none.

    A server that parses reasoning hands it over apart. Otherwise it stands in the text.
    """
    if reasoning := reasoning_beside(message):
        return reasoning.strip(), message.text.strip()
    return split_text(message.text)


def stream_pieces(
    endpoint: Endpoint,
    model: Runnable[LanguageModelInput, Any],
    messages: LanguageModelInput,
    *,
    on_prompt_tokens: Callable[[int], None] | None = None,
    **options: Any,  # noqa: ANN401 - LangChain's
) -> Iterator[Piece]:
    """A reply as it is written, reasoning apart from the answer; both without the white space around them.

    A reply that the token limit cuts off ends there, as one that was complete.

    Args:
        endpoint: says where its model's reasoning is found.
        model: of ``chat_model``, or one bound to options.
        messages: whatever LangChain's models take.
        on_prompt_tokens: is told how many tokens the server counted in the prompt, if it says so.
        **options: go with the request, such as those of ``json_schema_option``.

    Raises:
        ModelError: as ``deploy.chat_errors`` translates; also where the stream ends without its end, as
            when the server was killed.

    Example:
        >>> for piece in stream_pieces(endpoint, model, "Why is the sky blue?"):  # doctest: +SKIP
        ...     print(piece.text, end="")
    """
    from deploy.chat_errors import model_errors, next_chunk

    if on_prompt_tokens and endpoint.engine != "ollama":  # Ollama says it unasked
        options["stream_usage"] = True
    splitter = ReasoningSplitter(opened=endpoint.capabilities.reasoning_form == "opened")
    thought, answer = Trimmed(), Trimmed()
    beside = ended = False
    with model_errors(endpoint):
        chunks: Iterator[AIMessageChunk] = iter(model.stream(messages, **options))
        while True:
            chunk = next_chunk(endpoint, chunks)
            if chunk is None:
                break
            if on_prompt_tokens and chunk.usage_metadata and chunk.usage_metadata["input_tokens"]:
                on_prompt_tokens(chunk.usage_metadata["input_tokens"])
            ended = ended or any(chunk.response_metadata.get(key) for key in _END_KEYS)
            if reasoning := thought.feed(reasoning_beside(chunk)):
                beside = True
                yield Piece("reasoning", reasoning)
            if not beside:
                yield from splitter.feed(chunk.text)
            elif text := answer.feed(chunk.text):
                yield Piece("content", text)
    yield from splitter.finish()
    if not ended:
        raise ModelError(
            f"{endpoint.model} at {endpoint.address} broke off before its answer was complete",
            hint="stillroom status",
        )


def reasoning_beside(message: BaseMessage) -> str:
    """The reasoning that a server handed over apart from the text; empty where it did not."""
    for key in _REASONING_KEYS:
        reasoning = message.additional_kwargs.get(key)
        if isinstance(reasoning, str) and reasoning:
            return reasoning
    return ""

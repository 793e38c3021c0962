"""A LangChain chat model for an endpoint, and what differs between the servers behind it.

Three differences are hidden here: which client keeps the model's reasoning, how output is constrained to a
JSON schema, and where reasoning is found in an answer. Nothing here knows prompts, tools or documents.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final

from deploy.loopback import is_loopback
from deploy.tls import verification

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

    from deploy.endpoint import Endpoint

_OPENING: Final = "<think>"
_CLOSING: Final = "</think>"

# Under these keys LangChain's clients, and servers through them, hand reasoning over beside the answer.
_REASONING_KEYS: Final = ("reasoning_content", "reasoning")

# The OpenAI client refuses to be made without a key; a local server ignores it.
_NO_KEY: Final = "none"


def chat_model(
    endpoint: Endpoint, *, max_tokens: int, temperature: float = 0.0, timeout_seconds: float = 300
) -> BaseChatModel:
    """The client that keeps reasoning: ``ChatOllama`` for Ollama, ``ChatDeepSeek`` for OpenAI's API.

    ``ChatOpenAI`` would drop ``reasoning_content``. Ollama is asked through its own API with an explicit
    context, because its OpenAI-compatible one has no way to ask for it.

    Args:
        endpoint: where the model answers.
        max_tokens: of one answer, reasoning included.
        temperature: 0 for the most likely token each time.
        timeout_seconds: of one request.
    """
    if endpoint.engine == "ollama":
        return _ollama(endpoint, max_tokens, temperature, timeout_seconds)
    return _openai_compatible(endpoint, max_tokens, temperature, timeout_seconds)


def _ollama(endpoint: Endpoint, max_tokens: int, temperature: float, timeout_seconds: float) -> BaseChatModel:
    from langchain_ollama import ChatOllama

    client: dict[str, Any] = {
        "timeout": timeout_seconds,
        "trust_env": not is_loopback(endpoint.base_url),
        "verify": verification(endpoint.base_url),
    }
    if endpoint.api_key:
        client["headers"] = {"Authorization": f"Bearer {endpoint.api_key}"}
    return ChatOllama(
        model=endpoint.model,
        base_url=endpoint.base_url.removesuffix("/v1"),
        num_ctx=endpoint.context_tokens,
        num_predict=max_tokens,
        temperature=temperature,
        # None leaves <think> in the text, True fails on a model that does not think.
        reasoning=True if endpoint.capabilities.reasoning else None,
        client_kwargs=client,
    )


def _openai_compatible(
    endpoint: Endpoint, max_tokens: int, temperature: float, timeout_seconds: float
) -> BaseChatModel:
    import httpx
    from langchain_deepseek import ChatDeepSeek
    from pydantic import SecretStr

    from deploy.plain_completions import PlainCompletions

    trust_env, verify = not is_loopback(endpoint.base_url), verification(endpoint.base_url)
    http_client = httpx.Client(trust_env=trust_env, verify=verify, timeout=timeout_seconds)
    model = ChatDeepSeek(
        model=endpoint.model,
        base_url=endpoint.base_url,
        api_key=SecretStr(endpoint.api_key or _NO_KEY),
        max_tokens=max_tokens,
        temperature=temperature,
        timeout=timeout_seconds,
        # A request that timed out here would only be queued behind itself.
        max_retries=0,
        http_client=http_client,
        # Not shared with other models: its connections belong to one event loop.
        http_async_client=httpx.AsyncClient(trust_env=trust_env, verify=verify, timeout=timeout_seconds),
    )
    model.client = PlainCompletions(model.root_client)
    # A client that was handed over is not closed by the one that got it.
    weakref.finalize(model, http_client.close)
    return model


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

    A server that parses reasoning hands it over apart. Otherwise it stands in the text, where the opening tag
    may be missing, because R1's template puts it into the prompt, and the closing tag may never come, because
    the token limit did: then all is reasoning and there is no answer.
    """
    text = message.text.strip()
    for key in _REASONING_KEYS:
        reasoning = message.additional_kwargs.get(key)
        if isinstance(reasoning, str) and reasoning:
            return reasoning.strip(), text
    if _CLOSING in text:
        reasoning, answer = text.split(_CLOSING, 1)
        return reasoning.strip().removeprefix(_OPENING).strip(), answer.strip()
    if text.startswith(_OPENING):
        return text.removeprefix(_OPENING).strip(), ""
    return "", text

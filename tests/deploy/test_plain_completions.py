"""Streams through the chat model are what OpenAI's own client would have made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from deploy.chat import chat_model
from deploy.endpoint import Endpoint
from deploy.plain_completions import PlainCompletions

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.messages import AIMessageChunk

RECORDED = ("vllm/chat_stream_usage", "vllm/reason_plain_stream")


@pytest.fixture
def clients(replay: Callable[..., Any], request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """Our chat model of a recorded stream, and the same with OpenAI's typed chunks."""
    server = replay(request.param)
    endpoint = Endpoint(f"{server.url}/v1", "tiny", "vllm", context_tokens=2048)
    ours, typed = (chat_model(endpoint, max_tokens=32) for _ in range(2))
    typed.client = typed.root_client.chat.completions  # type: ignore[attr-defined]
    return ours, typed


def said(chunk: AIMessageChunk) -> tuple[Any, ...]:
    """Everything in a chunk but the run's random id."""
    metadata = chunk.response_metadata
    return chunk.content, chunk.additional_kwargs, metadata, chunk.usage_metadata, chunk.tool_call_chunks


@pytest.mark.parametrize("clients", RECORDED, indirect=True)
def test_chunks_are_the_same_as_through_typed_objects(clients: tuple[Any, Any]) -> None:
    plain, typed = (list(model.stream("Hello", stream_usage=True)) for model in clients)

    assert isinstance(clients[0].client, PlainCompletions)
    assert [said(chunk) for chunk in plain] == [said(chunk) for chunk in typed]
    assert len(plain) > 7


def test_an_error_is_openais(replay: Callable[..., Any]) -> None:
    server = replay("vllm/health")  # knows no chat
    model = chat_model(Endpoint(f"{server.url}/v1", "tiny", "vllm", context_tokens=2048), max_tokens=8)

    with pytest.raises(openai.NotFoundError):
        list(model.stream("Hello"))

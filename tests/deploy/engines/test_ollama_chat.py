"""Chat as Ollama really answers it: streams cut anywhere, and refusals in their several shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ollama
import pytest

from deploy.chat import chat_model
from deploy.endpoint import Endpoint
from deploy.engines.ollama_refusals import refusal
from tests.deploy.engines.recorded_ollama import CUTS, RECORDED_MODEL, RecordedOllama

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY = "registry.ollama.ai/library/"


@pytest.mark.parametrize("cut", CUTS)
def test_a_streamed_answer_is_the_same_however_the_network_cuts_it(
    recorded_ollama: RecordedOllama, cut: str
) -> None:
    recorded_ollama.cut = cut
    endpoint = Endpoint(f"{recorded_ollama.url}/v1", RECORDED_MODEL, "ollama", 4096)

    chunks = [chunk.text for chunk in chat_model(endpoint, max_tokens=48).stream("The capital of France?")]

    assert "".join(chunks) == "The capital of France is Paris."
    assert len([chunk for chunk in chunks if chunk]) == 7
    assert recorded_ollama.asked("/api/chat")[0]["options"]["num_ctx"] == 4096


@pytest.mark.parametrize(
    ("name", "call", "status", "words"),
    [
        ("chat_missing_model", ollama.Client.chat, 404, "model 'nope' not found"),
        ("chat_tools_unsupported", ollama.Client.chat, 400, f"{LIBRARY}smollm2:135m does not support tools"),
        ("chat_think_unsupported", ollama.Client.chat, 400, '"smollm2:135m" does not support thinking'),
        (
            "chat_prompt_too_long_truncate_false",
            ollama.Client.chat,
            400,
            "request (4239 tokens) exceeds the available context size (512 tokens), try increasing it",
        ),
        ("options_bad_type", ollama.Client.chat, 500, 'option "num_ctx" must be of type integer'),
        ("generate_missing_model", ollama.Client.generate, 404, "model 'nope' not found"),
        ("embed_missing_model", ollama.Client.embed, 404, 'model "nope" not found, try pulling it first'),
        ("embed_llm", ollama.Client.embed, 501, "This server does not support embeddings. Start it with"),
    ],
)
def test_a_refusal_comes_with_its_status_and_its_words_without_their_wrapping(
    recorded_ollama: RecordedOllama, name: str, call: Callable[..., Any], status: int, words: str
) -> None:
    recorded_ollama.answer_with(name)
    client = ollama.Client(recorded_ollama.url, trust_env=False)

    with client, pytest.raises(ollama.ResponseError) as caught:
        call(client, model="any")

    assert caught.value.status_code == status
    assert f"could not answer: {words}" in str(refusal(caught.value.error, doing="answer", name="any"))

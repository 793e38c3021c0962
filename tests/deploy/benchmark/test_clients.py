"""Both clients against recorded streams of real servers, whole, torn into pieces, and broken off."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from deploy.benchmark.raw_api import RawApi
from deploy.benchmark.timing import Answered, Failed, Usage
from deploy.benchmark.toolkit import Toolkit
from deploy.ports import free_port
from tests.deploy.benchmark.conftest import Streaming, recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from deploy.endpoint import Endpoint

    Serve = Callable[[Streaming], AbstractContextManager[Streaming]]

NDJSON = "application/x-ndjson"
CLIENTS = ("raw", "toolkit")


def ask(client: str, endpoint: Endpoint, *, stop: threading.Event | None = None) -> Answered | Failed:
    stop = stop or threading.Event()
    if client == "toolkit":
        toolkit = Toolkit(endpoint, timeout_seconds=120, ignore_eos=endpoint.engine != "ollama")
        return toolkit.ask("Hello", output_tokens=16, stop=stop)
    with RawApi(endpoint, timeout_seconds=120, ignore_eos=endpoint.engine != "ollama") as raw:
        return raw.ask("Hello", output_tokens=16, stop=stop)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("cut_at", [1, 61, 100_000])
def test_a_stream_of_vllm_is_counted_however_it_is_torn(streaming: Serve, client: str, cut_at: int) -> None:
    with streaming(Streaming(recorded("vllm/chat_stream_usage"), cut_at=cut_at)) as server:
        answer = ask(client, server.endpoint())

    assert isinstance(answer, Answered)
    assert answer.usage == Usage(prompt_tokens=37, output_tokens=8)
    assert answer.chunks == 7
    assert 0 < answer.first_token_s <= answer.last_token_s


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("cut_at", [1, 61, 100_000])
def test_a_stream_of_ollama_is_counted_however_it_is_torn(streaming: Serve, client: str, cut_at: int) -> None:
    stream = Streaming(recorded("ollama/chat_stream"), content_type=NDJSON, cut_at=cut_at)
    with streaming(stream) as server:
        answer = ask(client, server.endpoint("ollama"))

    assert isinstance(answer, Answered)
    assert answer.usage == Usage(prompt_tokens=22, output_tokens=8)
    assert answer.chunks == 7


@pytest.mark.parametrize("client", CLIENTS)
def test_the_first_token_of_a_thought_counts_as_the_first_token(streaming: Serve, client: str) -> None:
    with streaming(Streaming(recorded("vllm/reason_plain_stream"))) as server:
        answer = ask(client, server.endpoint())

    assert isinstance(answer, Answered)
    assert answer.chunks > 3
    assert answer.usage is None


def test_both_clients_ask_an_openai_server_for_the_same(streaming: Serve) -> None:
    with streaming(Streaming(recorded("vllm/chat_stream_usage"))) as server:
        ask("raw", server.endpoint())
        ask("toolkit", server.endpoint())

    (raw_path, raw), (toolkit_path, toolkit) = server.requests
    assert raw_path == toolkit_path == "/v1/chat/completions"
    assert raw == toolkit
    assert raw["ignore_eos"] is True
    assert raw["stream_options"] == {"include_usage": True}


def test_both_clients_ask_ollama_for_the_same_context_length_and_temperature(streaming: Serve) -> None:
    with streaming(Streaming(recorded("ollama/chat_stream"), content_type=NDJSON)) as server:
        ask("raw", server.endpoint("ollama"))
        ask("toolkit", server.endpoint("ollama"))

    (raw_path, raw), (toolkit_path, toolkit) = server.requests
    assert raw_path == toolkit_path == "/api/chat"
    for key in ("model", "messages", "options", "stream", "truncate", "think"):
        assert raw.get(key) == toolkit.get(key), key
    assert raw["options"] == {"num_ctx": 2048, "num_predict": 16, "temperature": 0.0}
    assert raw["truncate"] is False


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("engine", "name", "content_type"),
    [("vllm", "vllm/chat_stream_usage", "text/event-stream"), ("ollama", "ollama/chat_stream", NDJSON)],
)
def test_a_server_that_dies_in_the_middle_is_a_failed_request(
    streaming: Serve, client: str, engine: str, name: str, content_type: str
) -> None:
    body = recorded(name)
    stream = Streaming(body, content_type=content_type, keep=len(body) // 2, ends_cleanly=False)
    with streaming(stream) as server:
        answer = ask(client, server.endpoint("ollama" if engine == "ollama" else "vllm"))

    assert isinstance(answer, Failed)
    assert "incomplete chunked read" in answer.reason


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stream_that_ends_without_its_end_is_a_failed_request(streaming: Serve, client: str) -> None:
    body = recorded("vllm/chat_stream_usage")
    half = body.index(b"data: ", len(body) // 2)
    with streaming(Streaming(body, keep=half)) as server:
        answer = ask(client, server.endpoint())

    assert isinstance(answer, Failed)
    assert answer.reason.startswith("the stream broke off after")


@pytest.mark.parametrize("client", CLIENTS)
def test_an_answer_without_a_token_is_a_failed_request(streaming: Serve, client: str) -> None:
    first, _, rest = recorded("vllm/chat_stream_usage").partition(b"\n\n")
    end = rest[rest.index(b'data: {"id":"chatcmpl-be7e72e92fc808d4","object":"chat.completion.chunk",') :]
    last = end[end.rindex(b"data: {", 0, end.index(b'"finish_reason":"stop"')) :]
    with streaming(Streaming(first + b"\n\n" + last)) as server:
        answer = ask(client, server.endpoint())

    assert answer == Failed("the answer has no token")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("engine", ["vllm", "ollama"])
def test_a_refusal_says_what_the_server_said(streaming: Serve, client: str, engine: str) -> None:
    with streaming(Streaming(b"", status=404)) as server:
        answer = ask(client, server.endpoint("ollama" if engine == "ollama" else "vllm"))

    assert isinstance(answer, Failed)
    assert "that is refused" in answer.reason
    assert answer.status == (404 if client == "raw" else None)  # the toolkit's are in words


@pytest.mark.parametrize("client", CLIENTS)
def test_an_error_in_the_stream_says_what_the_server_said(streaming: Serve, client: str) -> None:
    error = b'data: {"error": {"message": "the cache is full", "code": 500}}\n\n'
    with streaming(Streaming(recorded("vllm/chat_stream_usage")[:0] + error)) as server:
        answer = ask(client, server.endpoint())

    assert isinstance(answer, Failed)
    assert "the cache is full" in answer.reason


@pytest.mark.parametrize("client", CLIENTS)
def test_something_that_is_no_stream_is_a_failed_request(streaming: Serve, client: str) -> None:
    with streaming(Streaming(b"data: <html>\n\n", cut_at=1000)) as server:
        answer = ask(client, server.endpoint())

    assert isinstance(answer, Failed)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("engine", ["vllm", "ollama"])
def test_a_server_that_is_not_there_is_a_failed_request(client: str, engine: str) -> None:
    server = Streaming(b"", url=f"http://127.0.0.1:{free_port()}")

    answer = ask(client, server.endpoint("ollama" if engine == "ollama" else "vllm"))

    assert isinstance(answer, Failed)
    assert "onnection" in answer.reason or "no model answers" in answer.reason


@pytest.mark.parametrize("client", CLIENTS)
def test_a_request_stops_at_its_next_token_when_it_is_told_to(streaming: Serve, client: str) -> None:
    stop = threading.Event()
    stop.set()
    with streaming(Streaming(recorded("vllm/chat_stream_usage"))) as server:
        answer = ask(client, server.endpoint(), stop=stop)

    assert answer == Failed("stopped")

"""What the chat clients raise over real and recorded refusals becomes one error that says what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from deploy.chat import chat_model, json_schema_option, stream_pieces
from deploy.chat_errors import model_errors, readable_answer
from deploy.endpoint import Endpoint
from stillroom.errors import ModelError
from tests.deploy.conftest import RECORDINGS
from tests.deploy.raw_server import chunk, raw_server, reply, stream_head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from deploy.spec import EngineName
    from tests.deploy.raw_server import Request


def at(url: str, *, engine: EngineName = "vllm", model: str = "tiny", key: str | None = None) -> Endpoint:
    return Endpoint(f"{url}/v1", model, engine, 2048, api_key=key)


def refused(endpoint: Endpoint, text: str = "hi") -> ModelError:
    with pytest.raises(ModelError) as caught, model_errors(endpoint), readable_answer(endpoint):
        chat_model(endpoint, max_tokens=8).invoke(text)
    return caught.value


def test_the_real_engine_says_by_how_many_tokens_a_prompt_is_too_long(bundled_endpoint: Endpoint) -> None:
    error = refused(bundled_endpoint, "word " * 9000)

    # 9,000 words, the template around them, and a context of 4,096.
    assert "the request is 4,935 tokens too long: it has 9,031 of prompt" in error.message
    assert "and the context holds 4,096" in error.message
    assert error.hint.endswith("stillroom up --context 10240")


def test_vllm_is_asked_for_the_number_that_its_refusal_leaves_open() -> None:
    refusal = json.loads((RECORDINGS / "vllm" / "err_context_too_long.json").read_text(encoding="utf-8"))

    def answer(request: Request, connection: socket.socket) -> None:
        body = {"count": 9031, "max_model_len": 2048, "tokens": []}
        counting = request.path == "/tokenize"
        connection.sendall(reply(body) if counting else reply(refusal["body"], status=refusal["status"]))

    with raw_server(answer) as server:
        error = refused(at(server.url), "word " * 9000)

    assert "the request is 6,983 tokens too long: it has 9,031 of prompt" in error.message
    assert server.requests[1].body["messages"] == server.requests[0].body["messages"]


def test_a_server_that_does_not_count_leaves_it_at_at_least(replay: Callable[..., Any]) -> None:
    error = refused(at(replay("vllm/err_context_too_long").url))

    assert "the request is at least 1 token too long" in error.message


def test_ollama_says_by_how_many_tokens_a_prompt_is_too_long(replay: Callable[..., Any]) -> None:
    server = replay("ollama/chat_prompt_too_long_truncate_false")

    error = refused(at(server.url, engine="ollama"))

    assert "the request is 3,727 tokens too long" in error.message


@pytest.mark.parametrize(
    ("engine", "recordings", "names"),
    [
        ("vllm", ("vllm/err_unknown_model", "vllm/models"), "tiny, tiny-alias"),
        (
            "ollama",
            ("ollama/chat_missing_model", "ollama/v1_models"),
            "smol-tools:latest, smol-api2:latest, smol-api:latest, smollm2:135m",
        ),
    ],
)
def test_a_model_that_is_not_there_lists_those_that_are(
    replay: Callable[..., Any], engine: EngineName, recordings: tuple[str, ...], names: str
) -> None:
    server = replay(*recordings)

    error = refused(at(server.url, engine=engine, model="nope"))

    assert error.message == f"{server.url}/v1 has no model nope: it has {names}"


def test_a_wrong_key_names_its_setting_and_not_the_key(replay: Callable[..., Any]) -> None:
    error = refused(at(replay("vllm/err_wrong_key").url, key="sesame"))

    assert "STILLROOM_ENDPOINT_API_KEY" in error.hint
    assert "sesame" not in error.message + error.hint


def test_a_model_without_tools_says_so(replay: Callable[..., Any]) -> None:
    endpoint = at(replay("ollama/chat_tools_unsupported").url, engine="ollama")

    assert "smollm2:135m does not support tools" in refused(endpoint).message


@pytest.mark.parametrize("engine", ["vllm", "ollama"])
def test_a_web_page_is_no_chat_answer(engine: EngineName) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(reply("<html><title>Router</title></html>", content_type="text/html"))

    with raw_server(answer) as server:
        assert "no chat answer of tiny" in refused(at(server.url, engine=engine)).message


def test_an_error_that_came_with_success_is_told_in_the_servers_words() -> None:
    # LM Studio does that, by its bug tracker.
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(reply({"error": {"message": "the model crashed"}}))

    with raw_server(answer) as server:
        assert refused(at(server.url)).message.endswith("no chat answer of tiny: the model crashed")


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"notjson", "'notjson' is no JSON"),
        (b'{"choices": [{"index": 0, "delta": {"content": "\xff"}}]}', r"b'\\xff\"\}+\]\}' is no UTF-8"),
        (b'{"choices": [{"index": 0, "delta": {"content": 5}}]}', "content = 5"),
    ],
)
def test_what_breaks_a_stream_is_shown_and_not_blamed_on_the_address(line: bytes, seen: str) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        body = b"data: " + line + b"\n\n"
        connection.sendall(stream_head() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    with raw_server(answer) as server:
        endpoint = at(server.url)
        with pytest.raises(ModelError, match=f"no chat answer of tiny: {seen}") as raised:
            list(stream_pieces(endpoint, chat_model(endpoint, max_tokens=8), "Hello"))
    assert "address" not in raised.value.hint


def test_an_answer_that_is_wrong_as_a_whole_is_shown_as_a_whole() -> None:
    class Answer(BaseModel):
        text: str

    with pytest.raises(ModelError, match=r"no chat answer of tiny: \[\]$"), readable_answer(at("http://h")):
        Answer.model_validate([])


@pytest.mark.parametrize("schema", [{}, {"type": "object"}])
def test_a_stream_that_names_no_role_is_an_answer_with_a_schema_and_without(schema: dict[str, Any]) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head())
        for delta, end in (({"content": '{"a": '}, None), ({"content": "1}"}, None), ({}, "stop")):
            choices = [{"index": 0, "delta": delta, "finish_reason": end}]
            connection.sendall(chunk(f"data: {json.dumps({'choices': choices})}\n\n"))
        connection.sendall(chunk("data: [DONE]\n\n") + chunk(""))

    with raw_server(answer) as server:
        endpoint = at(server.url)
        options = json_schema_option(endpoint, schema, name="reply") if schema else {}
        said = list(stream_pieces(endpoint, chat_model(endpoint, max_tokens=8), "Hello", **options))
    assert "".join(piece.text for piece in said) == '{"a": 1}'

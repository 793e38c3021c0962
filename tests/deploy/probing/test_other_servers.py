"""A server of which nothing is known, that a person runs: unknown routes and silence break nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.probing import server
from deploy.probing.kept import FILE_NAME
from deploy.probing.probe import probed
from stillroom.errors import ModelError
from tests.deploy.probing.standing_in import (
    NOT_FOUND,
    Answer,
    endpoint,
    found,
    kept_to_schema,
    recorded,
    saying,
    serving,
)
from tests.deploy.raw_server import raw_server, reply

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from tests.deploy.raw_server import Request

CHAT = recorded("vllm/chat")


def chat_only(request: Request) -> Answer:
    """Takes chat requests, and reads schemas; no other route is there."""
    if request.path != "/v1/chat/completions":
        return NOT_FOUND
    if "response_format" in request.body:
        return saying(CHAT, kept_to_schema(request))
    return CHAT


def every_route_succeeds(request: Request) -> Answer:
    """As LM Studio does: 200 and an error for a route that it does not have."""
    if request.path == "/v1/models":
        entry = {"id": "tiny", "object": "model", "owned_by": "organization_owner"}
        return 200, {"data": [{**entry, "max_context_length": 4096}], "object": "list"}
    answer = chat_only(request)
    return answer if answer is not NOT_FOUND else (200, {"error": "Unexpected endpoint or method."})


def odd_lists(request: Request) -> Answer:
    """Answers with JSON of other shapes where JSON is expected."""
    if request.path == "/v1/models":
        return 200, {"data": [None, 7, {"id": None}, {"id": "tiny", "max_model_len": "many"}]}
    answer = chat_only(request)
    return answer if answer is not NOT_FOUND else (200, [])


@pytest.mark.parametrize(
    ("choose", "context"),
    [
        (chat_only, "the setting's"),
        (every_route_succeeds, "max_context_length"),
        (odd_lists, "the setting's"),
    ],
)
def test_a_server_that_only_takes_chat_requests_is_understood(
    choose: Callable[[Request], Answer], context: str
) -> None:
    with raw_server(serving(choose)) as running:
        asked = probed(endpoint(running.url))

    told = found(asked)
    assert asked.engine == "vllm"  # as the settings say
    assert told["server"][0] == "an OpenAI-compatible server"
    assert told["tools"][0] == "constrained"
    assert told["JSON schema"] == ("yes", "an answer kept to one")
    assert told["embeddings"][0] == "no"
    assert context in told["context"][1]


def test_a_server_that_ignores_schemas_is_found_out() -> None:
    def ignoring(request: Request) -> Answer:
        return CHAT if request.path == "/v1/chat/completions" else NOT_FOUND

    with raw_server(serving(ignoring)) as running:
        asked = probed(endpoint(running.url))

    assert not asked.capabilities.json_schema
    assert found(asked)["JSON schema"] == (
        "no",
        'an answer did not keep to one: "The capital of France is Paris."',
    )
    assert found(asked)["tools"][0] == "prompted"


def test_a_thought_that_stands_in_the_text_is_seen() -> None:
    def thinking(request: Request) -> Answer:
        return saying(CHAT, "<think>\nOkay") if request.path == "/v1/chat/completions" else NOT_FOUND

    with raw_server(serving(thinking)) as running:
        capabilities = probed(endpoint(running.url)).capabilities

    assert (capabilities.reasoning, capabilities.reasoning_form) == (True, "tagged")


def test_an_empty_field_for_a_thought_beside_an_answer_is_none() -> None:
    def always(request: Request) -> Answer:
        status, body = chat_only(request)
        if status == 200:  # a copy: `chat_only` gives the recording itself
            status, body = saying((status, body), body["choices"][0]["message"]["content"])
            body["choices"][0]["message"]["reasoning_content"] = ""
        return status, body

    with raw_server(serving(always)) as running:
        assert not probed(endpoint(running.url)).capabilities.reasoning


def test_a_question_without_an_answer_is_left_open_and_not_kept(tmp_path: Path) -> None:
    def answer(request: Request, connection: socket.socket) -> None:
        if request.path == "/v1/embeddings":
            connection.recv(1)  # until the client goes
            return
        status, body = chat_only(request)
        connection.sendall(reply(body, status=status))

    with raw_server(answer) as running:
        asked = probed(endpoint(running.url), cache_dir=tmp_path, seconds=0.3)

    assert found(asked)["embeddings"] == ("no", "no answer in time")
    assert not (tmp_path / FILE_NAME).exists()


def test_a_server_that_never_answers_is_an_error() -> None:
    def answer(request: Request, connection: socket.socket) -> None:
        if request.path == "/v1/chat/completions":
            connection.recv(1)
        connection.sendall(reply(NOT_FOUND[1], status=404))

    with raw_server(answer) as running, pytest.raises(ModelError, match=r"tiny at .* did not answer in time"):
        probed(endpoint(running.url), first_seconds=0.3)


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: Request, connection: socket.socket) -> None:
        if request.path == "/v1/models":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while True:
                connection.sendall(b"[" * 65536)
        status, body = chat_only(request)
        connection.sendall(reply(body, status=status))

    monkeypatch.setattr(server, "_MOST_BYTES", 1_000_000)
    with raw_server(answer) as running:
        assert found(probed(endpoint(running.url)))["tools"][0] == "constrained"

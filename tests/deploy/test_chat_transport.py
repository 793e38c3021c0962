"""A request is sent again only where nothing can have been computed, and never waited for without end."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from deploy.chat import chat_model
from deploy.chat_errors import model_errors
from deploy.chat_transport import ChatTransport, Patience, _proxy_for
from deploy.endpoint import Endpoint
from deploy.ports import free_port
from stillroom.errors import ModelError
from tests.deploy.conftest import RECORDINGS
from tests.deploy.raw_server import RawServer, chunk, raw_server, reply, reset, stream_head
from tests.processes import wait_until

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from deploy.spec import EngineName
    from tests.deploy.raw_server import Request


def recorded_body(name: str) -> object:
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))["body"]


# A whole answer of each server, as its own client reads it: Ollama's always streams.
ANSWERS: dict[EngineName, bytes] = {
    "vllm": reply(recorded_body("vllm/chat")),
    "ollama": reply("\n".join(map(str, recorded_body("ollama/chat_stream"))), content_type="x-ndjson"),  # type: ignore[call-overload]
}
ENGINES = tuple(ANSWERS)
BUSY = {"error": {"message": "the queue is full"}}


def endpoint(url: str, engine: EngineName = "vllm") -> Endpoint:
    return Endpoint(f"{url}/v1", "tiny", engine, 2048)


def invoke(of: Endpoint, *, seconds: float = 60, first_byte: float | None = None) -> str:
    with model_errors(of):
        model = chat_model(of, max_tokens=8, timeout_seconds=seconds, first_byte_seconds=first_byte)
        return model.invoke("What is the capital of France?").text


def busy_twice(engine: EngineName, **headers: str) -> Callable[[Request, socket.socket], None]:
    """Answers 503 to the first two requests."""
    seen: list[Request] = []

    def answer(request: Request, connection: socket.socket) -> None:
        seen.append(request)
        connection.sendall(reply(BUSY, status=503, **headers) if len(seen) < 3 else ANSWERS[engine])

    return answer


@pytest.mark.parametrize("engine", ENGINES)
def test_a_server_that_asks_to_come_back_is_asked_again(engine: EngineName) -> None:
    with raw_server(busy_twice(engine, Retry_After="0")) as server:
        assert "Paris" in invoke(endpoint(server.url, engine))
    assert len(server.requests) == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_in_an_event_loop(engine: EngineName) -> None:
    with raw_server(busy_twice(engine, Retry_After="0")) as server:
        model = chat_model(endpoint(server.url, engine), max_tokens=8)
        assert "Paris" in asyncio.run(model.ainvoke("What is the capital of France?")).text
    assert len(server.requests) == 3


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "3600"}, {"Retry_After": "tomorrow"}])
def test_a_busy_server_that_does_not_ask_so_is_reported_at_once(headers: dict[str, str]) -> None:
    with (
        raw_server(busy_twice("vllm", **headers)) as server,
        pytest.raises(ModelError, match=r"has no room for the request now \(HTTP 503: the queue is full\)"),
    ):
        invoke(endpoint(server.url))
    assert len(server.requests) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_connection_that_could_not_be_opened_is_opened_again(
    engine: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with ExitStack() as stack:
        started: list[RawServer] = []

        def start_meanwhile(_: float) -> None:
            def answer(_: Request, connection: socket.socket) -> None:
                connection.sendall(ANSWERS[engine])

            started.append(stack.enter_context(raw_server(answer, port=port)))

        monkeypatch.setattr("deploy.hanging_up.HangUp.pause", lambda _, seconds: start_meanwhile(seconds))

        assert "Paris" in invoke(endpoint(f"http://127.0.0.1:{port}", engine))
    assert len(started) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_where_nothing_listens_the_address_and_the_command_are_named(engine: EngineName) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(ModelError, match=f"no model answers at {url}/v1: .*refused") as caught:
        invoke(endpoint(url, engine))
    assert caught.value.hint == "stillroom status"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_request_that_was_not_answered_in_time_is_not_sent_again(engine: EngineName) -> None:
    def silence(_: Request, connection: socket.socket) -> None:
        connection.recv(1)  # until the client goes

    with raw_server(silence) as server:
        with pytest.raises(ModelError, match="did not answer in time"):
            invoke(endpoint(server.url, engine), first_byte=0.2)
        # The server may read it when its client has gone.
        assert wait_until(lambda: len(server.requests) > 0)
    assert len(server.requests) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_an_answer_that_trickles_on_is_ended_by_the_total_time(engine: EngineName) -> None:
    def trickle(_: Request, connection: socket.socket) -> None:
        connection.sendall(stream_head())
        piece = "\n" if engine == "vllm" else '{"message": {"role": "assistant", "content": "a"}}\n'
        while True:
            connection.sendall(chunk(piece))

    with raw_server(trickle) as server:
        with pytest.raises(ModelError, match="did not answer in time"):
            invoke(endpoint(server.url, engine), seconds=0.3)
        assert wait_until(lambda: len(server.requests) > 0)
    assert len(server.requests) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_connection_that_broke_is_not_opened_again(engine: EngineName) -> None:
    with (
        raw_server(lambda _, connection: reset(connection)) as server,
        pytest.raises(ModelError, match=r"tiny at .* broke off before its answer was complete"),
    ):
        invoke(endpoint(server.url, engine))
    assert len(server.requests) == 1


def test_ollama_is_told_to_refuse_a_prompt_that_is_too_long_instead_of_cutting_it() -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(ANSWERS["ollama"])

    with raw_server(answer) as server:
        invoke(endpoint(server.url, "ollama"))

    (request,) = server.requests
    assert request.path == "/api/chat"
    assert request.body["truncate"] is False
    assert request.body["options"]["num_ctx"] == 2048


def test_other_servers_get_the_request_as_it_was() -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(ANSWERS["vllm"])

    with raw_server(answer) as server:
        invoke(endpoint(server.url))

    assert "truncate" not in server.requests[0].body


def test_a_proxy_of_the_environment_is_used_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(ANSWERS["vllm"])

    with raw_server(answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "intranet.example")

        assert "Paris" in invoke(endpoint("http://gpu-box.example:8000"))
        assert proxy.requests[0].path == "http://gpu-box.example:8000/v1/chat/completions"
        assert _proxy_for("http://127.0.0.1:8000/v1") is None
        assert _proxy_for("http://intranet.example/v1") is None


def test_the_waits_are_part_of_the_total_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    def never(seconds: float) -> None:
        raise AssertionError(seconds)

    monkeypatch.setattr("deploy.hanging_up.HangUp.pause", lambda _, seconds: never(seconds))
    with raw_server(busy_twice("vllm", Retry_After="20")) as server:
        patience = Patience(total_seconds=19)
        with httpx.Client(transport=ChatTransport(server.url, patience)) as client:
            assert client.post(server.url, json={}).status_code == 503

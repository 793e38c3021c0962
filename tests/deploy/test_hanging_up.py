"""A request that is under way ends when somebody hangs up, whatever it waits for; the server sees it go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from agents.background import start_in_background
from deploy.chat import chat_model
from deploy.chat_errors import model_errors
from deploy.endpoint import Endpoint
from deploy.hanging_up import HangUp
from stillroom.errors import ModelError
from tests.deploy.raw_server import chunk, has_left, raw_server, stream_head

if TYPE_CHECKING:
    import socket

    from deploy.spec import EngineName
    from tests.deploy.raw_server import Request


def ask(endpoint: Endpoint, hang_up: HangUp) -> None:
    with model_errors(endpoint):
        chat_model(endpoint, max_tokens=8, streaming=True, hang_up=hang_up).invoke("How heavy is salt?")


@pytest.mark.parametrize("engine", ["vllm", "ollama"])
@pytest.mark.parametrize("head", [b"", stream_head() + chunk(" ")])
def test_a_silent_server_is_left_at_once_and_notices(engine: EngineName, head: bytes) -> None:
    came, left = threading.Event(), threading.Event()

    def answer(_: Request, connection: socket.socket) -> None:
        connection.sendall(head)
        came.set()
        if has_left(connection):
            left.set()

    hang_up = HangUp()
    with raw_server(answer) as server:
        asked = start_in_background(lambda: ask(Endpoint(f"{server.url}/v1", "m", engine, 2048), hang_up))
        assert came.wait(120)
        hang_up.now()
        with pytest.raises(ModelError):
            asked.result(timeout=120)
        assert left.wait(120)


def test_nothing_is_sent_after_hanging_up() -> None:
    hang_up = HangUp()
    hang_up.now()
    with raw_server(lambda *_: None) as server:
        with pytest.raises(ModelError, match="hung up"):
            ask(Endpoint(f"{server.url}/v1", "m", "vllm", 2048), hang_up)
        assert server.requests == []

"""Shared by the tests of engines: a stand-in for Ollama in this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.deploy.engines.recorded_ollama import RecordedOllama, server_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def recorded_ollama() -> Iterator[RecordedOllama]:
    """The stand-in on a port of its own, with the recorded model in it."""
    ollama = RecordedOllama()
    server = server_of(ollama)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield ollama
    finally:
        server.shutdown()
        server.server_close()

"""What all tests of hostile models, servers and tools need: an agent that is loaded."""

from __future__ import annotations

import pytest

from agents.calling.way import CALLING_WAYS
from tests.agents.hostile.chat_server import hostile_chat
from tests.agents.hostile.scripted_model import answering, watched_run


@pytest.fixture(scope="session", autouse=True)
def _loaded() -> None:
    """Import what a run imports, which takes seconds: several tests give a run no more than that."""
    for way in CALLING_WAYS:
        for engine in ("vllm", "ollama"):
            with hostile_chat(answering(way, "Ready.")) as chat:
                assert watched_run(chat, way, (), fields={"engine": engine}).answer == "Ready."

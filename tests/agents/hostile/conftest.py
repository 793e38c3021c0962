"""What all tests of hostile models, servers and tools need: an agent that is loaded."""

from __future__ import annotations

import pytest

from agents.calling.way import CALLING_WAYS
from agents.tools import tool
from tests.agents.hostile.chat_server import hostile_chat
from tests.agents.hostile.scripted_model import answering, calling, watched_run


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


@pytest.fixture(scope="session", autouse=True)
def _loaded() -> None:
    """Import what a run imports, which takes seconds: several tests give a run no more than that."""
    for way in CALLING_WAYS:
        for engine in ("vllm", "ollama"):
            replies = calling(way, "weigh", {"thing": "salt"}), answering(way, "Ready.")
            with hostile_chat(*replies) as chat:
                run = watched_run(chat, way, (tool(weigh),), fields={"engine": engine})
                assert run.answer == "Ready."

"""What real engines streamed, native calls and answers in words, makes a run: contract tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from agents.agent import run_agent
from agents.running.events import AgentEvent, AnswerPiece
from agents.tools import tool
from deploy.endpoint import Capabilities, Endpoint
from tests.deploy.raw_server import chunk, raw_server, stream_head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from agents.agent import AgentRun
    from deploy.spec import EngineName
    from tests.deploy.raw_server import Request

RECORDINGS = Path(__file__).parent / "recordings"


def get_weather(city: str) -> str:
    """Get current weather for a city."""
    return f"{city}: sunny"


def replay(engine: EngineName, on_event: Callable[[AgentEvent], None]) -> tuple[AgentRun, list[Request]]:
    """A run whose model calls, and then answers, as it was recorded."""
    waiting = ["call", "text"]

    def answer(_: Request, connection: socket.socket) -> None:
        recorded = json.loads((RECORDINGS / f"{engine}_{waiting.pop(0)}_stream.json").read_text("utf-8"))
        connection.sendall(stream_head(recorded["headers"]["content-type"]))
        for line in recorded["body"]:
            connection.sendall(chunk(f"{line}\n"))
        connection.sendall(chunk(""))

    with raw_server(answer) as server:
        endpoint = Endpoint(f"{server.url}/v1", "tiny", engine, 2048, Capabilities(native_tools=True))
        tools = [tool(get_weather)]
        run = run_agent("What is the weather in Paris?", endpoint=endpoint, tools=tools, on_event=on_event)
        return run, server.requests


def test_a_call_that_ollama_streamed_is_run_and_its_answer_told_piece_by_piece() -> None:
    events: list[AgentEvent] = []
    run, _ = replay("ollama", events.append)
    (step,) = run.steps
    assert (step.tool, step.arguments, step.result) == ("get_weather", {"city": "Paris"}, "Paris: sunny")
    assert (run.ended_by, run.tokens > 0) == ("answer", True)
    assert run.notice.startswith("The answer was cut off")
    assert sum(isinstance(event, AnswerPiece) for event in events) > 10


def test_a_call_that_vllm_streamed_with_a_bare_text_for_arguments_is_shown_to_the_model_once() -> None:
    events: list[AgentEvent] = []
    run, requests = replay("vllm", events.append)
    assert 'no JSON object: "celsius"' in requests[1].body["messages"][-1]["content"]
    assert (run.ended_by, run.steps) == ("answer", ())
    assert sum(isinstance(event, AnswerPiece) for event in events) > 10

"""A model that is away, refuses, or breaks off: an error at first, a partial result after a tool's result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.agent import run_agent
from agents.running.events import AgentEvent, AnswerWithdrawn
from agents.tools import tool
from deploy.endpoint import Endpoint
from deploy.ports import free_port
from stillroom.errors import ModelError
from tests.agents.chat_script import Reply, chat_script
from tests.deploy.raw_server import reset

if TYPE_CHECKING:
    import socket


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


TOOLS = (tool(weigh),)
CALL = Reply([json.dumps({"action": "weigh", "args": {"thing": "salt"}})])
FINAL = Reply(['{"action": "final_answer", "args": {"answer": "5 g"}}'])
HALF = ['{"action": "final_answer", "args": {"answer": "It']
TOO_LONG = (
    "This model's maximum context length is 512 tokens. However, your prompt contains 600 input tokens."
)


def away(connection: socket.socket) -> None:
    """A server that is killed before it computes anything."""
    reset(connection)


def test_an_endpoint_where_nobody_is_is_an_error_that_names_it() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(ModelError, match=f"no model answers at {url}"):
        run_agent("How heavy?", endpoint=Endpoint(url, "m", "vllm", 4096), tools=TOOLS)


@pytest.mark.parametrize("broken", [Reply(HALF, broken=True), Reply(HALF, finish_reason="")])
def test_a_reply_that_breaks_off_is_an_error_and_what_it_said_is_taken_back(broken: Reply) -> None:
    events: list[AgentEvent] = []
    with chat_script(broken) as chat, pytest.raises(ModelError, match="broke off"):
        run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, on_event=events.append)
    assert isinstance(events[-1], AnswerWithdrawn)


@pytest.mark.parametrize("broken", [Reply(HALF, broken=True), Reply(HALF, finish_reason="")])
def test_after_a_tool_returned_something_that_is_handed_over(broken: Reply) -> None:
    with chat_script(CALL, broken) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS)
    assert run.ended_by == "model_error"
    assert "broke off before its answer was complete" in run.answer
    assert "- weigh: salt: 5 g" in run.answer


@pytest.mark.parametrize("gone", [away, Reply(["Loading model"], status=503)])
def test_an_engine_that_starts_anew_in_the_middle_is_asked_again(gone: Any) -> None:  # noqa: ANN401
    with chat_script(CALL, gone, FINAL) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS)
    assert (run.answer, run.ended_by, len(chat.requests)) == ("5 g", "answer", 3)


def test_what_was_begun_is_not_asked_for_again() -> None:
    with chat_script(CALL, Reply(HALF, broken=True), FINAL) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS)
    assert (run.ended_by, len(chat.requests)) == ("model_error", 2)


def test_a_server_that_has_less_room_than_thought_is_asked_with_less() -> None:
    def recite() -> str:
        """Recite."""
        return "salt " * 600

    native = {"native_tools": True}
    replies = (Reply(calls=[("recite", "{}")]), Reply([TOO_LONG], status=400), Reply(["Salt."]))
    with chat_script(*replies) as chat:
        run = run_agent(
            "Recite!", endpoint=chat.endpoint(context_tokens=4096, **native), tools=[tool(recite)]
        )
    assert run.answer == "Salt."
    whole, less = (str(request["messages"]).count("salt") for request in chat.requests[1:])
    assert less < whole


def test_a_context_that_is_too_small_is_named_with_both_figures() -> None:
    with (
        chat_script(*[Reply([TOO_LONG], status=400)] * 2) as chat,
        pytest.raises(ModelError, match=r"600.*512"),
    ):
        run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)

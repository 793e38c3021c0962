"""Nothing runs that was not given or allowed, whatever a model writes; what may run together does."""

from __future__ import annotations

import json
import threading

import pytest

from agents.agent import run_agent
from agents.running.consent import Consent, Decision
from agents.tools import tool
from tests.agents.chat_script import Reply, chat_script

WAYS = [{"native_tools": True}, {}, {"json_schema": False}]


def wanting(name: str, **arguments: str) -> dict[bool, Reply]:
    """A reply that calls a tool, for a model with native tools and for one without."""
    written = json.dumps(arguments)
    action = json.dumps({"action": name, "args": arguments})
    return {True: Reply(calls=[(name, written)]), False: Reply([action])}


def answering(text: str) -> dict[bool, Reply]:
    """A reply that answers, likewise."""
    action = json.dumps({"action": "final_answer", "args": {"answer": text}})
    return {True: Reply([text]), False: Reply([action])}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("asked", [True, False])
def test_a_tool_without_a_yes_does_not_run_and_the_model_reads_why(
    way: dict[str, bool], *, asked: bool
) -> None:
    ran: list[str] = []

    def erase(path: str) -> str:
        """Erase a file."""
        ran.append(path)
        return "erased"

    consent = Consent(ask=lambda *_: Decision.NO) if asked else None
    native = way.get("native_tools", False)
    replies = (wanting("erase", path="/home")[native], answering("It was not allowed.")[native])
    with chat_script(*replies) as chat:
        run = run_agent(
            "Erase /home.",
            endpoint=chat.endpoint(**way),
            tools=[tool(erase, read_only=False, destructive=True)],
            consent=consent,
        )
    assert ran == []
    assert (run.answer, run.steps[0].failed) == ("It was not allowed.", True)
    assert "erase was not run" in json.dumps(chat.requests[1]["messages"])


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_that_was_not_given_does_not_run(way: dict[str, bool]) -> None:
    def look(path: str) -> str:
        """Look."""
        return path

    native = way.get("native_tools", False)
    with chat_script(wanting("erase", path="/home")[native], answering("I cannot.")[native]) as chat:
        run_agent("Erase /home.", endpoint=chat.endpoint(**way), tools=[tool(look)])
    assert "there is no" in json.dumps(chat.requests[1]["messages"])


def test_what_a_model_calls_at_once_runs_at_once() -> None:
    together = threading.Barrier(3)

    def meet(name: str) -> str:
        """Wait for the others."""
        together.wait(120)
        return name

    calls = [("meet", json.dumps({"name": name})) for name in "abc"]
    with chat_script(Reply(calls=calls), Reply(["They met."])) as chat:
        run = run_agent("Meet.", endpoint=chat.endpoint(native_tools=True), tools=[tool(meet)])
    assert run.answer == "They met."
    assert [(step.number, step.result) for step in run.steps] == [(1, "a"), (2, "b"), (3, "c")]
    results = [message["content"] for message in chat.requests[1]["messages"] if message["role"] == "tool"]
    assert results == ["a", "b", "c"]

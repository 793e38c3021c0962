"""A run leaves events of each step, in order, without secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.agent import run_agent
from agents.running.consent import Consent, Decision
from agents.running.recorder import Recorders
from agents.running.redaction import Redactor
from agents.running.trace_events import TraceEvents
from agents.tools import tool
from stillroom.cli.trace_page import trace_text
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from agents.running.trace_events import TraceEvent

    Serve = Callable[..., AbstractContextManager[Any]]


def fetch(url: str) -> str:
    """Fetch a page."""
    return f"{url} says: Authorization: Bearer abcdef123456, and hunter22 " + "word " * 2_000


def call(url: str) -> str:
    return json.dumps({"action": "fetch", "args": {"url": url}})


def final(answer: str) -> str:
    return json.dumps({"action": "final_answer", "args": {"answer": answer}})


def recorded(chat: Any, *, consent: Consent | None = None) -> list[TraceEvent]:  # noqa: ANN401 - the fixture's
    events: list[TraceEvent] = []
    recorder = Recorders((TraceEvents([events.append], Redactor(["hunter22"])),))
    tools = (tool(fetch, read_only=consent is None),)
    run_agent(
        "Is hunter22 a password?", endpoint=chat.endpoint(), tools=tools, consent=consent, recorder=recorder
    )
    return events


def test_each_step_is_an_event_with_times_and_tokens(scripted_chat: Serve) -> None:
    with scripted_chat(call("https://me:pw99@h/a"), final("Yes, 5.")) as chat:
        events = recorded(chat)
        assert events[0]["server"] == chat.base_url
    assert [event["event"] for event in events] == [
        "run_started",
        "model_called",
        "tool_started",
        "tool_called",
        "model_called",
        "run_ended",
    ]
    started, model, _, called, _, ended = events
    assert (started["model"], started["way"], started["tools"]) == ("scripted", "constrained", ["fetch"])
    assert started["limits"]["steps"] == 8
    assert (model["calls"], model["requests"]) == (["fetch"], 2)  # the first choice, and the action
    assert min(model["ms"], model["prompt_tokens"], model["reply_tokens"], ended["ms"]) > 0
    assert (called["call"], called["failed"], ended["ended_by"], ended["calls"]) == (1, False, "answer", 1)
    assert len({event["run"] for event in events}) == 1


def test_no_secret_reaches_an_event(scripted_chat: Serve) -> None:
    with scripted_chat(call("https://me:pw99@h/a"), final("hunter22 it is")) as chat:
        written = json.dumps(recorded(chat))
    for secret in ("hunter22", "pw99", "abcdef123456"):
        assert secret not in written
    assert len(written) < 10_000


@pytest.mark.parametrize("decision", [Decision.ONCE, Decision.NO])
def test_what_a_person_said_is_an_event(scripted_chat: Serve, decision: Decision) -> None:
    with scripted_chat(call("u"), final("Done.")) as chat:
        events = recorded(chat, consent=Consent(ask=lambda *_: decision))
    (asked,) = [event for event in events if event["event"] == "consent"]
    assert (asked["tool"], asked["decision"]) == ("fetch", decision.value)


def test_a_run_that_fails_says_why_at_its_end(scripted_chat: Serve) -> None:
    events: list[TraceEvent] = []
    with scripted_chat((500, "out of memory")) as chat, pytest.raises(ModelError):
        run_agent("?", endpoint=chat.endpoint(), tools=(), recorder=TraceEvents([events.append]))
    assert [event["event"] for event in events] == ["run_started", "run_failed"]
    assert "out of memory" in events[-1]["error"]


def test_on_a_terminal_it_is_a_line_for_each_request_and_call(scripted_chat: Serve) -> None:
    with scripted_chat(call("u"), final("Yes, 5.")) as chat:
        lines = trace_text(recorded(chat)).splitlines()
    assert [line.split()[0] for line in lines] == ["run", "model", "tool", "model", "ended"]
    assert lines[1].endswith("→ fetch")
    assert 'fetch {"url": "u"}' in lines[2]
    assert "by answer, 1 tool call," in lines[4]


def test_a_run_that_an_unforeseen_error_ended_says_so_at_its_end(scripted_chat: Serve) -> None:
    def stumble(_: object) -> None:
        raise ZeroDivisionError("of 5 by hunter22")

    events: list[TraceEvent] = []
    recorder = TraceEvents([events.append], Redactor(["hunter22"]))
    with scripted_chat(call("a")) as chat, pytest.raises(ZeroDivisionError):
        run_agent(
            "Well?", endpoint=chat.endpoint(), tools=(tool(fetch),), on_event=stumble, recorder=recorder
        )
    assert events[-1]["event"] == "run_failed"
    assert events[-1]["error"] == "unexpected ZeroDivisionError: of 5 by [redacted]"

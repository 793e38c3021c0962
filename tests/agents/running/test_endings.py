"""Whatever the model or a tool does, a run ends when it is told to, when its time is up, at each limit."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from agents.agent import AgentRun, Limits, run_agent
from agents.background import start_in_background
from agents.running.events import AgentEvent, AnswerPiece, AnswerWithdrawn, ThoughtPiece
from agents.tools import tool
from tests.agents.chat_script import Reply, chat_script
from tests.processes import command_line, wait_until

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


TOOLS = (tool(weigh),)


def call(thing: str = "salt") -> str:
    return json.dumps({"action": "weigh", "args": {"thing": thing}})


BEGUN = '{"action": "final_answer", "args": {"answer": "It weighs'


@pytest.mark.parametrize(
    ("silent", "capabilities"),
    [
        (Reply(silent=True), {}),
        (Reply([BEGUN], silent=True), {}),
        (Reply([BEGUN], silent=True), {"json_schema": False}),
        (Reply(["It weighs"], silent=True), {"native_tools": True}),
        (Reply(reasoning=["Salt is"], silent=True), {"reasoning": True}),
    ],
)
def test_a_run_that_is_cancelled_leaves_a_silent_model_at_once(
    silent: Reply, capabilities: dict[str, Any]
) -> None:
    cancelled = threading.Event()
    with chat_script(silent) as chat:
        running = start_in_background(
            lambda: run_agent(
                "How heavy?", endpoint=chat.endpoint(**capabilities), tools=TOOLS, cancelled=cancelled
            )
        )
        assert silent.sent.wait(120)
        cancelled.set()
        run = running.result(120)
        assert silent.left.wait(120)
    assert (run.ended_by, run.answer) == ("cancelled", "No answer: the run was cancelled.")


def test_a_run_that_is_cancelled_keeps_its_steps_and_takes_back_what_it_said() -> None:
    cancelled = threading.Event()
    events: list[AgentEvent] = []

    def hear(event: AgentEvent) -> None:
        events.append(event)
        if isinstance(event, AnswerPiece):
            cancelled.set()

    with chat_script(Reply([call()]), Reply([BEGUN], silent=True)) as chat:
        run = run_agent(
            "How heavy?", endpoint=chat.endpoint(), tools=TOOLS, cancelled=cancelled, on_event=hear
        )
    assert run.ended_by == "cancelled"
    assert "weigh: salt: 5 g" in run.answer
    assert isinstance(events[-1], AnswerWithdrawn)


def test_a_run_is_cancelled_while_a_tool_hangs_that_does_not_listen() -> None:
    cancelled, started, released = threading.Event(), threading.Event(), threading.Event()

    def hang() -> str:
        """Hang."""
        started.set()
        released.wait(120)
        return ""

    with chat_script(Reply(['{"action": "hang", "args": {}}'])) as chat:
        running = start_in_background(
            lambda: run_agent("Hang.", endpoint=chat.endpoint(), tools=[tool(hang)], cancelled=cancelled)
        )
        assert started.wait(120)
        cancelled.set()
        run = running.result(120)
        assert len(chat.requests) == 1
    released.set()
    assert run.ended_by == "cancelled"
    assert run.steps[0].failed


def test_time_ends_a_request_that_is_under_way() -> None:
    silent = Reply([BEGUN], silent=True)
    with chat_script(Reply([call()]), silent) as chat:
        # The first run imports what takes seconds on a slow machine.
        run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, limits=Limits(steps=1))
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, limits=Limits(seconds=3))
        assert silent.left.wait(120)
    assert run.ended_by == "time_limit"
    assert run.answer == "No answer: the run was ended by its limit of 3 seconds."


@pytest.mark.parametrize(
    ("limits", "ended_by", "said"),
    [
        (Limits(steps=2), "step_limit", "2 turns"),
        (Limits(tool_calls=2), "tool_limit", "2 tool calls"),
        (Limits(model_calls=3), "call_limit", "3 requests to the model"),
        (Limits(tokens=30), "token_limit", "30 tokens"),
    ],
)
def test_each_limit_ends_the_run_with_what_there_is(limits: Limits, ended_by: str, said: str) -> None:
    with chat_script(*(Reply([call(thing)]) for thing in ("salt", "sand", "silt"))) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, limits=limits)
    assert run.ended_by == ended_by
    assert run.answer.splitlines() == [
        f"No answer: the run was ended by its limit of {said}.",
        "The tools returned:",
        "- weigh: salt: 5 g",
        "- weigh: sand: 5 g",
    ]


def test_a_limit_of_requests_ends_a_turn_in_its_middle() -> None:
    with chat_script(Reply(["so"]), Reply([call()]), Reply(["so"])) as chat:
        endpoint = chat.endpoint(reasoning=True)
        run = run_agent("How heavy?", endpoint=endpoint, tools=TOOLS, limits=Limits(model_calls=3))
    assert (run.ended_by, len(chat.requests)) == ("call_limit", 3)


def test_an_answer_may_use_up_the_last_call_of_a_tool() -> None:
    final = '{"action": "final_answer", "args": {"answer": "5 g"}}'
    with chat_script(Reply([call()]), Reply([final])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, limits=Limits(tool_calls=1))
    assert (run.ended_by, run.answer) == ("answer", "5 g")


def test_two_calls_in_turn_are_a_loop() -> None:
    replies = [Reply(calls=[("weigh", json.dumps({"thing": thing}))]) for thing in "abab"]
    with chat_script(*replies) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=TOOLS)
    assert run.ended_by == "loop"
    assert [step.repeated for step in run.steps] == [False, False, True, True]


def test_a_chinese_question_is_told_its_end_in_chinese() -> None:
    with chat_script(Reply([call()])) as chat:
        run = run_agent("盐有多重？", endpoint=chat.endpoint(), tools=TOOLS, limits=Limits(steps=1))
    assert run.answer.splitlines()[:2] == ["没有回答：本次运行已达上限：模型 1 轮。", "工具返回了："]
    assert "用中文回答" in chat.requests[0]["messages"][0]["content"]


def test_the_real_engine_stops_computing_when_its_run_is_cancelled(bundled_endpoint: Endpoint) -> None:
    cancelled, writing = threading.Event(), threading.Event()

    def hear(event: AgentEvent) -> None:
        if isinstance(event, ThoughtPiece | AnswerPiece):
            writing.set()

    def go() -> AgentRun:
        question = "Tell a long story about salt, without an end."
        return run_agent(question, endpoint=bundled_endpoint, tools=(), cancelled=cancelled, on_event=hear)

    running = start_in_background(go)
    assert writing.wait(120)
    cancelled.set()
    assert running.result(120).ended_by == "cancelled"
    assert wait_until(_idle)


def _idle() -> bool:
    """Whether this process's engine takes no processor time for a while."""
    engines = [
        child
        for child in psutil.Process().children(recursive=True)
        if "deploy.engines.embedded_server" in command_line(child)
    ]
    assert engines
    before = sum(sum(engine.cpu_times()[:2]) for engine in engines)
    threading.Event().wait(0.5)
    return sum(sum(engine.cpu_times()[:2]) for engine in engines) - before < 0.05


def test_the_time_of_a_run_is_told() -> None:
    began = time.monotonic()
    with chat_script(Reply([call()])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=TOOLS, limits=Limits(steps=1))
    assert 0 < run.seconds <= time.monotonic() - began

"""Cancelling in each phase, and people's answers that do not come: every run ends, and nothing runs after."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from agents.agent import Limits
from agents.background import start_in_background
from agents.calling.way import called_by
from agents.running.consent import Consent, Decision
from agents.tools import tool
from stillroom.errors import StillroomError
from tests.agents.hostile.chat_server import (
    HostileChat,
    Reply,
    Script,
    Talk,
    hostile_chat,
    silent,
    slow,
)
from tests.agents.hostile.kitchen import Kitchen
from tests.agents.hostile.scripted_model import WATCHDOG_SECONDS, answering, calling, every_way, watched_run
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.agent import AgentRun
    from agents.calling.way import CallingWay
    from agents.tools import Tool

LONG_ANSWER = "It weighs 5 g, as the scales say. " * 200


def cancelled_run(
    chat: HostileChat,
    way: CallingWay,
    tools: Sequence[Tool],
    when: threading.Event,
    **options: Any,  # noqa: ANN401
) -> AgentRun:
    """A run that is cancelled as soon as ``when`` is set."""
    cancelled = threading.Event()

    def cancel() -> None:
        when.wait(WATCHDOG_SECONDS)
        cancelled.set()

    start_in_background(cancel)
    return watched_run(chat, way, tools, cancelled=cancelled, limits=Limits(seconds=600), **options)


def telling(script: Script, begun: threading.Event) -> Script:
    """The script, and word that it has begun."""

    def answer(talk: Talk) -> None:
        begun.set()
        script(talk)

    return answer


@pytest.mark.parametrize("engine", ["vllm", "ollama"])
@every_way
def test_cancelling_while_the_server_is_silent_ends_at_once(way: CallingWay, engine: str) -> None:
    begun = threading.Event()
    with hostile_chat(telling(silent, begun)) as chat:
        run = cancelled_run(chat, way, Kitchen().free, begun, fields={"engine": engine})
        assert run.ended_by == "cancelled"
        assert wait_until(lambda: chat.left == 1)


@pytest.mark.parametrize("engine", ["vllm", "ollama"])
@every_way
def test_cancelling_in_an_answer_ends_it_and_hangs_up(way: CallingWay, engine: str) -> None:
    begun = threading.Event()
    dripping = telling(slow(answering(way, LONG_ANSWER), seconds=0.2), begun)
    with hostile_chat(calling(way, "weigh", {"thing": "salt"}), dripping) as chat:
        run = cancelled_run(chat, way, Kitchen().free, begun, fields={"engine": engine})
        assert run.ended_by == "cancelled"
        assert "salt: 5 g" in run.answer
        assert wait_until(lambda: chat.left == 1)


@pytest.mark.parametrize("engine", ["vllm", "ollama"])
def test_cancelling_in_a_thought_ends_it_and_hangs_up(engine: str) -> None:
    begun = threading.Event()
    dripping = telling(slow(Reply(thought=LONG_ANSWER), seconds=0.2), begun)
    with hostile_chat(dripping) as chat:
        run = cancelled_run(
            chat, "constrained", Kitchen().free, begun, fields={"engine": engine, "reasoning": True}
        )
        assert run.ended_by == "cancelled"
        assert wait_until(lambda: chat.left == 1)


@every_way
def test_cancelling_while_a_tool_runs_ends_the_run_and_asks_the_model_nothing_more(way: CallingWay) -> None:
    begun, release = threading.Event(), threading.Event()

    def weigh(thing: str) -> str:
        """Weigh a thing, which takes as long as the test."""
        begun.set()
        release.wait(WATCHDOG_SECONDS * 2)
        return thing

    with hostile_chat(calling(way, "weigh", {"thing": "salt"}), answering(way, "Late.")) as chat:
        try:
            run = cancelled_run(chat, way, (tool(weigh),), begun)
        finally:
            release.set()
    assert run.ended_by == "cancelled"
    assert len(chat.requests) == 1


@every_way
def test_cancelling_before_it_begins_asks_nothing(way: CallingWay) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with hostile_chat(answering(way, "Late.")) as chat:
        run = watched_run(chat, way, Kitchen().free, cancelled=cancelled)
    assert (run.ended_by, chat.requests) == ("cancelled", [])


@every_way
def test_cancelling_while_a_person_is_asked_runs_nothing(way: CallingWay) -> None:
    kitchen, asked, release = Kitchen(), threading.Event(), threading.Event()

    def ask(_tool: Tool, _arguments: object) -> Decision:
        asked.set()
        release.wait(WATCHDOG_SECONDS * 2)
        return Decision.ONCE

    with hostile_chat(calling(way, "run_python", {"code": "1"}), answering(way, "Late.")) as chat:
        try:
            run = cancelled_run(chat, way, kitchen.all, asked, consent=Consent(ask=ask))
        finally:
            release.set()
        assert run.ended_by == "cancelled"
        # A yes that comes after the end is none.
        assert not wait_until(lambda: bool(kitchen.ran), seconds=0.5)


@pytest.mark.parametrize("error", [RuntimeError("no terminal"), EOFError(), OSError(5, "gone")], ids=repr)
@every_way
def test_a_question_to_a_person_that_fails_is_a_no(way: CallingWay, error: Exception) -> None:
    kitchen = Kitchen()

    def ask(_tool: Tool, _arguments: object) -> Decision:
        raise error

    with hostile_chat(calling(way, "run_python", {"code": "1"}), answering(way, "I may not.")) as chat:
        run = watched_run(chat, way, kitchen.all, consent=Consent(ask=ask))
    assert kitchen.ran == []
    assert (run.ended_by, run.steps[0].failed) == ("answer", True)


@pytest.mark.parametrize("said", ["yes", True, None, 1])
@every_way
def test_an_answer_that_is_no_decision_is_a_no(way: CallingWay, said: object) -> None:
    kitchen = Kitchen()
    with hostile_chat(calling(way, "run_python", {"code": "1"}), answering(way, "I may not.")) as chat:
        watched_run(chat, way, kitchen.all, consent=Consent(ask=lambda *_: said))  # type: ignore[arg-type]
    assert kitchen.ran == []


@every_way
def test_a_listener_that_fails_does_not_run_a_tool_that_it_would_have_stopped(way: CallingWay) -> None:
    kitchen = Kitchen()

    def broken(_event: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with (
        hostile_chat(calling(way, "weigh", {"thing": "salt"}), answering(way, "It weighs 5 g.")) as chat,
        suppress(StillroomError, BrokenPipeError),
    ):
        watched_run(chat, way, kitchen.all, on_event=broken)
    assert len(kitchen.ran) <= 1


def test_runs_side_by_side_do_not_disturb_each_other() -> None:
    kitchens = [Kitchen() for _ in range(4)]
    with hostile_chat(
        choose=lambda body: (
            answering("constrained", "Done.")
            if len(body["messages"]) > 2
            else calling("constrained", "weigh", {"thing": body["messages"][1]["content"].split("#")[1][0]})
        )
    ) as chat:
        endpoint = called_by(chat.endpoint(), "constrained")
        from agents.agent import run_agent

        futures = [
            start_in_background(
                lambda n=n, kitchen=kitchen: run_agent(  # type: ignore[misc]
                    f"How heavy is #{n}?", endpoint=endpoint, tools=kitchen.free
                )
            )
            for n, kitchen in enumerate(kitchens)
        ]
        runs = [future.result(timeout=WATCHDOG_SECONDS) for future in futures]
    assert {run.ended_by for run in runs} == {"answer"}
    assert [kitchen.ran for kitchen in kitchens] == [[("weigh", str(n))] for n in range(4)]


def test_nothing_is_left_running_after_runs_that_ended() -> None:
    with hostile_chat(choose=lambda _: Reply('{"action": "fly", "args": {}}')) as chat:
        for _ in range(3):
            with pytest.raises(StillroomError):
                watched_run(chat, "constrained", Kitchen().free)
        ends_at = time.monotonic() + 60
        work = [thread for thread in threading.enumerate() if thread.name == "stillroom-work"]
        for thread in work:
            thread.join(max(0.0, ends_at - time.monotonic()))
    assert not any(thread.is_alive() for thread in work)

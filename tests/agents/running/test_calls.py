"""Tool calls of a run: numbered in order, side by side where that is safe, never without leave."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.background import start_in_background
from agents.call_context import current_call
from agents.running.calls import ToolCalls, WantedCall
from agents.running.consent import Consent, Decision
from agents.running.ending import Ending
from agents.running.events import AgentEvent, ToolEnded, ToolProgressed, ToolStarted
from agents.running.limits import Limits
from agents.running.trace import Trace
from agents.tools import tool
from stillroom.errors import ToolError
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.tools import Tool


@dataclass
class Bench:
    """Calls with all that they need."""

    tools: Sequence[Tool]
    limits: Limits = field(default_factory=Limits)
    consent: Consent = field(default_factory=Consent)
    events: list[AgentEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the parts."""
        self.trace = Trace(self.limits)
        self.ending = Ending(self.limits.seconds, threading.Event())
        self.calls = ToolCalls(self.tools, self.trace, self.ending, self.consent, tell=self.events.append)

    def stop_after(self, event: threading.Event) -> None:
        """Cancel the run once that has happened."""
        event.wait(120)
        self.ending.stop("cancelled")

    def turn(self, *calls: tuple[str, str]) -> list[str]:
        """Decide on calls, each with one argument, and run them as LangGraph does; their texts."""
        turn = self.trace.end_turn(thought="", calls=[name for name, _ in calls], seconds=0)
        wanted = [
            WantedCall(f"{turn.number}-{index}", name, {"thing": thing})
            for index, (name, thing) in enumerate(calls)
        ]
        self.calls.plan(turn, wanted)
        with ThreadPoolExecutor(6) as pool:
            return [text for text, _ in pool.map(self.calls.run, [call.id for call in wanted])]


def weigh(thing: str) -> str:
    """Weigh a thing."""
    if thing.casefold().startswith("smoke"):
        raise ToolError("smoke cannot be weighed")
    return f"{thing}: 5 g"


def test_calls_that_only_read_run_side_by_side() -> None:
    together = threading.Barrier(3)

    def meet(thing: str) -> str:
        """Wait for the others."""
        together.wait(120)
        return thing

    bench = Bench([tool(meet)])
    assert bench.turn(("meet", "a"), ("meet", "b"), ("meet", "c")) == ["a", "b", "c"]


def test_one_that_changes_something_waits_and_is_waited_for() -> None:
    order: list[str] = []

    def read(thing: str) -> str:
        """Read."""
        order.append(thing)
        return thing

    def write(thing: str) -> str:
        """Write."""
        order.append(thing)
        return thing

    bench = Bench([tool(read), tool(write, read_only=False)], consent=Consent(frozenset({"write"})))
    bench.turn(("read", "1"), ("write", "2"), ("read", "3"), ("write", "4"), ("read", "5"))
    assert order == ["1", "2", "3", "4", "5"]


def test_steps_are_numbered_in_the_models_order_whichever_ends_first() -> None:
    def slow(thing: str) -> str:
        """Be slow."""
        if thing == "first":
            assert wait_until(lambda: any(isinstance(event, ToolEnded) for event in bench.events))
        return thing

    bench = Bench([tool(slow)])
    bench.turn(("slow", "first"), ("slow", "second"))
    assert [step.result for step in bench.trace.steps] == ["first", "second"]
    assert [event.step.number for event in bench.events if isinstance(event, ToolEnded)] == [2, 1]


def test_the_same_call_twice_in_one_turn_runs_once() -> None:
    bench = Bench([tool(weigh)])
    first, again = bench.turn(("weigh", "salt"), ("weigh", "salt"))
    assert first == "salt: 5 g"
    assert again.startswith("You made this very call before")
    assert sum(isinstance(event, ToolStarted) for event in bench.events) == 1
    assert [step.repeated for step in bench.trace.steps] == [False, True]


def test_an_unknown_tool_is_a_result_that_names_those_there_are() -> None:
    bench = Bench([tool(weigh)])
    assert bench.turn(("fly", "home")) == ["Error: there is no tool 'fly'; there are weigh"]
    assert bench.trace.steps[0].failed
    assert not any(isinstance(event, ToolStarted) for event in bench.events)


def test_calls_beyond_the_limit_are_not_run_and_end_the_run() -> None:
    bench = Bench([tool(weigh)], limits=Limits(tool_calls=2))
    texts = bench.turn(("weigh", "a"), ("weigh", "b"), ("weigh", "c"))
    assert texts == ["a: 5 g", "b: 5 g", "not run: the run has ended"]
    assert (bench.trace.ended_by, len(bench.trace.steps)) == ("tool_limit", 2)


def test_the_third_failure_of_nearly_the_same_call_is_a_loop() -> None:
    bench = Bench([tool(weigh)])
    for thing in ("smoke", "Smoke ", "smoke 2"):
        assert bench.trace.ended_by is None
        bench.turn(("weigh", thing))
    assert bench.trace.ended_by == "loop"


def test_a_call_that_was_refused_did_not_start() -> None:
    bench = Bench([tool(weigh, read_only=False)], consent=Consent(ask=lambda *_: Decision.NO))
    assert bench.turn(("weigh", "salt")) == [
        "Error: weigh was not run: the user said no. Do not call it again."
    ]
    assert [type(event) for event in bench.events] == [ToolEnded]


def test_a_tool_that_hangs_is_left_when_the_run_is_cancelled() -> None:
    started, released = threading.Event(), threading.Event()

    def hang(thing: str) -> str:
        """Hang."""
        started.set()
        released.wait(120)
        return thing

    bench = Bench([tool(hang)])
    start_in_background(lambda: bench.stop_after(started))
    assert bench.turn(("hang", "a")) == ["Error: hang was stopped: nobody waits for its result any more"]
    released.set()


def test_a_tool_that_hangs_is_left_when_the_time_of_the_run_is_up() -> None:
    released = threading.Event()

    def hang(thing: str) -> str:
        """Hang."""
        released.wait(120)
        return thing

    bench = Bench([tool(hang)], limits=Limits(seconds=0.3))
    assert bench.turn(("hang", "a")) == ["Error: hang gave no result before the run was over"]
    released.set()


def test_a_person_who_thinks_it_over_takes_no_time_of_the_run() -> None:
    bench = Bench([tool(weigh, read_only=False)], limits=Limits(seconds=2.0))

    def ask(*_: object) -> Decision:
        assert not bench.ending.stopped.wait(2.5)
        return Decision.ONCE

    bench.consent.ask = ask
    with bench.ending.watched():
        assert bench.turn(("weigh", "salt")) == ["salt: 5 g"]
    assert bench.ending.why is None


def test_a_question_that_nobody_answers_ends_with_the_run() -> None:
    asked, answered = threading.Event(), threading.Event()

    def ask(*_: object) -> Decision:
        asked.set()
        answered.wait(120)
        return Decision.ONCE

    bench = Bench([tool(weigh, read_only=False)], consent=Consent(ask=ask))
    start_in_background(lambda: bench.stop_after(asked))
    assert bench.turn(("weigh", "salt")) == ["Error: weigh was not run: nobody said yes before the run ended"]
    assert not any(isinstance(event, ToolStarted) for event in bench.events)
    answered.set()


def test_signs_of_life_carry_the_number_of_the_call() -> None:
    def count(thing: str) -> str:
        """Count."""
        current_call().progress("half", 0.5)
        return thing

    bench = Bench([tool(count)])
    bench.turn(("count", "a"))
    assert bench.events[1] == ToolProgressed(1, "half", 0.5)


def test_person_is_not_asked_about_arguments_that_would_be_refused() -> None:
    asked: list[str] = []

    def never_heavy(thing: str) -> None:
        if thing == "anvil":
            raise ToolError("an anvil is too heavy")

    def ask(_: Tool, arguments: Mapping[str, object]) -> Decision:
        asked.append(str(arguments["thing"]))
        return Decision.ONCE

    lift = tool(weigh, read_only=False, precheck=never_heavy)
    bench = Bench([lift], consent=Consent(ask=ask))
    refused, lifted = bench.turn(("weigh", "anvil"), ("weigh", "feather"))
    assert refused == "Error: an anvil is too heavy"
    assert not lifted.startswith("Error")
    assert asked == ["feather"]

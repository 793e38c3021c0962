"""A thread of a run that wants something of the terminal is answered, also where the turn ends just then."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from agents.running.agent_run import AgentRun
from stillroom.cli.chatting.screen import Screen
from stillroom.cli.chatting.turn import Turn
from stillroom.cli.chatting.wordings import texts_in

RUN = AgentRun("Salt.", (), (), "answer")


def turn_on_paper() -> Turn:
    return Turn(Screen(Console(file=io.StringIO(), width=60), texts_in("en")))


def test_what_is_put_in_front_is_done_in_the_thread_that_follows() -> None:
    turn = turn_on_paper()
    said: list[str] = []

    def work() -> AgentRun:
        said.append(turn.in_front(lambda: threading.current_thread().name, "nobody"))
        return RUN

    assert turn.follow(work) == RUN
    assert said == [threading.current_thread().name]


def test_whoever_asks_behind_the_end_is_refused() -> None:
    turn = turn_on_paper()
    turn.follow(lambda: RUN)
    assert turn.in_front(lambda: "done", "refused") == "refused"


def test_no_thread_waits_for_ever_that_asks_in_the_moment_of_the_end() -> None:
    for _ in range(200):
        turn = turn_on_paper()
        together = threading.Barrier(2)

        def ask(turn: Turn = turn, together: threading.Barrier = together) -> None:
            together.wait()
            turn.in_front(lambda: "done", "refused")

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        together.wait()
        turn.follow(lambda: RUN)
        asking.join(60)
        assert not asking.is_alive()

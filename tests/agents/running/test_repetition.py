"""A reply that says the same again and again is ended, and not waited for to its last token."""

from __future__ import annotations

import json

import pytest

from agents.agent import run_agent
from agents.running.repetition import Repetition
from agents.tools import tool
from stillroom.errors import ModelError
from tests.agents.chat_script import Reply, chat_script

WAIT = "Wait, let me think about that again. "
PROSE = " ".join(f"Sentence {number} says that {number * 7} is more than {number}." for number in range(80))


def stuck(text: str, *, size: int = 5) -> bool:
    watched = Repetition()
    return any(watched.feed(text[at : at + size]) for at in range(0, len(text), size))


@pytest.mark.parametrize("text", [PROSE + WAIT * 20, "_a_n" * 120, "再想一想。" * 80, "Hm" + "\nno" * 150])
def test_a_text_that_got_stuck_is_noticed(text: str) -> None:
    assert stuck(text)


@pytest.mark.parametrize(
    "text", [PROSE, WAIT * 5, "-" * 2000, "| --- | --- |\n" * 60, "0, " * 500, " " * 900]
)
def test_prose_rulers_tables_and_numbers_are_not_stuck(text: str) -> None:
    assert not stuck(text)


def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 5 g"


CALL = Reply([json.dumps({"action": "weigh", "args": {"thing": "salt"}})])
FINAL = Reply(['{"action": "final_answer", "args": {"answer": "5 g"}}'])


@pytest.mark.parametrize("form", ["text", "reasoning"])
def test_a_thought_that_gets_stuck_is_cut_and_the_model_acts(form: str) -> None:
    pieces = [WAIT] * 30
    thought = Reply(pieces, silent=True) if form == "text" else Reply(reasoning=pieces, silent=True)
    with chat_script(thought, CALL, Reply(["Done."]), FINAL) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(reasoning=True), tools=[tool(weigh)])
        assert thought.left.wait(120)
    assert (run.answer, run.ended_by) == ("5 g", "answer")
    assert run.steps[0].thought.startswith("Wait, let me think")


def test_a_native_reply_that_gets_stuck_is_asked_for_once_more() -> None:
    thought = Reply([WAIT] * 30, silent=True)
    with chat_script(thought, Reply(["5 g"])) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=[tool(weigh)])
    assert run.answer == "5 g"
    with (
        chat_script(*[Reply([WAIT] * 30, silent=True)] * 2) as chat,
        pytest.raises(ModelError, match="again"),
    ):
        run_agent("How heavy?", endpoint=chat.endpoint(native_tools=True), tools=[tool(weigh)])


def test_an_answer_that_gets_stuck_is_no_valid_action() -> None:
    answer = Reply(['{"action": "final_answer", "args": {"answer": "' + WAIT * 20], silent=True)
    with chat_script(CALL, answer, FINAL) as chat:
        run = run_agent("How heavy?", endpoint=chat.endpoint(), tools=[tool(weigh)])
    assert run.answer == "5 g"

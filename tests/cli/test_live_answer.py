"""An answer is shown as it comes: sentences once they are checked, thoughts only where they are asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from rag.answering.events import Answered, Dropped, Kept, Retrieved, Thought
from rag.document import Answer, Citation, Conflict
from stillroom.cli.live_answer import LiveAnswer
from stillroom.cli.output import Output

if TYPE_CHECKING:
    from rag.answering.events import AnswerEvent

CITED = Citation(1, "d", "Reactor", "/r.md", "p", "line 3", "It holds 40 litres.", 10, 29)
FIRST, SECOND = "It holds 40 litres [1].", "[red]It is[/] small [1]."
ANSWER = Answer(
    question="How much?",
    kind="written",
    text=f"{FIRST} {SECOND} The sources disagree.",
    citations=(CITED,),
    reasoning="Let me see.",
    dropped=("its number 99 is not in the passage: “99 litres.”",),
    notice="A notice.",
    conflicts=(Conflict(1, 1, "40 / 50"),),
    left_out=("Notes, line 9: no room in the model's context",),
)
EVENTS: tuple[AnswerEvent, ...] = (
    Retrieved("How much?", ()),
    Thought("Let me "),
    Thought("see."),
    Kept(FIRST, CITED, FIRST),
    Dropped("its number 99 is not in the passage: “99 litres.”"),
    Kept(SECOND, CITED, f"{FIRST} {SECOND}"),
)


@pytest.fixture
def output() -> Output:
    """Output into two strings."""
    made = Output()
    made.stdout = Console(file=io.StringIO(), width=200, highlight=False)
    made.stderr = Console(file=io.StringIO(), width=200, highlight=False)
    return made


def shown(output: Output) -> str:
    assert isinstance(output.stdout.file, io.StringIO)
    return output.stdout.file.getvalue()


def test_each_sentence_is_shown_as_it_comes_and_the_rest_at_the_end(output: Output) -> None:
    with LiveAnswer(output, reasoning=False) as live:
        for event in EVENTS[:4]:
            live.show(event)
        assert shown(output) == f"written  {FIRST}"
        for event in (*EVENTS[4:], Answered(ANSWER)):
            live.show(event)

    lines = shown(output).splitlines()
    assert lines[0] == f"written  {FIRST} {SECOND} The sources disagree."
    assert lines[1] == "  [1] r.md, line 3: “It holds 40 litres.”"
    assert lines[2:] == [
        "A notice.",
        f"dropped: {ANSWER.dropped[0]}",
        "not read: Notes, line 9: no room in the model's context",
    ]


def test_thoughts_are_shown_where_they_are_asked_for(output: Output) -> None:
    with LiveAnswer(output, reasoning=True) as live:
        for event in (*EVENTS, Answered(ANSWER)):
            live.show(event)

    assert shown(output).splitlines()[:2] == ["Let me see.", f"written  {ANSWER.text}"]


def test_an_answer_that_no_model_wrote_is_shown_whole(output: Output) -> None:
    refused = Answer("Who?", "refused", "The library holds no passage.", (), standalone="Who built it?")
    with LiveAnswer(output, reasoning=False) as live:
        live.show(EVENTS[0])
        live.show(Answered(refused))

    assert shown(output).splitlines() == [
        "refused  The library holds no passage.",
        "understood as: Who built it?",
    ]


def test_an_answer_that_is_stopped_ends_its_line(output: Output) -> None:
    def stopped() -> None:
        with LiveAnswer(output, reasoning=False) as live:
            live.show(EVENTS[3])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()

    assert shown(output) == f"written  {FIRST}\n"

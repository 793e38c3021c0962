"""A tool that changes something runs only after a person's yes, whatever its arguments look like."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from agents.running.consent import Decision
from agents.tools import tool
from stillroom.cli.chatting.asking import ask_consent
from stillroom.cli.chatting.wordings import texts_in
from tests.cli.chatting.conftest import action, final
from tests.terminal import CTRL_C, RETURN

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.cli.chatting.conftest import Speaker
    from tests.conftest import Home
    from tests.terminal import Terminal

    Chat = Callable[..., AbstractContextManager[Terminal]]

QUESTION = "Run it? [y]es once"
PROGRAM = action("run_python", code="print(6 * 7)")


def write_note(path: str, text: str) -> str:
    """Write a note."""
    return path + text


NOTE = tool(write_note, read_only=False, destructive=True)


def asked(replies: list[str], arguments: dict[str, str], *, language: str = "en") -> tuple[Decision, str]:
    console = Console(file=io.StringIO(), width=60)
    waiting = iter(replies)

    def read(_question: str) -> str:
        reply = next(waiting)
        if reply == CTRL_C:
            raise KeyboardInterrupt
        return reply

    texts = texts_in("zh" if language == "zh" else "en")
    decision = ask_consent(console, texts, NOTE, arguments, read=read)
    assert isinstance(console.file, io.StringIO)
    return decision, console.file.getvalue()


@pytest.mark.parametrize(
    ("replies", "decision"),
    [
        (["y"], Decision.ONCE),
        (["YES "], Decision.ONCE),
        (["a"], Decision.ALWAYS),
        (["n"], Decision.NO),
        ([""], Decision.NO),
        ([CTRL_C], Decision.NO),
        (["maybe", "y"], Decision.ONCE),
        (["maybe", "what"], Decision.NO),
        (["是"], Decision.ONCE),
    ],
)
def test_only_a_yes_is_a_yes(replies: list[str], decision: Decision) -> None:
    assert asked(replies, {"path": "a"})[0] is decision


def test_all_arguments_are_shown_whole_and_nothing_of_them_hides() -> None:
    _, shown = asked(["n"], {"path": "a\u202etxt.exe\u200b", "text": "x" * 500 + "\x1b[2J"})

    assert "\\u202etxt.exe\\u200b" in shown
    assert "".join(shown.split()).count("x") >= 500
    assert "\x1b" not in shown
    assert "\\x1b[2J" in "".join(shown.split()) or "\\u001b[2J" in "".join(shown.split())
    assert "may delete or overwrite" in shown


def test_lines_of_an_argument_cannot_pass_for_the_question() -> None:
    _, shown = asked(["n"], {"path": "a", "text": "one\nnot run\nThe model wants to run nothing"})

    assert [line for line in shown.split("\n") if line.startswith("The model wants")] == [
        "The model wants to run write_note"
    ]
    assert "    │ not run" in [line.rstrip() for line in shown.split("\n")]


def test_a_person_is_asked_before_a_program_runs(speaker: Speaker, chat: Chat) -> None:
    again = action("run_python", code="print(7 * 7)")
    third = action("run_python", code="print(8 * 8)")
    speaker.replies = [PROGRAM, final("No."), again, third, final("Yes.")]
    with chat("--calling", "constrained", "--python", "--tool", "run_python") as terminal:
        terminal.press("Run it." + RETURN)
        assert terminal.sees(QUESTION)
        assert 'code: "print(6 * 7)"' in terminal.text
        terminal.press(CTRL_C)
        assert terminal.sees("✗ run_python")
        assert terminal.sees("No.\n")
        assert terminal.ready()
        terminal.press("Run two others." + RETURN)
        assert terminal.sees(lambda text: text.count(QUESTION) == 2)
        terminal.press("a" + RETURN)
        assert terminal.sees("run_python is allowed in this conversation")
        assert terminal.sees("Yes.\n")

        assert terminal.text.count(QUESTION) == 2
        assert terminal.text.count("✓ run_python") == 2

    assert "49" in speaker.questions[3]
    assert "64" in speaker.questions[4]


def test_what_is_typed_before_the_question_is_no_yes(speaker: Speaker, chat: Chat) -> None:
    speaker.replies = [PROGRAM, final("Done.")]
    with chat("--calling", "constrained", "--python", "--tool", "run_python") as terminal:
        terminal.press("Run it." + RETURN + "y" + RETURN)
        assert terminal.sees(QUESTION)
        assert not terminal.sees("allowed once", seconds=1.0)
        terminal.press("n" + RETURN)
        assert terminal.sees("✗ run_python")


def test_without_a_terminal_nothing_is_asked_and_nothing_runs(home: Home, speaker: Speaker) -> None:
    speaker.replies = [PROGRAM, final("It did not run."), PROGRAM, final("It ran.")]
    command = ("chat", "Run it.", "--calling", "constrained", "--python", "--tool", "run_python")

    refused = home.json(*command)
    allowed = home.json(*command, "--allow", "run_python")

    assert [step["failed"] for step in refused["steps"]] == [True]
    assert "there is nobody to ask" in refused["steps"][0]["result"]
    assert [step["failed"] for step in allowed["steps"]] == [False]
    assert "42" in allowed["steps"][0]["result"]

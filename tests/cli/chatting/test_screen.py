"""A run is shown while it goes on; what is finished stays, and what moves leaves nothing behind."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyte
import pytest
from rich.console import Console

from agents.running.agent_run import AgentRun
from agents.running.events import (
    AgentEvent,
    AnswerPiece,
    AnswerWithdrawn,
    Noticed,
    ThoughtPiece,
    ToolEnded,
    ToolProgressed,
    ToolStarted,
)
from agents.running.step import Step
from rag.document import Citation
from stillroom.cli.chatting.screen import Screen, show_evidence
from stillroom.cli.chatting.unshown import unshown
from stillroom.cli.chatting.wordings import texts_in

if TYPE_CHECKING:
    from stillroom.cli.chatting.thinking import ThinkMode

QUOTE = Citation(1, "d", "Scales", "/lib/scales.md", "p", "line 2", "Salt weighs 5 g.", 9, 25)
STEP = Step(1, "", "search_library", {"query": "salt"}, "found", False, False, 0.5, 1.25, 120, (QUOTE,))  # noqa: FBT003
RUN = AgentRun("Salt weighs 5 g [1].", (QUOTE,), (STEP,), "answer", "", 240, 2.0)


class Watched:
    """A screen on a terminal of 60 by 12, and what is on it."""

    def __init__(self, think: ThinkMode = "fold") -> None:
        self.now = 0.0
        self._written = io.StringIO()
        self._seen = 0
        self._terminal = pyte.HistoryScreen(60, 12, history=1000, ratio=0.5)
        self._stream = pyte.Stream(self._terminal)
        console = Console(
            file=self._written,
            force_terminal=True,
            width=60,
            height=12,
            color_system=None,
            legacy_windows=False,
        )
        self.screen = Screen(console, texts_in("en"), think=think, clock=lambda: self.now)

    def show(self, *events: AgentEvent) -> list[str]:
        """Show them; the lines that stand there then."""
        for event in events:
            self.screen.show(event)
        return self.lines()

    def lines(self) -> list[str]:
        """What stands there now, scrollback first."""
        text = self._written.getvalue()
        self._stream.feed(text[self._seen :].replace("\n", "\r\n"))
        self._seen = len(text)
        above = ["".join(line[column].data for column in range(60)) for line in self._terminal.history.top]
        shown = [line.rstrip() for line in [*above, *self._terminal.display]]
        return "\n".join(shown).rstrip().split("\n")


def test_a_call_is_followed_and_ends_as_one_line_with_a_gist() -> None:
    watched = Watched()
    watched.show(ToolStarted(1, "search_library", {"query": "salt"}))
    watched.now = 3.0
    (running,) = watched.show(ToolProgressed(1, "reading", 0.5))

    assert running.endswith('search_library query="salt"  3 s  50%  reading')
    ended, waiting = watched.show(ToolEnded(STEP))
    assert ended == '✓ search_library query="salt"  1.2 s  quotes: 1, first sca…'
    assert waiting.endswith("waiting for the model  0 s")


def test_two_calls_at_once_are_both_followed() -> None:
    watched = Watched()
    lines = watched.show(ToolStarted(1, "search_library", {}), ToolStarted(2, "calculate", {}))

    assert ["search_library" in lines[0], "calculate" in lines[1]] == [True, True]


@pytest.mark.parametrize(
    ("mode", "shown"),
    [("on", ["First.", "Second."]), ("fold", ["thought for 2 s, 5 tokens"]), ("off", [])],
)
def test_a_thought_is_shown_as_the_person_wants(mode: ThinkMode, shown: list[str]) -> None:
    watched = Watched(mode)
    watched.show(ThoughtPiece("First.\nSec"))
    watched.now = 2.0
    lines = watched.show(ThoughtPiece("ond."), AnswerPiece("Yes."))

    assert [line for line in lines if line and line != "Yes."] == shown
    assert watched.screen.thoughts[0].text == "First.\nSecond."


def test_the_end_has_the_markers_the_quotes_and_what_it_took() -> None:
    watched = Watched()
    watched.show(AnswerPiece("Salt weighs"), AnswerPiece(" 5 g."))
    watched.screen.end(RUN)

    assert watched.lines() == [
        "Salt weighs 5 g [1].",
        "",
        "  [1] scales.md, line 2: “Salt weighs 5 g.”",
        "1 tool call · 2.0 s · 240 tokens",
    ]


def test_an_answer_of_which_nothing_was_told_is_shown_whole() -> None:
    watched = Watched()
    watched.show(AnswerPiece("Something else entirely."), AnswerWithdrawn())
    watched.screen.end(RUN)

    assert watched.lines()[0] == "Salt weighs 5 g [1]."
    assert "Something else" not in "\n".join(watched.lines())


def test_what_was_read_is_not_taken_from_whoever_stops_the_run() -> None:
    watched = Watched()
    watched.show(AnswerPiece("The first half"))
    watched.screen.stopping()
    watched.show(AnswerWithdrawn())
    watched.screen.stop("stopped")

    assert watched.lines() == ["The first half", "stopped"]


def test_an_answer_that_is_taller_than_the_screen_is_kept_whole() -> None:
    watched = Watched()
    lines = [f"line {number}" for number in range(50)]
    for line in lines:
        watched.show(AnswerPiece(line + "\n"))
    watched.screen.end(AgentRun("\n".join(lines), (), (), "answer"))

    assert [line for line in watched.lines() if line.startswith("line")] == lines


def test_what_a_model_or_a_tool_wrote_cannot_command_the_terminal() -> None:
    watched = Watched("on")
    step = Step(1, "", "x\x1b[1m", {"a": "\x1b[2J"}, "\x1b]0;t\x07", True, False, 0, 0, None)  # noqa: FBT003
    watched.show(
        ThoughtPiece("\x1b[2J\n"), ToolEnded(step), Noticed("\x1b[3A"), AnswerPiece("\x1b[31mred\n\nmore")
    )
    watched.screen.end(AgentRun("\x1b[31mred\n\nmore", (), (), "answer", "\x07"))

    text = "\n".join(watched.lines())
    assert "\\x1b[31mred" in text
    assert "\\x1b[2J" in text
    assert "\\x07" in text


@pytest.mark.parametrize(
    ("answer", "shown", "rest"),
    [
        ("A [1]. B [2].", "", "A [1]. B [2]."),
        ("A [1]. B [2].", "A.", " B [2]."),
        ("A.[1] B.", "A.", " B."),
        ("甲【1】。乙。", "甲。", "乙。"),
        ("A. B.", "A [7].", " B."),
        ("A. B.", "C.", None),
        ("A.", "A. B.", None),
        ("See [1](http://x) now.", "See [1](http://x)", " now."),
    ],
)
def test_markers_do_not_count_where_the_rest_of_an_answer_is_found(
    answer: str, shown: str, rest: str | None
) -> None:
    assert unshown(answer, shown) == rest


def test_a_quote_and_a_notice_stay_a_line_each_in_a_file() -> None:
    quote = Citation(1, "d", "Scales", "/home/me/scales.md", "p", "line 2", "Salt is white. " * 20, 0, 300)
    file = Console(file=io.StringIO(), width=80)

    show_evidence(file, [quote], "The model wrote a number; " * 8)

    assert isinstance(file.file, io.StringIO)
    assert len(file.file.getvalue().strip().splitlines()) == 2

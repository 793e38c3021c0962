"""``stillroom ask`` as a person types it: conversations, steps as JSON, passages, Ctrl-C."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stillroom.cli.conversation import keep_turns, read_turns
from stillroom.errors import EnvironmentUnfitError
from tests.agents.chat_script import Reply
from tests.conftest import Home
from tests.mcp_server.jobs.served import model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUESTION = "How much memory is saved by going from FP32 to INT8?"


@pytest.fixture(scope="module")
def furnished_once(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A house whose library holds one short document."""
    home = Home(tmp_path_factory.mktemp("kettle"))
    text = "# Tea\n\nGreen tea is brewed at 80 degrees. Black tea is brewed at 95 degrees for four minutes.\n"
    (home.folder / "tea.md").write_text(text, encoding="utf-8")
    done = home.run("ingest", str(home.folder / "tea.md"))
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def kettle(home: Home, furnished_once: Home) -> Home:
    """A copy of that house for one test."""
    shutil.copytree(furnished_once.folder, home.folder, dirs_exist_ok=True)
    return home


def test_a_follow_up_continues_the_conversation_and_a_new_question_begins_one(kettle: Home) -> None:
    first = kettle.json("ask", "At how many degrees is black tea brewed?")
    follow_up = kettle.json("ask", "For how many minutes is it brewed?", "--continue")
    anew = kettle.json("ask", "At how many degrees is green tea brewed?")

    assert first["standalone"] == anew["standalone"] == ""
    assert "black tea" in follow_up["standalone"]
    assert "four minutes" in follow_up["text"]
    kept = json.loads((kettle.state_dir / "conversation.json").read_text(encoding="utf-8"))
    assert [turn["question"] for turn in kept["turns"]] == [anew["question"]]


def test_without_a_conversation_there_is_nothing_to_continue(kettle: Home) -> None:
    done = kettle.run("ask", "How hot is it?", "--continue")

    assert done.returncode == 1
    assert "no conversation to continue" in done.stderr
    assert "leave out --continue" in done.stderr


def test_each_step_is_a_line_of_json(kettle: Home) -> None:
    done = kettle.run("ask", "At how many degrees is black tea brewed?", "--json", "--stream")

    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["retrieved", "answered"]
    assert events[0]["hits"][0]["passage"]["text"]
    assert events[1]["answer"]["citations"][0]["quote"] in (kettle.folder / "tea.md").read_text(
        encoding="utf-8"
    )


def test_only_the_documents_that_a_filter_lets_through_are_asked(kettle: Home) -> None:
    question = "At how many degrees is black tea brewed?"

    assert kettle.json("ask", question, "--path", "*.md")["kind"] == "extractive"
    assert kettle.json("ask", question, "--path", "*.pdf")["kind"] == "refused"


def test_steps_are_for_programs(kettle: Home) -> None:
    assert kettle.run("ask", "How hot?", "--stream").returncode == 2


def test_passages_are_shown_where_they_are_asked_for(kettle: Home) -> None:
    question = "At how many degrees is black tea brewed?"
    shown = kettle.run("ask", question, "--show-passages").stdout
    passages = kettle.json("ask", question, "--show-passages")["passages"]

    assert "Green tea is brewed at 80 degrees." in shown
    assert "Green tea is brewed at 80 degrees." in passages[0]["passage"]["text"]


@pytest.fixture
def unanswered(furnished: Home) -> Iterator[Home]:
    """The furnished house, with a model that never answers a question."""
    with model(Reply(silent=True)) as settings:
        yield replace(furnished, environment=settings)


def test_ctrl_c_stops_an_answer(unanswered: Home) -> None:
    with unanswered.start("ask", QUESTION) as process:
        assert process.stderr is not None
        while "Reading the library" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        # What a line's reader has buffered is lost to communicate().
        err = process.stderr.read()
        process.wait(timeout=120)

    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "damaged", ["", "[]", '{"library": 1}', '{"library": "l", "turns": [{"question": 1}]}']
)
def test_a_damaged_conversation_is_said_to_be_one(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "conversation.json").write_text(damaged, encoding="utf-8")
    with pytest.raises(EnvironmentUnfitError, match="holds no conversation of ours"):
        read_turns(tmp_path, tmp_path / "library")


def test_a_conversation_belongs_to_its_library_and_its_owner(tmp_path: Path) -> None:
    from rag.answering.followup import Turn

    turns = [Turn(f"Question {number}?", "long " * 1000) for number in range(12)]
    keep_turns(tmp_path / "state", tmp_path / "one", turns)

    kept = read_turns(tmp_path / "state", tmp_path / "one")
    assert [turn.question for turn in kept] == [f"Question {number}?" for number in range(4, 12)]
    assert max(len(turn.answer) for turn in kept) == 2_000
    assert (tmp_path / "state" / "conversation.json").stat().st_mode & 0o077 == 0
    with pytest.raises(EnvironmentUnfitError, match="was with the library"):
        read_turns(tmp_path / "state", tmp_path / "other")

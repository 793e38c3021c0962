"""Conversations are kept in one file, found again by name, and whole after a kill or a second process."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.memory.conversations import Conversations
from agents.memory.export import to_markdown
from agents.running.agent_run import AgentRun
from agents.running.step import Step
from rag.document import Citation
from stillroom.errors import ConversationBusyError, ConversationError, EnvironmentUnfitError

if TYPE_CHECKING:
    from collections.abc import Iterator

QUOTE = Citation(1, "d", "Scales", "/home/me/scales.md", "p", "line 2", "Salt weighs\n5 g.", 9, 25)
STEP = Step(1, "", "weigh", {"thing": "salt"}, "5 g", False, False, 0.1, 0.1, None)  # noqa: FBT003
RUN = AgentRun("It weighs 5 g. [1]", (QUOTE,), (STEP,), "answer", "mind the scales", 345, 1.5)

HOLD = """
import sys
from pathlib import Path
from agents.memory.conversations import Conversations
held = Conversations(Path(sys.argv[1])).open(sys.argv[2])
held.begin("How heavy is salt?", model="m")
print("open", flush=True)
sys.stdin.read()
"""


@dataclass
class Folder:
    """Where the conversations of a test are."""

    path: Path

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self.path / "conversations.sqlite3"

    @property
    def kept(self) -> Conversations:
        """What a process that starts now makes of it."""
        return Conversations(self.file)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def holder(folder: Folder) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the conversation ``salt`` open."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.file), "salt"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_a_conversation_is_found_again_with_what_it_came_to(folder: Folder) -> None:
    with folder.kept.open("税务 2026") as conversation:
        conversation.begin("How heavy is salt?", model="m")
        conversation.record("How heavy is salt?", RUN, model="m")
    with folder.kept.open("税务 2026") as conversation:
        (turn,) = conversation.turns
    assert (turn.question, turn.answer, turn.citations) == ("How heavy is salt?", RUN.answer, (QUOTE,))
    assert (turn.tools, turn.ended_by, turn.tokens, turn.seconds) == (("weigh",), "answer", 345, 1.5)


def test_the_list_has_the_last_used_first_and_begins_with_nothing(folder: Folder) -> None:
    assert folder.kept.list() == ()
    for name in ("one", "two"):
        with folder.kept.open(name) as conversation:
            conversation.record(f"about {name}?", RUN, model="m")
            conversation.record("more?", RUN, model="m")
    assert [(one.name, one.turns, one.first_question, one.model) for one in folder.kept.list()] == [
        ("two", 2, "about two?", "m"),
        ("one", 2, "about one?", "m"),
    ]


def test_only_its_owner_may_read_the_file_even_where_it_was_open_to_all(folder: Folder) -> None:
    folder.file.touch(mode=0o644)
    with folder.kept.open("salt") as conversation:
        conversation.begin("?", model="m")
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir() if path.is_file()
        }
    assert len(modes) >= 3
    assert set(modes.values()) == {0o600}


def test_a_second_process_is_told_who_has_the_conversation(
    folder: Folder, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(ConversationBusyError, match=f"process {holder.pid} has the conversation 'salt' open"):
        folder.kept.open("salt")
    with pytest.raises(ConversationBusyError):
        folder.kept.delete("salt")
    with pytest.raises(ConversationBusyError):
        folder.kept.rename("salt", "pepper")
    with folder.kept.open("pepper") as other:
        other.record("?", RUN)
    assert [turn.question for turn in folder.kept.read("salt").turns] == ["How heavy is salt?"]


def test_a_killed_process_lets_go_and_leaves_its_question(
    folder: Folder, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with folder.kept.open("salt") as conversation:
        (turn,) = conversation.turns
    assert (turn.question, turn.answer, turn.ended_by) == ("How heavy is salt?", "", "interrupted")


def test_a_second_opening_in_the_same_process_is_refused_until_the_first_is_closed(folder: Folder) -> None:
    with folder.kept.open("salt"), pytest.raises(ConversationBusyError):
        folder.kept.open("salt")
    folder.kept.open("salt").close()


def test_a_renamed_conversation_keeps_its_turns_and_takes_no_other_name(folder: Folder) -> None:
    for name in ("salt", "pepper"):
        with folder.kept.open(name) as conversation:
            conversation.record(f"{name}?", RUN)
    with pytest.raises(ConversationError, match="'pepper' already"):
        folder.kept.rename("salt", "pepper")
    folder.kept.rename("salt", "盐")
    assert [turn.question for turn in folder.kept.read("盐").turns] == ["salt?"]


def test_a_deleted_conversation_leaves_no_word_of_it_in_any_file(folder: Folder) -> None:
    with folder.kept.open("salt") as conversation:
        conversation.record("Where is the quicksilver?", RUN)
    with folder.kept.open("pepper") as conversation:
        conversation.record("?", RUN)
    folder.kept.delete("salt")
    assert [one.name for one in folder.kept.list()] == ["pepper"]
    left = b"".join(path.read_bytes() for path in folder.path.iterdir() if path.is_file())
    assert b"quicksilver" not in left


@pytest.mark.parametrize("change", ["read", "delete"])
def test_a_conversation_that_is_not_there_is_said_so(folder: Folder, change: str) -> None:
    with pytest.raises(ConversationError, match="there is no conversation 'salt'"):
        getattr(folder.kept, change)("salt")


def test_a_damaged_file_is_named_and_stays_as_it_is(folder: Folder) -> None:
    folder.file.write_bytes(b"These are not the bytes of a database. " * 200)
    before = folder.file.read_bytes()
    with pytest.raises(ConversationError, match="is damaged") as caught:
        folder.kept.open("salt")
    assert str(folder.file) in caught.value.message
    assert "move it aside" in caught.value.hint
    assert folder.file.read_bytes() == before


def test_a_file_of_a_newer_stillroom_is_refused(folder: Folder) -> None:
    folder.kept.open("salt").close()
    with sqlite3.connect(folder.file) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(ConversationError, match="format 9"):
        folder.kept.list()


def test_a_folder_in_the_place_of_the_file_is_a_clear_error(folder: Folder) -> None:
    folder.file.mkdir()
    with pytest.raises(EnvironmentUnfitError, match="cannot be used"):
        folder.kept.open("salt")


def test_an_exported_conversation_reads_as_markdown_with_its_quotes(folder: Folder) -> None:
    with folder.kept.open("salt") as conversation:
        conversation.record("How heavy\nis salt?", RUN, model="m")
    text = to_markdown(folder.kept.read("salt"))
    assert text.startswith("# salt\n\n*1 turns")
    assert (
        "## 1. How heavy is salt?\n\nIt weighs 5 g. [1]\n\n> [1] scales.md, line 2: “Salt weighs 5 g.”"
        in text
    )
    assert "*mind the scales*" in text
    assert "ended by answer, 1.5 s, 345 tokens, tools: weigh*" in text

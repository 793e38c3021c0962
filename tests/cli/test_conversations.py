"""A person looks after the conversations that are kept, from the command line."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from agents.memory.conversations import Conversations
from agents.running.agent_run import AgentRun
from rag.document import Citation

if TYPE_CHECKING:
    from tests.conftest import Home

QUOTE = Citation(1, "d", "Scales", "/home/me/scales.md", "p", "line 2", "Salt weighs 5 g.", 9, 25)


@pytest.fixture
def kept(home: Home) -> Home:
    """A house with one conversation of one turn."""
    with Conversations(home.state_dir / "conversations.sqlite3").open("盐 one") as conversation:
        run = AgentRun("It weighs 5 g. [1]", (QUOTE,), (), "answer", "", 345, 1.5)
        conversation.record("How heavy is [salt]?", run, model="smollm2")
    return home


def test_the_list_shows_name_turns_and_first_question(kept: Home) -> None:
    done = kept.run("conversations", "list")
    assert done.returncode == 0
    for shown in ("盐 one", "smollm2", "How heavy is [salt]?"):
        assert shown in done.stdout
    (one,) = kept.json("conversations", "list")
    assert (one["name"], one["turns"]) == ("盐 one", 1)


def test_an_empty_house_has_an_empty_list_and_makes_no_file(home: Home) -> None:
    assert home.json("conversations", "list") == []
    assert not (home.state_dir / "conversations.sqlite3").exists()


def test_a_conversation_is_shown_with_its_quotes(kept: Home) -> None:
    shown = kept.run("conversations", "show", "盐 one").stdout
    assert "How heavy is [salt]?" in shown
    assert "[1] scales.md, line 2: “Salt weighs 5 g.”" in shown
    assert "ended by answer, 1.5 s, 345 tokens" in shown


def test_an_export_is_a_new_file_of_its_owner_alone(kept: Home) -> None:
    file = kept.folder / "salt.md"
    assert kept.run("conversations", "export", "盐 one", str(file)).returncode == 0
    assert file.read_text(encoding="utf-8").startswith("# 盐 one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = kept.run("conversations", "export", "盐 one", str(file))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)


def test_an_export_as_json_has_the_citations(kept: Home) -> None:
    done = kept.run("conversations", "export", "盐 one", "--json")
    (turn,) = json.loads(done.stdout)["turns"]
    assert turn["citations"][0]["quote"] == "Salt weighs 5 g."


def test_a_renamed_and_then_deleted_conversation_is_gone(kept: Home) -> None:
    assert kept.json("conversations", "rename", "盐 one", "salt") == {"renamed": "盐 one", "name": "salt"}
    refused = kept.run("conversations", "delete", "salt")
    assert (refused.returncode, "stillroom conversations delete 'salt' --yes" in refused.stderr) == (1, True)
    assert kept.json("conversations", "delete", "salt", "--yes") == {"deleted": "salt", "turns": 1}
    assert kept.json("conversations", "list") == []


def test_a_name_that_is_not_there_is_an_error_with_the_next_command(kept: Home) -> None:
    done = kept.run("conversations", "show", "pepper")
    assert done.returncode == 1
    assert "there is no conversation 'pepper'" in done.stderr
    assert "stillroom conversations list" in done.stderr


def test_an_export_to_a_file_is_told_in_a_line_of_json(kept: Home) -> None:
    file = kept.folder / "salt.json"

    told = kept.json("conversations", "export", "盐 one", str(file))

    assert told == {"exported": "盐 one", "file": str(file), "turns": 1}
    assert json.loads(file.read_text(encoding="utf-8"))["overview"]["name"] == "盐 one"

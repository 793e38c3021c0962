"""Slash commands are understood as they are typed, completed, and named where they are misspelt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from stillroom.cli.chatting.completion import SlashCompleter
from stillroom.cli.chatting.prompt_line import is_open, unwrapped
from stillroom.cli.chatting.slash import COMMANDS, nearest, read_command
from stillroom.cli.chatting.wordings import texts_in

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {"tools": lambda: ("calculate", "current_time"), "library": lambda: ("cooking", "taxes")}
COMPLETER = SlashCompleter(texts_in("en").commands, NAMES)


def completed(text: str) -> list[str]:
    completions = COMPLETER.get_completions(Document(text), CompleteEvent(completion_requested=True))
    return [text[: len(text) + one.start_position] + one.text for one in completions]


@pytest.mark.parametrize("line", ["/quit", "/bye", "/EXIT", "/q "])
def test_a_command_has_several_names(line: str) -> None:
    typed = read_command(line)

    assert typed is not None
    assert typed.command is not None
    assert typed.command.name == "exit"


@pytest.mark.parametrize("line", ["What is /etc?", " /etc/fstab?", ""])
def test_what_does_not_begin_with_a_slash_is_a_question(line: str) -> None:
    assert read_command(line) is None


@pytest.mark.parametrize(
    ("name", "meant"), [("tolls", "tools"), ("sav", "save"), ("modle", "model"), ("xyzzy", None)]
)
def test_the_nearest_command_is_named(name: str, meant: str | None) -> None:
    assert nearest(name) == meant


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("/", [f"/{command.name}" for command in COMMANDS]),
        ("/li", ["/library"]),
        ("/think ", ["/think on", "/think fold", "/think off"]),
        ("/tools o", ["/tools on", "/tools off"]),
        ("/tools off c", ["/tools off calculate", "/tools off current_time"]),
        ("/tools off calculate cu", ["/tools off calculate current_time"]),
        ("/library t", ["/library taxes"]),
        ("a question about /li", []),
    ],
)
def test_tab_offers_what_may_follow(typed: str, offered: list[str]) -> None:
    assert [line.rstrip() for line in completed(typed)] == offered


def test_tab_offers_paths_where_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes of today.md").touch()

    assert completed(f"/save {tmp_path}/no") == [f"/save {tmp_path}/notes of today.md"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("one\\\ntwo", "one\ntwo"),
        ('"""one\ntwo"""', "one\ntwo"),
        ('"""\none\n\ntwo\n"""', "one\n\ntwo"),
        ('""', '""'),
        ("a \\ b", "a \\ b"),
    ],
)
def test_the_signs_that_made_a_text_long_are_no_part_of_it(text: str, meant: str) -> None:
    assert unwrapped(text) == meant


@pytest.mark.parametrize(
    ("text", "goes_on"),
    [("one\\", True), ("one\\\\", False), ('"""one', True), ('"""one\ntwo"""', False), ("one", False)],
)
def test_return_goes_on_where_a_text_is_open(text: str, goes_on: bool) -> None:  # noqa: FBT001
    assert is_open(text) is goes_on

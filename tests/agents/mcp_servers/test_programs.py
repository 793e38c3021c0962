"""What a server's program lacks is said before it is started."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from agents.mcp_servers.config import HttpAddress, Process
from agents.mcp_servers.programs import what_is_missing

if TYPE_CHECKING:
    from pathlib import Path


def missing(command: str, folder: Path, **environment: str) -> str:
    return what_is_missing(Process(command, (), environment, folder), {"PATH": "/nowhere"})


def test_program_that_is_there_lacks_nothing(tmp_path: Path) -> None:
    (tmp_path / "server").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "server").chmod(0o755)
    assert missing(sys.executable, tmp_path) == ""
    assert missing("./server", tmp_path) == ""
    assert missing("server", tmp_path, PATH=str(tmp_path)) == ""
    assert what_is_missing(HttpAddress("http://127.0.0.1:1/mcp", {}), {}) == ""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-program", "there is no program 'no-such-program' on the PATH"),
        ("/no/such/program", "there is no program /no/such/program"),
        ("./absent", "there is no program ./absent"),
        ("./text", "./text is no program that may be run"),
    ],
)
def test_program_that_is_not_there_is_named(tmp_path: Path, command: str, said: str) -> None:
    (tmp_path / "text").write_text("words", encoding="utf-8")
    (tmp_path / "text").chmod(0o644)
    assert missing(command, tmp_path) == said


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert missing(sys.executable, gone) == f"there is no folder {gone} to run it in"

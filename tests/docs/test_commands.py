"""Every fenced ``console`` command in the documentation runs, in its order, in a house of its own."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Home

REPOSITORY = Path(__file__).resolve().parents[2]
CHINESE_README = REPOSITORY / "README.zh-CN.md"
PAGES = sorted(
    [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *(REPOSITORY / "docs").glob("*.md")]
)
# Where clients look for their configuration instead of below the home.
CLIENT_FOLDERS = (
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
    "CONTINUE_GLOBAL_DIR",
    "CLINE_DATA_DIR",
    "CLINE_MCP_SETTINGS_PATH",
)
# `make demo` and `make test` are what CI runs around this test; the MCP server waits for a client.
RUN_ELSEWHERE = ("stillroom demo", "stillroom mcp serve")


def commands(page: Path) -> list[str]:
    """The lines after ``$`` in the page's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [
        line[2:].split("  #")[0].strip()
        for block in blocks
        for line in block.splitlines()
        if line[:2] == "$ "
    ]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_command_on_the_page_runs(page: Path, home: Home) -> None:
    # That commands run is what is tested here; two turns of the agent are enough for it.
    home.environment["STILLROOM_AGENT_MAX_STEPS"] = "2"
    # A client's configuration is that of a person whose home is here.
    home.environment["HOME"] = str(home.folder)
    home.environment.update(dict.fromkeys(CLIENT_FOLDERS, ""))
    # Pages show paths as seen from a checkout.
    (home.folder / "examples").symlink_to(REPOSITORY / "examples")
    targets = set(
        re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    try:
        for command in commands(page):
            words = shlex.split(command)
            if words[0] == "make":
                assert set(words[1:]) <= targets, command
            elif not command.startswith(RUN_ELSEWHERE):
                assert words[0] == "stillroom", f"{command}: a page shows make and stillroom commands only"
                done = home.run(*words[1:])
                # A script is told by the exit code where a limit ended the agent's run.
                limited = words[1] == "chat" and "the run was ended by its limit" in done.stdout
                assert done.returncode == (1 if limited else 0), f"{command}\n{done.stderr}"
    finally:
        home.run("down")


def test_the_chinese_readme_shows_the_same_commands() -> None:
    assert commands(CHINESE_README) == commands(REPOSITORY / "README.md")


def test_pages_speak_of_no_command_that_does_not_exist(home: Home) -> None:
    known = set(re.findall(r"^  ([a-z]+) ", home.run("--help").stdout, re.MULTILINE))
    for page in (*PAGES, CHINESE_README):
        for name in re.findall(r"`stillroom ([a-z]+)", page.read_text(encoding="utf-8")):
            assert name in known, f"{page.name}: stillroom {name}"

"""What was installed is reached by a real client: Stillroom's own, which reads a project's ``.mcp.json``."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Home

TOKEN = "a-token-that-nobody-guesses-1"


@pytest.fixture
def served(home: Home) -> Iterator[str]:
    """The address of a server over HTTP that asks for the token; it ends with the test."""
    home.environment["STILLROOM_MCP_TOKEN"] = TOKEN
    with home.start("mcp", "serve", "--http", "--port", "0", "--json") as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()
            try:
                process.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()


def test_a_server_by_command_is_started_from_the_file_and_lists_its_tools(home: Home) -> None:
    home.json("mcp", "install", "claude-code", "--project", "--name", "own")

    (test,) = home.json("mcp", "test", "own")

    assert (test["ok"], test["problem"]) == (True, "")
    assert test["server"].startswith("stillroom ")
    assert test["tools"] == 10


def test_installations_at_once_lose_nobodys_entry_and_leave_one_copy(home: Home) -> None:
    path = home.folder / ".mcp.json"
    path.write_text("{}", encoding="utf-8")
    names = [f"k{number}" for number in range(5)]

    started = [home.start("mcp", "install", "claude-code", "--project", "--name", name) for name in names]
    for process in started:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said

    assert sorted(json.loads(path.read_text(encoding="utf-8"))["mcpServers"]) == names
    assert sorted(one.name for one in home.folder.glob(".mcp.json*")) == [
        ".mcp.json",
        ".mcp.json.before-stillroom",
    ]


def test_a_server_by_address_is_reached_with_the_token_that_the_file_only_names(
    home: Home, served: str
) -> None:
    options = ("--http", served, "--token-variable", "STILLROOM_MCP_TOKEN")
    done = home.json("mcp", "install", "claude-code", "--project", "--name", "own", *options)

    (test,) = home.json("mcp", "test", "own")
    home.environment["STILLROOM_MCP_TOKEN"] = "another-token-of-that-length"
    (refused,) = json.loads(home.run("mcp", "test", "own", "--json").stdout)

    assert TOKEN not in (home.folder / ".mcp.json").read_text(encoding="utf-8")
    assert done["path"] == str(home.folder / ".mcp.json")
    assert (test["ok"], test["problem"], test["tools"]) == (True, "", 10)
    assert refused["ok"] is False

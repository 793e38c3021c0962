"""A tool that a person named and that is not there: the error names what brings it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import refused

if TYPE_CHECKING:
    from tests.cli.chatting.conftest import Speaker
    from tests.conftest import Home

PLAIN = Path(__file__).resolve().parents[2] / "agents" / "mcp_servers" / "plain_server.py"


def configured(home: Home, *, disabled: bool = False) -> tuple[str, str]:
    """A file of one server; the option that names it."""
    starts = str(home.folder / "starts")
    entry = {"command": sys.executable, "args": [str(PLAIN), "changes", starts], "disabled": disabled}
    path = home.folder / "servers.json"
    path.write_text(json.dumps({"mcpServers": {"plain": entry}}), encoding="utf-8")
    return "--mcp-config", str(path)


@pytest.mark.usefixtures("speaker")
@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ("fetch_page", "fetch_page is switched off: --web is needed"),
        ("run_python", "run_python is switched off: --python is needed"),
        ("read_file", "read_file is switched off: --file-root FOLDER is needed"),
        ("notes__find", "no MCP server 'notes' is configured"),
        ("calculat", "did you mean --tool calculate?"),
    ],
)
def test_switch_that_brings_a_tool_is_named(home: Home, tool: str, said: str) -> None:
    refused(home.run("chat", "one", "--tool", tool), said)


def test_server_that_is_not_approved_is_named_with_the_command_that_approves_it(
    home: Home, speaker: Speaker
) -> None:
    named = configured(home)
    approve = f"stillroom mcp approve plain {' '.join(named)}"
    asked = ("chat", "one", "--tool", "plain__echo", *named)
    refused(home.run(*asked), "the MCP server plain is not approved, and was not started", approve)
    home.json("mcp", "approve", "plain", "--yes", *named)
    refused(home.run(*asked), "plain changed what it says of its tools (echo)", approve)
    refused(home.run(*asked, "--no-mcp"), "the tools of MCP servers are turned off", "leave out --no-mcp")
    assert speaker.asked == []


@pytest.mark.usefixtures("speaker")
def test_server_that_is_disabled_is_named(home: Home) -> None:
    named = configured(home, disabled=True)
    refused(home.run("chat", "one", "--tool", "plain__echo", *named), "the MCP server plain is disabled in")

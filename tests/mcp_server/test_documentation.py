"""What docs/mcp.md says is what the server does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from agents.toolbox import Services
from agents.toolkit.access import Access
from mcp_server.catalog import served_tools
from mcp_server.installation.registry import CLIENTS
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from stillroom.cli.main import build_app
from stillroom.settings import CONFIG_VARIABLE, OWN_CONFIG

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def never_opened() -> None:
    raise AssertionError


def test_page_lists_every_tool_with_its_arguments() -> None:
    services = Services(never_opened, never_opened, never_opened, never_opened)  # type: ignore[arg-type]
    jobs = JobRunner(JobStore(Path("unopened")), {})
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE)
    assert {name: re.findall(r"`(\w+)`", arguments) for name, arguments in rows} == {
        served.name: list(served.tool.argument_names) for served in served_tools(services, Access(), jobs)
    }


def test_the_configuration_for_another_client_starts_the_server() -> None:
    (block,) = blocks("json")
    ((_, servers),) = json.loads(block).items()
    assert servers["stillroom"]["args"] == ["mcp", "serve"]
    assert servers["stillroom"]["command"].startswith("/")
    assert servers["stillroom"]["env"] == {CONFIG_VARIABLE: OWN_CONFIG}


def test_page_installs_into_each_client_and_has_each_option() -> None:
    commands = re.findall(r"^\$ stillroom mcp install (\S+)(.*)$", PAGE, re.MULTILINE)
    for client in CLIENTS:
        assert client.id in {name for name, _ in commands}
        assert client.title.removeprefix("JetBrains ").removesuffix(" Insiders") in PAGE
    help_page = CliRunner().invoke(build_app(on_terminal=False), ["mcp", "install", "--help"]).output
    for option in set(re.findall(r"--[a-z-]+", help_page)) - {"--help"}:
        assert f"`{option}" in PAGE, option

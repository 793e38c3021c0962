"""What docs/mcp.md says is what the server does."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from agents.toolbox import Services
from agents.toolkit.access import Access
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from mcp_server.tools.catalog import served_tools

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


def test_configurations_start_the_server() -> None:
    for block in blocks("json"):
        ((_, servers),) = json.loads(block).items()
        assert servers["stillroom"]["args"] == ["mcp", "serve"]
        assert servers["stillroom"]["command"].startswith("/")
    (codex,) = blocks("toml")
    assert tomllib.loads(codex)["mcp_servers"]["stillroom"]["args"] == ["mcp", "serve"]

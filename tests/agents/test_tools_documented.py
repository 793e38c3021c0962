"""The page on the agent says of every tool what it does, whether it is on, and whether it asks first."""

from __future__ import annotations

import re
from pathlib import Path

from agents.toolbox import Access, Services, paged, toolbox

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "agent.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \| (yes|no) \| (yes|no) \|$", re.MULTILINE)


def never_opened() -> None:
    raise AssertionError


def test_table_of_tools_is_true() -> None:
    services = Services(never_opened, never_opened, never_opened, never_opened)  # type: ignore[arg-type]
    everything = paged(toolbox(services, Access((Path.cwd(),), web=True, python=True)))
    by_default = {tool.name for tool in paged(toolbox(services))}
    assert {name: (on == "yes", asks == "yes") for name, on, asks in ROW.findall(PAGE)} == {
        tool.name: (tool.name in by_default, tool.needs_consent) for tool in everything
    }


def test_descriptions_are_short_enough_to_be_shown_with_every_request() -> None:
    services = Services(never_opened, never_opened, never_opened, never_opened)  # type: ignore[arg-type]
    for tool in paged(toolbox(services, Access((Path.cwd(),), web=True, python=True))):
        assert len(tool.description) <= 200, tool.name
        for name, schema in tool.parameters["properties"].items():
            assert 0 < len(schema["description"]) <= 90, f"{tool.name}: {name}"

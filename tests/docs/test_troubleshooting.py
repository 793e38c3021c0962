"""What the troubleshooting of MCP calls an error is one: our code says it, and a test provokes it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (REPOSITORY / "docs" / "mcp.md", REPOSITORY / "docs" / "mcp-servers.md")
PACKAGES = ("stillroom", "deploy", "rag", "agents", "mcp_server")
# What a client says, not we.
OF_CLIENTS = {"MCP error -32001: Request timed out"}
# Fewer letters are said by chance.
_TELLING = 8


@cache
def said_in(*folders: str) -> str:
    """The sources below these folders, strings that are written in two lines put together."""
    files = sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files if path != Path(__file__))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def headings() -> list[str]:
    found = []
    for page in PAGES:
        troubleshooting = page.read_text(encoding="utf-8").partition("\n## Troubleshooting\n")[2]
        section = re.split(r"^## ", troubleshooting, flags=re.MULTILINE)[0]
        found += re.findall(r"^### (.+)$", section, re.MULTILINE)
    return found


@pytest.mark.parametrize("heading", [one for one in headings() if one not in OF_CLIENTS])
def test_a_heading_is_an_error_that_our_code_says_and_a_test_provokes(heading: str) -> None:
    parts = [part.strip(" '`.") for part in re.split(r"…|'[^']*'|[:;,] ", heading)]
    telling = [part for part in parts if len(part) >= _TELLING]
    said = [part for part in telling if part in said_in(*PACKAGES)]
    assert said, f"no source says any of {telling}"
    assert any(part in said_in("tests") for part in said), f"no test provokes any of {said}"


def test_both_pages_have_troubleshooting() -> None:
    assert len(headings()) > len(PAGES)

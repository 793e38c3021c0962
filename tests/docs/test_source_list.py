"""The README lists every source file, and lists none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("stillroom", "deploy", "rag", "agents", "mcp_server")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_lists_each_source_file_once(name: str) -> None:
    listed = re.findall(
        r"^\| `([a-z_/0-9]+\.py)` \|", (REPOSITORY / name).read_text(encoding="utf-8"), re.MULTILINE
    )
    there = {
        str(path.relative_to(REPOSITORY))
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
        if path.name != "__init__.py" or len(path.read_text(encoding="utf-8").splitlines()) > 10
    }

    assert sorted(listed) == sorted(there)

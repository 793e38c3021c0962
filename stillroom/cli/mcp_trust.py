"""``stillroom mcp approve`` and ``revoke``: which MCP servers a person lets start, and with which tools.

A server's command comes from a file that may be anybody's, and what it says of its tools goes to a model:
both are shown, and nothing is taken for a yes but a yes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import mcp_pages, options
from stillroom.cli.mcp_servers import ServerName
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import McpError

if TYPE_CHECKING:
    from mcp.types import Tool as ServedTool
    from rich.console import Console

    from agents.mcp_servers.config import ServerConfig
    from agents.mcp_servers.fingerprints import Change


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("approve")(approve)
    group.command("revoke")(revoke)


@dataclass(frozen=True)
class AskOnTerminal:
    """Shows a server or its tools and asks; Return means no.

    Args:
        console: where it is shown; stderr, so that stdout stays the result.
        yes: everything is agreed to beforehand, and still shown.
    """

    console: Console
    yes: bool = False

    def start(self, server: ServerConfig) -> bool:
        """Whether the server may be started."""
        mcp_pages.show_server(self.console, server)
        question = "Start this program?" if server.transport == "stdio" else "Connect to this address?"
        return self.yes or typer.confirm(question, err=True)

    def use(self, server: ServerConfig, served: tuple[ServedTool, ...], changed: tuple[Change, ...]) -> bool:
        """Whether its tools may be used, which the person did not see before."""
        if changed:
            mcp_pages.show_changes(self.console, server, changed)
        else:
            mcp_pages.show_offer(self.console, server, served)
        return self.yes or typer.confirm("May the agent use these tools?", err=True)


def approve(
    context: typer.Context,
    name: ServerName,
    yes: Annotated[bool, typer.Option("--yes", help="Approve without asking.")] = False,
    mcp_config: options.McpConfig = None,
    json: options.Json = False,
) -> None:
    """Show what an MCP server runs and what it says of its tools, and approve both if you agree."""
    from agents.mcp_servers.fingerprints import changes, definitions_of, fingerprint

    if not yes and (sys.stdin is None or not sys.stdin.isatty()):
        raise typer.BadParameter("without a terminal, say --yes")
    output = Output(as_json=json)
    rooms = open_rooms(context, mcp_config=mcp_config)
    config, approvals = rooms.mcp_config().find(name), rooms.mcp_approvals()
    ask = AskOnTerminal(output.stderr, yes=yes)
    before = approvals.of(config)
    if before is None and not ask.start(config):
        raise McpError(f"{name} was not approved")
    with rooms.mcp_servers() as servers:
        with output.working(f"starting {name}"):
            server = servers.started(name)
        served = server.served
    now = definitions_of(served)
    approval = before
    if before is None or before.fingerprint != fingerprint(now):
        if not ask.use(config, served, changes(before.tools, now) if before else ()):
            raise McpError(f"{name} was not approved")
        approval = approvals.record(config, served, now=datetime.now().astimezone())
    output.result(
        {"name": name, "approved_at": approval.approved_at if approval else "", "tools": sorted(now)},
        lambda console: console.print(f"{name} is approved, with {len(now)} tools", markup=False),
    )


def revoke(context: typer.Context, name: ServerName, json: options.Json = False) -> None:
    """Take an approval back: the server is not started any more, and its tools are not given."""
    rooms = open_rooms(context)
    if not rooms.mcp_approvals().revoke(name):
        raise McpError(f"the MCP server {name!r} is not approved", hint="stillroom mcp list")
    Output(as_json=json).result(
        {"name": name, "approved": False},
        lambda console: console.print(f"{name} is no longer approved", markup=False),
    )

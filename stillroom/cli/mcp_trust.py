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
from stillroom.cli.pages import counted
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


def _declined(config: ServerConfig) -> McpError:
    return McpError(
        f"{config.name} was not approved, and its tools are not used",
        hint=f"{config.commands.line('approve', config.name)}, if you change your mind",
    )


def approve(
    context: typer.Context,
    name: ServerName,
    yes: Annotated[bool, typer.Option("--yes", help="Approve without asking.")] = False,
    mcp_config: options.McpConfig = None,
    json: options.Json = False,
) -> None:
    """Show what an MCP server runs and what it says of its tools, and approve both if you agree."""
    from agents.mcp_servers.fingerprints import changes, definitions_of, fingerprint
    from agents.mcp_servers.programs import require_program
    from stillroom.settings import process_environment

    output = Output(as_json=json)
    rooms = open_rooms(context, mcp_config=mcp_config)
    config, approvals = rooms.mcp_config().find(name), rooms.mcp_approvals()
    require_program(config, process_environment())
    if not yes and (sys.stdin is None or not sys.stdin.isatty()):
        line = config.commands.line("approve", name, "--yes")
        raise typer.BadParameter(f"without a terminal, say --yes: {line}")
    ask = AskOnTerminal(output.stderr, yes=yes)
    before = approvals.of(config)
    if before is None and not ask.start(config):
        raise _declined(config)
    with rooms.mcp_servers() as servers:
        with output.working(f"starting {name}"):
            server = servers.started(name)
        served = server.served
    now = definitions_of(served)
    approval = before
    if before is None or before.fingerprint != fingerprint(now):
        if not ask.use(config, served, changes(before.tools, now) if before else ()):
            raise _declined(config)
        approval = approvals.record(config, served, now=datetime.now().astimezone())
    output.result(
        {"name": name, "approved_at": approval.approved_at if approval else "", "tools": sorted(now)},
        lambda console: console.print(f"{name} is approved, with {counted(len(now), 'tool')}", markup=False),
    )
    if config.disabled:
        output.note(f'{name} is disabled in {config.source}: it is used once "disabled" is taken out')


def revoke(
    context: typer.Context,
    name: ServerName,
    mcp_config: options.McpConfig = None,
    json: options.Json = False,
) -> None:
    """Take an approval back: the server is not started any more, and its tools are not given."""
    rooms = open_rooms(context, mcp_config=mcp_config)
    # By the name alone: a server that no file names any more may be revoked too.
    if not rooms.mcp_approvals().revoke(name):
        raise McpError(f"the MCP server {name!r} is not approved", hint=rooms.mcp_commands.line("list"))
    Output(as_json=json).result(
        {"name": name, "approved": False},
        lambda console: console.print(f"{name} is no longer approved", markup=False),
    )

"""``stillroom mcp``: the MCP server that an IDE starts, and the MCP servers whose tools the agent may use."""

from __future__ import annotations

import sys

import typer

from stillroom.cli import mcp_entries, mcp_servers, mcp_trust, options
from stillroom.cli.rooms import open_rooms
from stillroom.errors import McpError


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(
        rich_markup_mode=app.rich_markup_mode,
        no_args_is_help=True,
        help="Serve the library, the planner and the agent over MCP; use the tools of other MCP servers.",
    )
    group.command()(serve)
    mcp_servers.register(group)
    mcp_trust.register(group)
    mcp_entries.register(group)
    app.add_typer(group, name="mcp", rich_help_panel="Agent and IDE")


def serve(context: typer.Context, library: options.Library = None) -> None:
    """Speak MCP on stdin and stdout until the client closes them; an IDE runs this."""
    if sys.stdin is None or sys.stdout is None:
        raise McpError(
            "stdin or stdout is closed, and an MCP client speaks over them",
            hint="let an IDE start it: docs/mcp.md",
        )
    rooms = open_rooms(context, library=library)

    from mcp_server.server import serve_stdio

    serve_stdio(rooms.services(), rooms.access)

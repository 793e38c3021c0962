"""``stillroom mcp serve``: the MCP server that an IDE starts."""

from __future__ import annotations

import typer

from stillroom.cli import options
from stillroom.cli.rooms import open_rooms


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(
        rich_markup_mode=app.rich_markup_mode,
        no_args_is_help=True,
        help="Serve the library, the planner and the agent over MCP.",
    )
    group.command()(serve)
    app.add_typer(group, name="mcp", rich_help_panel="Agent and IDE")


def serve(context: typer.Context, library: options.Library = None) -> None:
    """Speak MCP on stdin and stdout until the client closes them; an IDE runs this."""
    rooms = open_rooms(context, library=library)

    from mcp_server.server import serve_stdio

    serve_stdio(rooms.services())

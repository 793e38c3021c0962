"""``stillroom mcp``: the MCP server that an IDE starts, and the MCP servers whose tools the agent may use."""

from __future__ import annotations

import typer

from stillroom.cli import mcp_entries, mcp_install, mcp_serve, mcp_servers, mcp_tokens, mcp_trust


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(
        rich_markup_mode=app.rich_markup_mode,
        no_args_is_help=True,
        help="Serve the library, the planner and the agent over MCP; use the tools of other MCP servers.",
    )
    mcp_serve.register(group)
    mcp_tokens.register(group)
    mcp_install.register(group)
    mcp_servers.register(group)
    mcp_trust.register(group)
    mcp_entries.register(group)
    app.add_typer(group, name="mcp", rich_help_panel="Agent and IDE")

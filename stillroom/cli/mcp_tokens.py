"""``stillroom mcp token``: who may use the MCP server over HTTP. A token is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options
from stillroom.cli.mcp_serve import Tokens, token_file
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms

if TYPE_CHECKING:
    from rich.console import Console

TokenName = Annotated[
    str, typer.Argument(metavar="NAME", help="Whose it is: a client's or a machine's name.")
]


def register(group: typer.Typer) -> None:
    """Add the command group."""
    tokens = typer.Typer(
        rich_markup_mode=group.rich_markup_mode,
        no_args_is_help=True,
        help="Who may use the MCP server over HTTP.",
    )
    tokens.command("add")(add)
    tokens.command("list")(list_tokens)
    tokens.command("revoke")(revoke)
    group.add_typer(tokens, name="token")


def add(
    context: typer.Context,
    name: TokenName,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="read, ingest or agent; all three if not given; repeatable."),
    ] = None,
    tokens: Tokens = None,
    json: options.Json = False,
) -> None:
    """Make a token and show it, this once; only its digest is kept."""
    from mcp_server.callers import SCOPES
    from mcp_server.http.tokens import with_read

    output = Output(as_json=json)
    for wanted in scope or ():
        if wanted not in SCOPES:
            raise typer.BadParameter(f"--scope {wanted!r} is none of {', '.join(SCOPES)}")
    scopes = with_read(scope or SCOPES)
    file = token_file(open_rooms(context, mcp_tokens_file=tokens).settings)
    token = file.add(name, scopes, now=datetime.now().astimezone())
    output.result(
        {"name": name, "scopes": scopes, "token": token, "file": file.path},
        lambda console: console.print(token, markup=False, soft_wrap=True),
    )
    output.note(f"The token {name} may: {', '.join(scopes)}. It is not shown again; a client sends it as")
    output.note("Authorization: Bearer TOKEN. A server that asks for no token yet must be started again.")


def list_tokens(context: typer.Context, tokens: Tokens = None, json: options.Json = False) -> None:
    """Who has a token, and what it allows."""
    file = token_file(open_rooms(context, mcp_tokens_file=tokens).settings)
    records = file.read()

    def show(console: Console) -> None:
        from rich.table import Table

        table = Table("name", "may", "since")
        for record in records:
            table.add_row(record.name, ", ".join(record.scopes), record.created_at)
        console.print(table if records else "no tokens")

    data = [
        {"name": record.name, "scopes": record.scopes, "created_at": record.created_at} for record in records
    ]
    Output(as_json=json).result({"tokens": data, "file": file.path}, show)


def revoke(
    context: typer.Context, name: TokenName, tokens: Tokens = None, json: options.Json = False
) -> None:
    """Take a token back: from the next request on it is refused, also by a server that runs."""
    file = token_file(open_rooms(context, mcp_tokens_file=tokens).settings)
    record = file.revoke(name)
    Output(as_json=json).result(
        {"name": record.name, "scopes": record.scopes, "revoked": True},
        lambda console: console.print(f"{name} is revoked", markup=False),
    )

"""``stillroom mcp token``: who may use the MCP server over HTTP. A token is shown once, when it is made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options
from stillroom.cli.mcp_serve import Tokens, kept_tokens, token_file
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import McpError, StillroomError

if TYPE_CHECKING:
    from rich.console import Console

    from mcp_server.jobs.store import JobStore

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
    expires: Annotated[
        str, typer.Option(help="When it ends: a time such as 12h, 30d or 4w, its last day in UTC, or never.")
    ] = "never",
    tokens: Tokens = None,
    json: options.Json = False,
) -> None:
    """Make a token and show it, this once; only its digest is kept."""
    from mcp_server.callers import SCOPES
    from mcp_server.http.expiry import read_expiry
    from mcp_server.http.tokens import name_trouble, with_read

    output = Output(as_json=json)
    for wanted in scope or ():
        if wanted not in SCOPES:
            raise typer.BadParameter(f"--scope {wanted!r} is none of {', '.join(SCOPES)}")
    if trouble := name_trouble(name):
        raise typer.BadParameter(trouble)
    scopes = with_read(scope or SCOPES)
    now = datetime.now().astimezone()
    try:
        expires_at = read_expiry(expires.strip(), now)
    except McpError as error:
        raise typer.BadParameter(f"{error.message}; try {error.hint}") from error
    file = token_file(open_rooms(context, mcp_tokens_file=tokens).settings)
    token = file.add(name, scopes, now=now, expires_at=expires_at)
    output.result(
        {"name": name, "scopes": scopes, "expires_at": _iso(expires_at), "token": token, "file": file.path},
        lambda console: console.print(token, markup=False, soft_wrap=True),
    )
    output.note(f"The token {name} may: {', '.join(scopes)}. It is not shown again; a client sends it as")
    output.note("Authorization: Bearer TOKEN.")
    if expires_at is not None:
        output.note(f"It is good until {_iso(expires_at)}.")
    if len(file.read()) == 1:
        output.note("A server that asks for no token yet must be started again.")


def list_tokens(context: typer.Context, tokens: Tokens = None, json: options.Json = False) -> None:
    """Who has a token, and what it allows."""
    from mcp_server.http.expiry import is_over

    settings = open_rooms(context, mcp_tokens_file=tokens).settings
    records = kept_tokens(settings)
    now = datetime.now(UTC)

    def show(console: Console) -> None:
        from rich.table import Table

        table = Table("name", "may", "since", "expires")
        for record in records:
            left = _left(record.expires_at, now)
            table.add_row(record.name, ", ".join(record.scopes), record.created_at, left)
        console.print(table if records else "no tokens")

    data = [
        {
            "name": record.name,
            "scopes": record.scopes,
            "created_at": record.created_at,
            "expires_at": _iso(record.expires_at),
            "expired": is_over(record.expires_at, now),
        }
        for record in records
    ]
    Output(as_json=json).result({"tokens": data, "file": token_file(settings).path}, show)


def revoke(
    context: typer.Context,
    name: TokenName,
    tokens: Tokens = None,
    keep_jobs: Annotated[
        bool, typer.Option("--keep-jobs", help="Let the jobs go on that were started with it.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Take a token back: from the next request on it is refused, also by a server that runs.

    What it started and is not finished yet is cancelled.
    """
    output = Output(as_json=json)
    rooms = open_rooms(context, mcp_tokens_file=tokens)
    file = token_file(rooms.settings)
    kept_tokens(rooms.settings)  # before the folder of a misspelt one is made
    record = file.revoke(name)
    last = not file.read() and not rooms.settings.mcp_token
    try:
        unfinished = _unfinished(rooms.job_store(), name, keep=keep_jobs)
    except StillroomError as error:
        output.note(f"Its jobs could not be looked at, and may go on: {error.message}")
        unfinished = []
    output.result(
        {
            "name": record.name,
            "scopes": record.scopes,
            "revoked": True,
            "was_last": last,
            "jobs": unfinished,
            "jobs_cancelled": not keep_jobs,
        },
        lambda console: console.print(f"{name} is revoked", markup=False),
    )
    if unfinished:
        what = "go on" if keep_jobs else "are cancelled"
        output.note(f"Of its jobs, {len(unfinished)} unfinished {what}: {', '.join(unfinished)}")
    if last:
        output.note(
            "That was the last token: a server that runs refuses everybody, and one that is started on this"
            " machine alone asks nobody for a token."
        )


def _left(expires_at: datetime | None, now: datetime) -> str:
    """How long a token is good from now on."""
    from stillroom.cli.engine_pages import duration

    if expires_at is None:
        return "never"
    left = (expires_at - now).total_seconds()
    return f"in {duration(left)}" if left > 0 else "expired"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _unfinished(store: JobStore, owner: str, *, keep: bool) -> list[str]:
    """The ids of the owner's unfinished jobs, which are cancelled unless they are kept.

    Raises:
        StillroomError: the jobs cannot be read or written.
    """
    from mcp_server.jobs.store import KEPT_OF_AN_OWNER, MOST_UNFINISHED_OF_AN_OWNER

    try:
        jobs = store.recent(owner, limit=KEPT_OF_AN_OWNER + MOST_UNFINISHED_OF_AN_OWNER)
        unfinished = [job.id for job in jobs if not job.finished]
        for job_id in () if keep else unfinished:
            store.cancel(job_id)
    finally:
        store.close()
    return unfinished

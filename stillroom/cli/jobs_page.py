"""How the jobs of MCP servers look on a terminal; what a client or a document wrote is never obeyed by it."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from stillroom.cli.chatting.visible import harmless
from stillroom.cli.engine_pages import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mcp_server.jobs.job import Job

_UNKNOWN = "–"


def show_jobs(console: Console, jobs: Sequence[tuple[Job, bool]], *, now: float) -> None:
    """One line a job.

    Args:
        console: where they are printed.
        jobs: each with whether its server is gone while it counts as running.
        now: seconds since the epoch.
    """
    if not jobs:
        console.print("No job is kept.", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("id", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("library", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("done", justify="right", no_wrap=True)
    table.add_column("age", justify="right", no_wrap=True)
    table.add_column("owner", overflow="fold")
    for job, left in jobs:
        table.add_row(
            _plain(job.id),
            _plain(job.kind),
            _plain(PurePath(job.library).name or _UNKNOWN),
            state_text(job, left=left),
            _UNKNOWN if job.progress is None else f"{job.progress:.0%}",
            duration(now - job.created_at),
            _plain(job.owner),
        )
    console.print(table)


def show_job(console: Console, job: Job, *, left: bool, now: float) -> None:
    """Everything that is kept of a job, its result last."""
    server = f"process {job.holder.pid}" if job.holder else ""
    lasted = ((job.finished_at or now) - job.created_at, "" if job.finished else " until now")
    told = {
        "job": f"{job.id} ({job.kind})",
        "state": state_text(job, left=left),
        "owner": job.owner,
        "library": job.library,
        "server": f"{server}, which is not there any more" if left else server,
        "asked for": f"{duration(now - job.created_at)} ago; took {duration(lasted[0])}{lasted[1]}",
        "with": json.dumps(job.arguments, ensure_ascii=False),
        "done": "" if job.progress is None else f"{job.progress:.0%}",
        "message": job.message,
        "error": job.error,
        "hint": job.hint,
    }
    for name, value in told.items():
        if value:
            console.print(Text.assemble((f"{name:<10}", "dim"), _plain(value)), soft_wrap=True)
    if job.result is not None:
        console.print(_plain(job.result.text), soft_wrap=True)


def state_text(job: Job, *, left: bool) -> str:
    """The state in a word or three."""
    if left:
        return f"{job.state}, no server"
    return "being stopped" if job.cancelling and not job.finished else job.state


def _plain(text: str) -> Text:
    return Text(harmless(text))

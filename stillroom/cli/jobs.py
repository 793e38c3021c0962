"""``stillroom jobs …``: the long work that MCP clients asked for, for this machine's person to look after.

It reads and writes the file that the servers share, and needs none of them. Whose a job is, is no secret
here: whoever may read the file is the person whose machine it is.
"""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import jobs_page, options
from stillroom.cli.output import Output
from stillroom.cli.rooms import open_rooms
from stillroom.errors import JobError

if TYPE_CHECKING:
    from rich.console import Console

    from mcp_server.jobs.job import Job
    from mcp_server.jobs.store import JobStore

PANEL = "Agent and IDE"
# A screen; and more than the owners of one machine's jobs can have.
_SHOWN_ENDED = 20
_MOST_ENDED = 10_000
# An ingest gets ten seconds to finish what it is at and five more to end; the rest is for a busy machine.
_WAIT_SECONDS = 30.0
JobId = Annotated[str, typer.Argument(metavar="ID", help="As stillroom jobs lists it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        rich_markup_mode=app.rich_markup_mode,
        help="Look after the long work of MCP clients: list, read, cancel, clear.",
    )
    group.callback(invoke_without_command=True)(list_jobs)
    for command in (show, cancel, clear):
        group.command()(command)
    app.add_typer(group, name="jobs", rich_help_panel=PANEL)


def list_jobs(
    context: typer.Context,
    every: Annotated[
        bool, typer.Option("--all", help="All that are kept, and not only the newest of those that ended.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List the jobs of all MCP servers, the newest first."""
    if context.invoked_subcommand is not None:
        return
    with closing(_store(context)) as store:
        jobs = store.everybodys(most_ended=_MOST_ENDED if every else _SHOWN_ENDED)
        left = store.count() - len(jobs)
    output = Output(as_json=json)

    def render(console: Console) -> None:
        jobs_page.show_jobs(console, [(job, _is_left(job)) for job in jobs], now=time.time())

    output.result([_document(job) for job in jobs], render)
    if left > 0:
        output.note(f"{left} more: stillroom jobs --all")


def show(context: typer.Context, job_id: JobId, json: options.Json = False) -> None:
    """Show what a job was asked for, how far it is, and what came of it."""
    with closing(_store(context)) as store:
        job = _known(store, job_id)

    def render(console: Console) -> None:
        jobs_page.show_job(console, job, left=_is_left(job), now=time.time())

    result = None if job.result is None else {"text": job.result.text, "data": job.result.data}
    asked_for = {"arguments": job.arguments, "runs": job.runs}
    Output(as_json=json).result({**_document(job), **asked_for, "result": result}, render)


def cancel(
    context: typer.Context,
    job_id: JobId,
    wait: Annotated[
        float, typer.Option("--wait", min=0, max=3_600, help="Seconds that its server has to end it.")
    ] = _WAIT_SECONDS,
    json: options.Json = False,
) -> None:
    """End a job, whichever server is at it; what an ingest has taken in by then stays."""
    from mcp_server.jobs.ending import end_job
    from mcp_server.jobs.runner import MOST_RUNS

    output = Output(as_json=json)
    with closing(_store(context)) as store:
        job = _known(store, job_id)
        left = _is_left(job)
        if job.finished:
            ended = job
        else:
            with output.working(f"the job {job.id} is being stopped"):
                ended = end_job(store, job, seconds=wait, most_runs=MOST_RUNS)

    def render(console: Console) -> None:
        console.print(f"{ended.id} is {ended.state}", markup=False, soft_wrap=True)

    output.result({**_document(ended), "server_was_gone": left}, render)
    if job.finished:
        output.note("It had ended before; nothing was done.")
    elif left:
        output.note("The server that was at it is not there any more; it was ended here.")
    elif ended.state != "cancelled":
        output.note("It came to its end before it could be cancelled.")


def clear(context: typer.Context, json: options.Json = False) -> None:
    """Delete what has ended, results and all; jobs that go on stay."""
    with closing(_store(context)) as store:
        cleared = store.clear()
        kept = store.count()

    def render(console: Console) -> None:
        console.print(f"{cleared} ended jobs are deleted; {kept} go on", markup=False, soft_wrap=True)

    Output(as_json=json).result({"cleared": cleared, "kept": kept}, render)


def _store(context: typer.Context) -> JobStore:
    return open_rooms(context).job_store()


def _known(store: JobStore, job_id: str) -> Job:
    job = store.find(job_id.strip())
    if job is None:
        raise JobError(f"there is no job {job_id!r}", hint="stillroom jobs --all")
    return job


def _is_left(job: Job) -> bool:
    """Whether it counts as running and its server is not there any more."""
    from mcp_server.jobs.ending import at_work

    return job.state == "running" and not at_work(job)


def _document(job: Job) -> dict[str, object]:
    """A job for programs, without what it was asked for and what came of it."""
    return {
        "job_id": job.id,
        "kind": job.kind,
        "library": job.library,
        "owner": job.owner,
        "state": job.state,
        "cancelling": job.cancelling,
        "progress": job.progress,
        "message": job.message,
        "error": job.error,
        "hint": job.hint,
        "age_seconds": round(max(0.0, time.time() - job.created_at), 1),
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
        "server_pid": job.holder.pid if job.holder else None,
        "server_gone": _is_left(job),
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

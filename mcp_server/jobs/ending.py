"""Ends a job from outside, whichever server process is at it, and also where that process is gone.

A server hears of it through the store within a second. This knows neither what the work is nor who asked.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from stillroom.errors import JobError

if TYPE_CHECKING:
    from mcp_server.jobs.job import Job
    from mcp_server.jobs.store import JobStore

_LOOK_SECONDS: Final = 0.1


def at_work(job: Job) -> bool:
    """Whether the process is alive that is at the job; False where none is."""
    from deploy.supervision.deployment import ProcessMark, lives

    holder = job.holder
    return holder is not None and lives(ProcessMark(holder.pid, holder.create_time))


def end_job(store: JobStore, job: Job, *, seconds: float, most_runs: int) -> Job:
    """Ask for the job's end, and wait until it has ended.

    Where its server died, it is ended here: nobody else would.

    Args:
        store: where it is kept.
        job: as it was last seen.
        seconds: that its server has to end it.
        most_runs: as in ``JobStore.take_from_dead``.

    Returns:
        The job, finished.

    Raises:
        JobError: its server lives and has not ended it in that time; or the job is gone, or cannot be read.
    """
    deadline = time.monotonic() + seconds
    newest = job
    while not newest.finished:
        if newest.state == "queued" or not newest.cancelling:
            store.cancel(job.id)
        elif not at_work(newest):
            store.take_from_dead(newest, most_runs=most_runs)
        elif time.monotonic() > deadline:
            raise _goes_on(newest, seconds)
        else:
            time.sleep(_LOOK_SECONDS)
        found = store.find(job.id)
        if found is None:
            raise JobError(f"the job {job.id} was cleared meanwhile", hint="stillroom jobs")
        newest = found
    return newest


def _goes_on(job: Job, seconds: float) -> JobError:
    process = f"process {job.holder.pid}" if job.holder else "its server"
    return JobError(
        f"the job {job.id} was told to end, and {process} is still at it after {seconds:.0f} seconds",
        hint=f"stillroom jobs show {job.id}",
    )

"""A job as its owner's client sees it: a handle while it goes on, its result once it is done.

Values only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from mcp_server.jobs.job import Job, JobState  # noqa: TC001 (annotations are read when the schema is made)

_GOES_ON: Final = "call job_status with this job_id; it waits for the end, 15 seconds at most"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How far a job is, or what came of it.

    Attributes:
        job_id: for job_status and cancel_job.
        kind: which work: ingest, ask_library or run_agent.
        progress: the share that is done, 0 to 1; null where nobody knows.
        message: what it is at.
        error: why it failed or ended before its time.
        hint: what to do next.
        seconds: since it was asked for, until it ended.
        result: what the work gave, once it is done.
    """

    job_id: str
    kind: str
    state: JobState
    progress: float | None
    message: str
    error: str
    hint: str
    seconds: float
    result: dict[str, Any] | None
    result_text: Annotated[str, Field(exclude=True)] = ""

    def to_text(self) -> str:
        """State and message, then the result or the reason."""
        share = "" if self.progress is None or self.state == "done" else f", {self.progress:.0%}"
        head = f"Job {self.job_id} ({self.kind}) is {self.state}{share}, {self.seconds:.0f} s"
        lines = [f"{head}: {self.message}" if self.message and self.state != "done" else head]
        lines += [f"Error: {self.error}"] if self.error else []
        lines += [f"Hint: {self.hint}"] if self.hint else []
        lines += [self.result_text] if self.result_text else []
        return "\n".join(lines)


def status_of(job: Job) -> JobStatus:
    """The job as it is now, for its owner."""
    result = job.result
    return JobStatus(
        job_id=job.id,
        kind=job.kind,
        state=job.state,
        progress=None if job.progress is None else round(job.progress, 3),
        message=job.message or ("waits for its turn" if job.state == "queued" else ""),
        error=job.error,
        hint=job.hint if job.finished else _GOES_ON,
        seconds=round((job.finished_at or time.time()) - job.created_at, 1),
        result=None if result is None else dict(result.data),
        result_text="" if result is None else result.text,
    )

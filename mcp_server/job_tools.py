"""The tools that start, watch and end long work: ``ingest``, ``job_status``, ``cancel_job``.

They return at once or after some seconds, whatever the work takes. They do not know how it is done.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from agents.call_context import current_call
from agents.tools import tool
from mcp_server.callers import LOCAL, Caller
from mcp_server.jobs.folders import Folders
from mcp_server.jobs.status import JobStatus, status_of
from mcp_server.tools.citing import cited_links
from mcp_server.tools.served_tool import Link, ServedTool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mcp_server.jobs.runner import JobRunner

# Less than any client waits, and long enough that a model which asks again and again does not spin.
STATUS_SECONDS: Final = 15.0
# A cancelled job has this time to end before the answer says that it is being stopped.
_CANCEL_SECONDS: Final = 5.0
# How often a client hears how far the job is that it waits for.
_TELL_SECONDS: Final = 1.0

JobId = Annotated[str, Field(min_length=1, max_length=100)]
PathText = Annotated[str, Field(min_length=1, max_length=4_096)]


@dataclass(frozen=True, slots=True)
class JobTools:
    """The functions, on behalf of one caller; each method's signature is a tool's schema.

    Attributes:
        jobs: does the work.
        caller: whose jobs these are.
        roots: below which files may be ingested; None where nothing was said: anywhere for the person of
            this machine, nowhere for somebody with a token.
    """

    jobs: JobRunner
    caller: Caller = LOCAL
    roots: Sequence[Path] | None = None

    def ingest(self, paths: Annotated[list[PathText], Field(min_length=1, max_length=20)]) -> JobStatus:
        """Bring files and folders of this machine into the private library; searching goes on meanwhile.

        Use it when the user wants documents to be searched that list_sources does not show. Only what is new
        or changed is read, and what was deleted leaves the library. Returns a job at once: job_status waits
        for it.

        Args:
            paths: absolute paths of files or folders.
        """
        roots = self.roots if self.roots is not None or self.caller == LOCAL else ()
        checked = Folders(roots).checked(paths)
        # The ingest itself stays within them, too: it alone sees where each link leads as it reads.
        within = {"within": [str(root) for root in roots]} if roots is not None else {}
        return status_of(self.jobs.start("ingest", {"paths": checked, **within}, self.caller.name))

    def job_status(
        self, job_id: JobId, wait_seconds: Annotated[float, Field(ge=0, le=25)] = STATUS_SECONDS
    ) -> JobStatus:
        """Wait for a job, some seconds at most: says how far it is, and gives its result once it is done.

        Use it when ingest, ask_library or run_agent gave a job_id. Call it again while the job goes on.

        Args:
            job_id: as the tool that started the job gave it.
            wait_seconds: how long to wait for the end.
        """
        job = self.jobs.find(job_id, self.caller.name)
        call = current_call()
        deadline = time.monotonic() + wait_seconds
        while not job.finished and (left := deadline - time.monotonic()) > 0:
            call.check()
            call.progress(job.message or job.state, job.progress)
            job = self.jobs.wait(job_id, min(left, _TELL_SECONDS))
        return status_of(job)

    def cancel_job(self, job_id: JobId) -> JobStatus:
        """End a job that is no longer wanted. What an ingest has taken in by then stays in the library.

        Args:
            job_id: as the tool that started the job gave it.
        """
        job = self.jobs.cancel(job_id, self.caller.name)
        return status_of(job if job.finished else self.jobs.wait(job_id, _CANCEL_SECONDS))


def _result_links(data: Mapping[str, Any]) -> tuple[Link, ...]:
    """The documents that a finished job's result cites."""
    return cited_links(data["result"] or {})


def job_tools(jobs: JobRunner, roots: Sequence[Path] | None = None) -> tuple[ServedTool, ...]:
    """The three tools, each for whoever calls.

    Args:
        jobs: does the work.
        roots: as in ``JobTools``.
    """
    shared = JobTools(jobs, LOCAL, roots)
    return (
        ServedTool(
            # A client asks its person, as the annotations say that it writes.
            # What was changed or deleted on the disk is so in the library afterwards.
            tool(shared.ingest, read_only=False, destructive=True, needs_consent=False),
            "Ingest files into the library",
            function_for=lambda caller: JobTools(jobs, caller, roots).ingest,
        ),
        ServedTool(
            tool(shared.job_status),
            "Wait for a job",
            waits=True,
            links=_result_links,
            function_for=lambda caller: JobTools(jobs, caller, roots).job_status,
        ),
        ServedTool(
            tool(shared.cancel_job, read_only=False, destructive=True, needs_consent=False),
            "Cancel a job",
            waits=True,
            function_for=lambda caller: JobTools(jobs, caller, roots).cancel_job,
        ),
    )

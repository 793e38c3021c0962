"""One piece of long work as it is kept: what was asked, by whom, how far it is, what came of it.

Values only. Nothing here knows who does the work or where it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.tool_result import ToolResult

JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]

# Nothing more happens to a job in one of the other states.
UNFINISHED: Final[tuple[JobState, ...]] = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Holder:
    """The runner that is at a job: one of one process, and no other.

    Attributes:
        token: of the runner; a process may have several.
        create_time: of the process, in seconds since the epoch: the system gives a pid away again.
    """

    token: str
    pid: int
    create_time: float


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was last kept.

    Attributes:
        id: the handle; nobody can guess it.
        kind: which work.
        arguments: JSON values, all that the work needs: it can be done again from them alone.
        owner: whose it is; nobody else hears of it.
        library: what the server that took it serves; only one that serves the same does the work.
        state: ``interrupted`` is one whose server died again and again while it ran.
        progress: the share that is done, from 0 to 1; None where nobody knows.
        message: what it is at, or what became of it.
        result: of a job that is done.
        error: why a job failed, or was cancelled or interrupted.
        hint: what to do then.
        runs: how often the work was begun.
        cancelling: somebody asked for its end, and it has not ended yet.
        holder: who is at it, while it runs.
        created_at: seconds since the epoch, as the two others; None where that has not come yet.
    """

    id: str
    kind: str
    arguments: Mapping[str, Any]
    owner: str
    library: str
    created_at: float
    state: JobState = "queued"
    progress: float | None = None
    message: str = ""
    result: ToolResult | None = None
    error: str = ""
    hint: str = ""
    runs: int = 0
    cancelling: bool = False
    holder: Holder | None = None
    started_at: float | None = None
    finished_at: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in UNFINISHED

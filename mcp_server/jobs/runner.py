"""Does the jobs of a store: starts them, keeps what becomes of them, and goes on with what a crash left.

Work runs in background threads of this process, some of each kind at a time; what waits is queued in the
store, where any server of the same library may take it. The runner does not know what the work is.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from mcp_server.jobs.ending import at_work
from mcp_server.jobs.job import Holder
from mcp_server.jobs.work import Work
from stillroom.errors import JobError, StillroomError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from agents.call_context import CallContext
    from agents.tool_result import ToolResult
    from mcp_server.jobs.job import Job
    from mcp_server.jobs.store import JobStore
    from mcp_server.jobs.work import Kind

# Once, and twice again: whatever kills its server three times does so the fourth time.
MOST_RUNS: Final = 3
# A model or an embedder does not get quicker by being asked three things at once.
AT_ONCE: Final = 2
# The shortest time after which clients give up is 60 s; a person who waits wants to know sooner.
PATIENCE_SECONDS: Final = 20.0
# How often jobs are looked at that other processes may have changed, and those that a dead one left.
_LOOK_SECONDS: Final = 0.5
_RESCUE_SECONDS: Final = 15.0
# What a server's end may wait for its jobs to notice it; clients kill a server that takes three seconds.
_CLOSE_SECONDS: Final = 1.0
_RECENT: Final = 20


class JobRunner:
    """Jobs of a few kinds, done here or in another process that shares the store.

    Every method but ``resume`` and ``close`` raises ``JobError`` or ``EnvironmentUnfitError`` where the
    store's file cannot be used. Making one opens nothing and starts nothing.

    Args:
        store: where they are kept.
        kinds: by name, what does the work. It may be done again from the same arguments.
        library: what this server serves: jobs are gone on with only by a server of the same.
        at_once: by kind, how many jobs this process is at; ``AT_ONCE`` for the others.
        patience_seconds: how long ``run`` lets its caller wait.

    Example:
        >>> runner = JobRunner(JobStore(path), {"ask_library": ask})  # doctest: +SKIP
        >>> job = runner.start("ask_library", {"question": "What is due in May?"}, "local")  # doctest: +SKIP
        >>> runner.wait(job.id, 20).state  # doctest: +SKIP
        'done'
    """

    def __init__(
        self,
        store: JobStore,
        kinds: Mapping[str, Kind],
        *,
        library: str = "",
        at_once: Mapping[str, int] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._store = store
        self._kinds = kinds
        self._library = library
        self._at_once = at_once or {}
        self._patience_seconds = patience_seconds
        self._at_work: dict[str, tuple[str, Work]] = {}
        self._unkept: dict[str, Callable[[], None]] = {}
        self._told: dict[str, tuple[str, float | None]] = {}
        # Held for moments; told whenever a job ends.
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._keeper: threading.Thread | None = None
        self._wake = threading.Event()
        # Whichever thread asks first: two names would make a job of ours somebody else's.
        self._naming = threading.Lock()
        self._holder: Holder | None = None

    def start(self, kind: str, arguments: Mapping[str, Any], owner: str) -> Job:
        """Queue a job; it is begun as soon as there is room.

        Raises:
            JobError: there is no such kind, or the owner has too many unfinished jobs.
        """
        self._check(kind)
        job = self._store.add(kind, arguments, owner=owner, library=self._library)
        self._look_now()
        return job

    def run(self, kind: str, arguments: Mapping[str, Any], owner: str, call: CallContext) -> ToolResult | Job:
        """Do the work while its caller waits; once that has lasted ``patience_seconds``, it is a job.

        Where a job cannot be kept, or its owner has too many, the caller waits on.

        Args:
            kind: which work.
            arguments: JSON values.
            owner: whose job it becomes.
            call: the caller's: told of progress, and where it is cancelled before the work is a job, the
                work ends.

        Raises:
            StillroomError: what the work raised.
        """
        self._check(kind)
        began_at = time.time()
        work = Work(self._kinds[kind], arguments, call.progress)
        if not work.wait(self._patience_seconds, call) and not call.cancelled.is_set():
            try:
                return self._adopt(kind, arguments, owner, work, began_at)
            except StillroomError as error:
                _log().warning("%s goes on without a job: %s", kind, error)
                call.progress(f"still at work; it cannot become a job: {error}", None)
        while not work.wait(_RESCUE_SECONDS, call):
            if call.cancelled.is_set():
                work.cancel()
                raise ToolError(f"{kind} was stopped: nobody waits for its result any more")
        return work.future.result()

    def find(self, job_id: str, owner: str) -> Job:
        """The job as it is now.

        Raises:
            JobError: the owner has no such job.
        """
        return self._known(job_id, owner)

    def wait(self, job_id: str, seconds: float) -> Job:
        """The job, once it has ended or that time is over.

        Raises:
            JobError: there is no such job.
        """
        deadline = time.monotonic() + seconds
        while True:
            job = self._looked_after(job_id)
            if job is None:
                raise _unknown(job_id, ())
            left = deadline - time.monotonic()
            if job.finished or left <= 0:
                return job
            with self._changed:
                self._changed.wait(min(left, _LOOK_SECONDS))

    def cancel(self, job_id: str, owner: str) -> Job:
        """Ask for the job's end: at once where it waits, soon where it runs, here or in another process.

        Raises:
            JobError: the owner has no such job.
        """
        self._known(job_id, owner)
        self._store.cancel(job_id)
        self._end_what_nobody_wants()
        return self._known(job_id, owner)

    def recent(self, owner: str) -> tuple[Job, ...]:
        """The owner's jobs, the newest first."""
        self._take_from_dead(self._store.running())
        return self._store.recent(owner, limit=_RECENT)

    def resume(self) -> None:
        """Go on with what other processes left, from now on and beside everything else; returns at once."""
        self._look_now()

    def close(self) -> None:
        """End what is at work here; the next server of this library goes on with it. Safe to call twice."""
        self._closed.set()
        self._wake.set()
        with self._changed:
            for _, work in self._at_work.values():
                work.cancel()
            self._changed.wait_for(lambda: not self._at_work, _CLOSE_SECONDS)
            left, self._at_work = self._at_work, {}
        for job_id in left:
            self._keep(job_id, lambda job_id=job_id: self._store.release(job_id, self._me()))  # type: ignore[misc]
        self._store.close()

    def _check(self, kind: str) -> None:
        if kind not in self._kinds:
            raise JobError(f"there is no kind of job {kind!r}; there are {', '.join(self._kinds)}")

    def _known(self, job_id: str, owner: str) -> Job:
        job = self._looked_after(job_id)
        if job is None or job.owner != owner:
            # The same words for both: whose it is, is nobody's business.
            raise _unknown(job_id, self._store.recent(owner, limit=_RECENT))
        return job

    def _looked_after(self, job_id: str) -> Job | None:
        """The job; one whose process died is queued again first."""
        job = self._store.find(job_id)
        if job is None or job.state != "running" or not self._take_from_dead([job]):
            return job
        return self._store.find(job_id)

    def _adopt(self, kind: str, arguments: Mapping[str, Any], owner: str, work: Work, began_at: float) -> Job:
        """Make a job of work that is under way."""
        job = self._store.add(
            kind, arguments, owner=owner, library=self._library, holder=self._me(), began_at=began_at
        )
        self._follow(job, work)
        self._look_now()
        return job

    def _begin_queued(self) -> None:
        """Begin what waits, as far as there is room; only the keeper calls this, so the room stays."""
        while not self._closed.is_set() and self._store.waits(self._with_room(), library=self._library):
            job = self._store.claim(self._with_room(), library=self._library, holder=self._me())
            if job is None:
                return
            self._follow(job, Work(self._kinds[job.kind], job.arguments, self._teller(job.id)))

    def _with_room(self) -> list[str]:
        with self._changed:
            busy = Counter(kind for kind, _ in self._at_work.values())
        return [kind for kind in self._kinds if busy[kind] < self._at_once.get(kind, AT_ONCE)]

    def _follow(self, job: Job, work: Work) -> None:
        with self._changed:
            self._at_work[job.id] = (job.kind, work)
        work.tell_instead(self._teller(job.id))
        work.future.add_done_callback(lambda future: self._ended(job, work, future))

    def _teller(self, job_id: str) -> Callable[[str, float | None], None]:
        """Takes what a job is at; the keeper writes the newest of it now and then."""

        def tell(message: str, progress: float | None) -> None:
            self._told[job_id] = (message, progress)

        return tell

    def _ended(self, job: Job, work: Work, future: Future[ToolResult]) -> None:
        """Keep what became of a job; in the thread that did it."""
        if job.id in self._at_work:  # close() gave it back otherwise
            self._keep(job.id, lambda: self._keep_outcome(job, work, future))
        with self._changed:
            self._at_work.pop(job.id, None)
            self._changed.notify_all()
        self._wake.set()

    def _keep_outcome(self, job: Job, work: Work, future: Future[ToolResult]) -> None:
        me, store = self._me(), self._store
        error = future.exception()
        if error is None:
            store.finish(job.id, me, "done", result=future.result())
            return
        asked = job.id in store.cancelling(me)
        if self._closed.is_set() and work.cancelled and not asked:
            store.release(job.id, me)
            return
        said = error.message if isinstance(error, StillroomError) else f"{type(error).__name__}: {error}"
        hint = error.hint if isinstance(error, StillroomError) else ""
        if asked and not hint:
            # The work only knows that it is to end; where it says what is left of it, that has a hint.
            said = "it was cancelled, as somebody asked"
        store.finish(job.id, me, "cancelled" if asked else "failed", error=said, hint=hint)

    def _keep(self, job_id: str, write: Callable[[], None]) -> None:
        """Write an outcome; where the file cannot be written just now, the keeper tries again."""
        try:
            write()
        except StillroomError as error:
            if job_id not in self._unkept:
                _log().warning("what became of job %s is not kept yet: %s", job_id, error)
            self._unkept[job_id] = write
        else:
            self._unkept.pop(job_id, None)

    def _me(self) -> Holder:
        """This runner, to other processes."""
        with self._naming:
            if self._holder is None:
                from deploy.supervision.deployment import mark

                marked = mark(os.getpid())
                self._holder = Holder(secrets.token_hex(8), marked.pid, marked.create_time)
            return self._holder

    def _look_now(self) -> None:
        """Have the keeper look at once; it is started the first time."""
        with self._changed:
            if self._keeper is None and not self._closed.is_set():
                self._keeper = threading.Thread(target=self._look, name="stillroom-jobs", daemon=True)
                self._keeper.start()
        self._wake.set()

    def _look(self) -> None:
        """Until the end: what waits, what other processes ask for or left, what could not be kept."""
        rescued_at = float("-inf")
        said = ""
        while not self._closed.is_set():
            try:
                if time.monotonic() - rescued_at >= _RESCUE_SECONDS:
                    rescued_at = time.monotonic()
                    self._take_from_dead(self._store.running())
                self._begin_queued()
                self._end_what_nobody_wants()
                self._keep_progress()
            except StillroomError as error:
                # Once: the log is a person's, who reads it or does not.
                if str(error) != said:
                    said = str(error)
                    _log().warning("jobs are not looked after: %s", error)
            else:
                said = ""
            for job_id, write in tuple(self._unkept.items()):
                self._keep(job_id, write)
            self._wake.wait(_LOOK_SECONDS if self._at_work or self._unkept else _RESCUE_SECONDS)
            self._wake.clear()

    def _keep_progress(self) -> None:
        for job_id in tuple(self._told):
            message, progress = self._told.pop(job_id)
            self._store.tell(job_id, self._me(), message, progress)

    def _take_from_dead(self, jobs: Sequence[Job]) -> bool:
        """Queue again what dead processes were at; whether there was any."""
        left = [job for job in jobs if not at_work(job)]
        for job in left:
            self._store.take_from_dead(job, most_runs=MOST_RUNS)
        if left:
            self._look_now()
        return bool(left)

    def _end_what_nobody_wants(self) -> None:
        with self._changed:
            at_work = {job_id: work for job_id, (_, work) in self._at_work.items()}
        if not at_work:
            return
        for job_id in self._store.cancelling(self._me()):
            if job_id in at_work:
                at_work[job_id].cancel()


def _unknown(job_id: str, own: tuple[Job, ...]) -> JobError:
    named = ", ".join(f"{job.id} ({job.kind}, {job.state})" for job in own)
    return JobError(f"there is no job {job_id!r}", hint=f"your jobs: {named}" if named else "")


def _log() -> logging.Logger:
    return logging.getLogger(__name__)

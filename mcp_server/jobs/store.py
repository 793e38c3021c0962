"""The jobs in one SQLite file, which several server processes share.

Each change is one statement that says what it expects to find, so of two servers that want the same job one
gets it. The store starts no work and waits for none.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import time
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from agents.tool_result import encodable
from mcp_server.jobs.database import JOBS, FileMark, connect, file_mark
from mcp_server.jobs.record import read_job, short_message, written_arguments, written_result
from stillroom.errors import JobError
from stillroom.sqlite_file import transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from agents.tool_result import ToolResult
    from mcp_server.jobs.job import Holder, Job, JobState

# What is finished is kept for a week, and of one owner the newest hundred.
KEPT_SECONDS: Final = 7 * 24 * 3600.0
KEPT_OF_AN_OWNER: Final = 100
# A model that asks for work without end is told to wait.
MOST_UNFINISHED_OF_AN_OWNER: Final = 8

# Of several owners whoever had work of that kind begun the longest ago, so that nobody's eight ingests keep
# another's first one waiting; of one owner the oldest job.
_NEXT: Final = """
SELECT id FROM jobs AS waiting
WHERE state = 'queued' AND library = ? AND kind IN (SELECT value FROM json_each(?))
ORDER BY coalesce(
    (SELECT max(started_at) FROM jobs WHERE owner = waiting.owner AND kind = waiting.kind), 0
), created_at, rowid LIMIT 1
"""

# What came of a job may be long, and a list of jobs shows none of it.
_WITHOUT_RESULT: Final = (
    "id, kind, arguments, owner, library, created_at, state, progress, message, NULL AS result_text, "
    "NULL AS result_data, error, hint, runs, cancelling, holder, holder_pid, holder_create_time, "
    "started_at, finished_at"
)


class JobStore:
    """The jobs of one file. Nothing is opened before the first job; threads may share it.

    Every method raises ``JobError`` where the file is damaged or another process does not let go of it, and
    ``EnvironmentUnfitError`` where there is no space or no permission.

    Args:
        path: of the file; made, readable by its owner alone, with the first job.

    Example:
        >>> store = JobStore(state_dir / "jobs.sqlite3")  # doctest: +SKIP
        >>> paths = ["/home/you/notes"]
        >>> store.add("ingest", {"paths": paths}, owner="local", library="").state  # doctest: +SKIP
        'queued'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._opened: FileMark | None = None
        self._lock = RLock()

    def add(
        self,
        kind: str,
        arguments: Mapping[str, Any],
        *,
        owner: str,
        library: str,
        holder: Holder | None = None,
        began_at: float | None = None,
    ) -> Job:
        """Keep a new job, queued; or running, where a runner is at it already. Old ones make room for it.

        Args:
            kind: which work.
            arguments: JSON values.
            owner: whose it is.
            library: what its server serves.
            holder: who is at it already.
            began_at: when it was asked for, in seconds since the epoch; None for now.

        Raises:
            JobError: the owner has too many that are not finished, or the arguments are too long.
        """
        written = written_arguments(arguments)
        now = time.time()
        identity = secrets.token_hex(8)
        with self._open() as connection, transaction(connection):
            _prune(connection, now)
            _check_room(connection, owner)
            connection.execute(
                "INSERT INTO jobs (id, kind, arguments, owner, library, created_at, state) "
                "VALUES (?, ?, ?, ?, ?, ?, 'queued')",
                (identity, kind, written, owner, library, began_at or now),
            )
            if holder is not None:
                _take(connection, identity, holder, now)
            return _read(connection, identity)

    def find(self, job_id: str) -> Job | None:
        """The job, whoever's it is; None where there is none."""
        if not self._is_there():
            return None
        with self._open() as connection:
            row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
            return read_job(row) if row else None

    def recent(self, owner: str, *, limit: int) -> tuple[Job, ...]:
        """The owner's jobs, the newest first."""
        if not self._is_there():
            return ()
        with self._open() as connection:
            rows = connection.execute(
                "SELECT * FROM jobs WHERE owner = ? ORDER BY created_at DESC, rowid DESC LIMIT ?",
                (owner, limit),
            ).fetchall()
            return tuple(map(read_job, rows))

    def everybodys(self, *, most_ended: int) -> tuple[Job, ...]:
        """All jobs that are not finished, and the newest that are; the newest first, without their results.

        Args:
            most_ended: how many of those that are finished.
        """
        if not self._is_there():
            return ()
        with self._open() as connection:
            rows = connection.execute(
                f"SELECT {_WITHOUT_RESULT} FROM jobs WHERE finished_at IS NULL OR id IN "  # noqa: S608
                "(SELECT id FROM jobs WHERE finished_at IS NOT NULL "
                "ORDER BY created_at DESC, rowid DESC LIMIT ?) ORDER BY created_at DESC, rowid DESC",
                (most_ended,),
            ).fetchall()
            return tuple(map(read_job, rows))

    def count(self) -> int:
        """How many jobs are kept."""
        if not self._is_there():
            return 0
        with self._open() as connection:
            (count,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
            return int(count)

    def clear(self) -> int:
        """Delete what is finished, and overwrite it on the disk; how many jobs it was."""
        if not self._is_there():
            return 0
        with self._open() as connection:
            cleared = connection.execute("DELETE FROM jobs WHERE finished_at IS NOT NULL").rowcount
            # The log holds what was written; where another process reads just now, it is emptied later.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return cleared

    def waits(self, kinds: Collection[str], *, library: str) -> bool:
        """Whether a job of these kinds and that library is queued; keeps nobody waiting."""
        if not kinds or not self._is_there():
            return False
        with self._open() as connection:
            wanted = (library, json.dumps(list(kinds)))
            return connection.execute(_NEXT, wanted).fetchone() is not None

    def claim(self, kinds: Collection[str], *, library: str, holder: Holder) -> Job | None:
        """The next queued job of these kinds and that library, running from now on; None for none.

        Owners take turns; of one owner's jobs the oldest is the next.
        """
        with self._open() as connection, transaction(connection):
            row = connection.execute(_NEXT, (library, json.dumps(list(kinds)))).fetchone()
            if row is None:
                return None
            _take(connection, row["id"], holder, time.time())
            return _read(connection, row["id"])

    def tell(self, job_id: str, holder: Holder, message: str, progress: float | None) -> None:
        """What a running job is at."""
        with self._open() as connection:
            connection.execute(
                "UPDATE jobs SET message = ?, progress = ? "
                "WHERE id = ? AND state = 'running' AND holder = ? AND NOT cancelling",
                (short_message(message), progress, job_id, holder.token),
            )

    def finish(
        self,
        job_id: str,
        holder: Holder,
        state: JobState,
        *,
        result: ToolResult | None = None,
        error: str = "",
        hint: str = "",
    ) -> None:
        """What became of a running job; nothing where it is no longer the holder's."""
        text, data = (None, None) if result is None else written_result(result)
        with self._open() as connection:
            connection.execute(
                "UPDATE jobs SET state = ?, result_text = ?, result_data = ?, error = ?, hint = ?, "
                "message = '', progress = CASE WHEN ? = 'done' THEN 1.0 ELSE progress END, "
                "holder = NULL, cancelling = 0, finished_at = ? "
                "WHERE id = ? AND state = 'running' AND holder = ?",
                (
                    state,
                    text,
                    data,
                    encodable(error),
                    encodable(hint),
                    state,
                    time.time(),
                    job_id,
                    holder.token,
                ),
            )

    def release(self, job_id: str, holder: Holder) -> None:
        """Queue a job again whose runner ends in order; the run does not count."""
        with self._open() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'queued', holder = NULL, runs = runs - 1, progress = NULL, "
                "message = 'waits for a server, which goes on with it' "
                "WHERE id = ? AND state = 'running' AND holder = ?",
                (job_id, holder.token),
            )

    def cancel(self, job_id: str) -> None:
        """End a queued job, and ask for the end of a running one; nothing where it has ended."""
        with self._open() as connection, transaction(connection):
            connection.execute(
                "UPDATE jobs SET state = 'cancelled', message = '', error = 'cancelled before it began', "
                "finished_at = ? "
                "WHERE id = ? AND state = 'queued'",
                (time.time(), job_id),
            )
            connection.execute(
                "UPDATE jobs SET cancelling = 1, message = 'is being stopped' "
                "WHERE id = ? AND state = 'running'",
                (job_id,),
            )

    def cancelling(self, holder: Holder) -> frozenset[str]:
        """The holder's jobs whose end somebody asked for, perhaps in another process."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT id FROM jobs WHERE state = 'running' AND cancelling AND holder = ?", (holder.token,)
            ).fetchall()
            return frozenset(identity for (identity,) in rows)

    def running(self) -> tuple[Job, ...]:
        """What some process is at, or was when it died."""
        if not self._is_there():
            return ()
        with self._open() as connection:
            rows = connection.execute("SELECT * FROM jobs WHERE state = 'running'").fetchall()
            return tuple(map(read_job, rows))

    def take_from_dead(self, job: Job, *, most_runs: int) -> None:
        """Queue a job again whose holder died; one that was begun ``most_runs`` times is interrupted.

        Nothing where another server was quicker.
        """
        if job.holder is None:
            return
        now = time.time()
        lost = (job.id, job.holder.token)
        with self._open() as connection, transaction(connection):
            connection.execute(
                "UPDATE jobs SET state = 'cancelled', error = 'cancelled; its server ended meanwhile', "
                "message = '', cancelling = 0, holder = NULL, finished_at = ? "
                "WHERE id = ? AND holder = ? AND state = 'running' AND cancelling",
                (now, *lost),
            )
            connection.execute(
                "UPDATE jobs SET state = 'interrupted', message = '', holder = NULL, finished_at = ?, "
                "error = 'its server ended ' || runs || ' times while it ran; it is not begun again', "
                "hint = 'ask for it anew; the server''s stderr may say why it ended' "
                "WHERE id = ? AND holder = ? AND state = 'running' AND runs >= ?",
                (now, *lost, most_runs),
            )
            connection.execute(
                "UPDATE jobs SET state = 'queued', holder = NULL, progress = NULL, "
                "message = 'its server ended; it is begun again' "
                "WHERE id = ? AND holder = ? AND state = 'running'",
                lost,
            )

    def close(self) -> None:
        """Let go of the file; safe to call twice. The next use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
                self._opened = None

    def _is_there(self) -> bool:
        """Whether there is a file yet; one that nobody may look at is an error."""
        with JOBS.translated_errors(self.path):
            return file_mark(self.path) is not None

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; one that failed is not used again."""
        with self._lock, JOBS.translated_errors(self.path):
            if self._connection is not None and file_mark(self.path) != self._opened:
                self._leave_what_was_moved(self._connection)
            if self._connection is None:
                self._connection = connect(self.path)
                self._opened = file_mark(self.path)
            try:
                yield self._connection
            except sqlite3.DatabaseError:
                self.close()
                raise

    def _leave_what_was_moved(self, connection: sqlite3.Connection) -> None:
        """Let go of a file that somebody moved away or deleted: what is kept there, nobody finds any more."""
        with contextlib.suppress(sqlite3.Error):
            # The file is whole where it is now: the log stays behind under the old name.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()


def _check_room(connection: sqlite3.Connection, owner: str) -> None:
    rows = connection.execute(
        "SELECT id, kind FROM jobs WHERE owner = ? AND finished_at IS NULL ORDER BY created_at", (owner,)
    ).fetchall()
    if len(rows) < MOST_UNFINISHED_OF_AN_OWNER:
        return
    named = ", ".join(f"{identity} ({kind})" for identity, kind in rows)
    raise JobError(
        f"{len(rows)} jobs are not finished, and at most {MOST_UNFINISHED_OF_AN_OWNER} are taken: {named}",
        hint="wait for one with job_status, or end one with cancel_job",
    )


def _prune(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM jobs WHERE finished_at < ?", (now - KEPT_SECONDS,))
    connection.execute(
        "DELETE FROM jobs WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
        "(PARTITION BY owner ORDER BY finished_at DESC) AS number FROM jobs "
        "WHERE finished_at IS NOT NULL) WHERE number > ?)",
        (KEPT_OF_AN_OWNER,),
    )


def _take(connection: sqlite3.Connection, job_id: str, holder: Holder, now: float) -> None:
    connection.execute(
        "UPDATE jobs SET state = 'running', runs = runs + 1, started_at = ?, message = '', "
        "holder = ?, holder_pid = ?, holder_create_time = ? WHERE id = ? AND state = 'queued'",
        (now, holder.token, holder.pid, holder.create_time, job_id),
    )


def _read(connection: sqlite3.Connection, job_id: str) -> Job:
    return read_job(connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())

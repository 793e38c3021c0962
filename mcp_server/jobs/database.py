"""The SQLite file of the jobs: how it is opened, its table, and what its errors mean.

Several servers write to it at once, each for milliseconds. It does not know what a job is good for.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Final

from deploy.private_files import make_private_file
from stillroom.errors import EnvironmentUnfitError, JobError
from stillroom.sqlite_file import trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A file's device and number there: another file, another mark.
FileMark = tuple[int, int]

_VERSION: Final = 1
# A writer has the file for milliseconds; whoever waits longer than this waits for a process that hangs.
_TIMEOUT_SECONDS: Final = 10.0

_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    arguments TEXT NOT NULL,
    owner TEXT NOT NULL,
    library TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL,
    progress REAL,
    message TEXT NOT NULL DEFAULT '',
    result_text TEXT,
    result_data TEXT,
    error TEXT NOT NULL DEFAULT '',
    hint TEXT NOT NULL DEFAULT '',
    runs INTEGER NOT NULL DEFAULT 0,
    cancelling INTEGER NOT NULL DEFAULT 0,
    holder TEXT,
    holder_pid INTEGER,
    holder_create_time REAL,
    started_at REAL,
    finished_at REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created_at);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, created_at);
PRAGMA user_version = 1;
COMMIT;
"""


def connect(path: Path) -> sqlite3.Connection:
    """The file, made where there is none; only its owner may read it.

    Every statement commits on its own unless it runs in ``transaction``. Threads may share the connection,
    one at a time.

    Raises:
        sqlite3.Error: to be translated by ``translated_errors``.
        OSError: likewise.
        JobError: a newer Stillroom wrote it.
    """
    make_private_file(path)
    connection = sqlite3.connect(
        path, timeout=_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def file_mark(path: Path) -> FileMark | None:
    """Which file is at the path now, whatever its name was; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextlib.contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors and those of the file system into ours.

    Raises:
        JobError: the file is damaged, or another process does not let go of it.
        EnvironmentUnfitError: no space, no permission.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        # A mistake of ours: no person can mend it.
        raise
    except sqlite3.DatabaseError as error:
        raise _meant(error, path) from error
    except json.JSONDecodeError as error:
        raise _damaged(path, str(error)) from error
    except FileExistsError as error:
        raise _unfit(path, f"{error.filename} has to be a folder") from error
    except NotADirectoryError as error:
        raise _unfit(path, f"{path.parent} has to be a folder") from error
    except OSError as error:
        raise _unfit(path, error.strerror or str(error)) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    import filelock

    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise JobError(
            f"the jobs in {path} have format {version}; this Stillroom reads up to {_VERSION}",
            hint="update Stillroom",
        )
    # What was deleted is overwritten with zeros: questions and answers are in it.
    connection.execute("PRAGMA secure_delete = ON")
    # With a write-ahead log a killed process loses nothing at this level; only lost power may take the last
    # moments, and nothing is damaged by it.
    connection.execute("PRAGMA synchronous = NORMAL")
    if version == _VERSION:
        return
    # SQLite does not wait for whoever changes the journal's mode at the same time.
    with filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=_TIMEOUT_SECONDS, mode=0o600):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_TABLES)


def _meant(error: sqlite3.DatabaseError, path: Path) -> JobError | EnvironmentUnfitError:
    match trouble(error):
        case "busy":
            return JobError(
                f"another process has held {path} for {_TIMEOUT_SECONDS:.0f} seconds",
                hint="end the other stillroom, and try again",
            )
        case "unfit":
            return _unfit(path, str(error))
        case "damaged":
            return _damaged(path, str(error))


def _damaged(path: Path, detail: str) -> JobError:
    return JobError(
        f"the file of the jobs, {path}, is damaged: {detail}",
        hint=f"nothing was changed; move it aside to begin anew: mv '{path}' '{path}.damaged'",
    )


def _unfit(path: Path, detail: str) -> EnvironmentUnfitError:
    return EnvironmentUnfitError(
        f"the jobs in {path} cannot be kept: {detail}",
        hint="stillroom settings shows state_dir; it needs space, and permission to write",
    )

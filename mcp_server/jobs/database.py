"""The SQLite file of the jobs: its table, and which file it is.

It does not know what a job is good for.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from deploy.private_database import PrivateDatabase
from stillroom.errors import JobError

if TYPE_CHECKING:
    from pathlib import Path

# A file's device and number there: another file, another mark.
FileMark = tuple[int, int]

_TABLES: Final = """
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
"""

JOBS: Final = PrivateDatabase("jobs", JobError, version=1, tables=_TABLES)


def connect(path: Path) -> sqlite3.Connection:
    """The file, made where there is none; its rows are read by the names of their columns.

    Raises:
        sqlite3.Error: to be translated by ``JOBS.translated_errors``, as what ``JOBS.connect`` raises.
    """
    connection = JOBS.connect(path)
    connection.row_factory = sqlite3.Row
    return connection


def file_mark(path: Path) -> FileMark | None:
    """Which file is at the path now, whatever its name was; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino

"""The SQLite file of the conversations: how it is opened, its own tables, and what its errors mean.

LangGraph's tables of checkpoints lie in the same file; ``agents.memory.checkpoints`` knows them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from deploy.private_files import make_private_file
from stillroom.errors import ConversationError, EnvironmentUnfitError
from stillroom.sqlite_file import trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION: Final = 1
# A writer has the file for milliseconds; whoever waits longer than this waits for a process that hangs.
_TIMEOUT_SECONDS: Final = 10.0

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL,
    used TEXT NOT NULL,
    model TEXT NOT NULL DEFAULT '',
    holder INTEGER
);
CREATE TABLE IF NOT EXISTS turns (
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    asked TEXT NOT NULL,
    model TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    citations TEXT NOT NULL DEFAULT '[]',
    tools TEXT NOT NULL DEFAULT '[]',
    ended_by TEXT NOT NULL DEFAULT 'interrupted',
    notice TEXT NOT NULL DEFAULT '',
    seconds REAL NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, number)
);
"""


def connect(path: Path) -> sqlite3.Connection:
    """The file, made where there is none; only its owner may read it.

    Every statement commits on its own unless it runs in ``transaction``. Threads may share the connection.

    Raises:
        sqlite3.Error: to be translated by ``translated_errors``.
        OSError: likewise.
        ConversationError: a newer Stillroom wrote it.
    """
    make_private_file(path)
    connection = _connection(path)
    try:
        _prepare(connection, path)
    except (sqlite3.Error, ConversationError):
        connection.close()
        raise
    return connection


def connect_plainly(path: Path) -> sqlite3.Connection:
    """A further connection to a file that ``connect`` made ready, with Python's own transactions.

    LangGraph's saver commits by itself.
    """
    connection = sqlite3.connect(path, timeout=_TIMEOUT_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")
    return connection


@contextlib.contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors and those of the file system into ours.

    Raises:
        ConversationError: the file is damaged, or another process does not let go of it.
        EnvironmentUnfitError: no space, no permission.
    """
    try:
        yield
    except sqlite3.ProgrammingError:
        # A mistake of ours, such as using a closed conversation: no person can mend it.
        raise
    except sqlite3.DatabaseError as error:
        raise _meant(error, path) from error
    except FileExistsError as error:
        raise _unfit(path, f"{error.filename} has to be a folder") from error
    except NotADirectoryError as error:
        raise _unfit(path, f"{path.parent} has to be a folder") from error
    except OSError as error:
        raise _unfit(path, error.strerror or str(error)) from error


def _connection(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        # What was deleted is overwritten with zeros: a conversation that a person deletes is gone.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        # With a write-ahead log a killed process loses nothing at this level; only lost power may take the
        # last moments, and nothing is damaged by it.
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables; of several processes one at a time."""
    import filelock

    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise ConversationError(
            f"the conversations in {path} have format {version}; this Stillroom reads up to {_VERSION}",
            hint="update Stillroom",
        )
    if version == _VERSION:
        return
    with filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=_TIMEOUT_SECONDS, mode=0o600):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_TABLES)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _meant(error: sqlite3.DatabaseError, path: Path) -> ConversationError | EnvironmentUnfitError:
    match trouble(error):
        case "busy":
            return ConversationError(
                f"another process has held {path} for {_TIMEOUT_SECONDS:.0f} seconds",
                hint="end the other stillroom, and try again",
            )
        case "unfit":
            return _unfit(path, str(error))
        case "damaged":
            return _damaged(path, str(error))


def _damaged(path: Path, detail: str) -> ConversationError:
    return ConversationError(
        f"the file of the conversations, {path}, is damaged: {detail}",
        hint=f"nothing was changed; move it aside to begin anew: mv '{path}' '{path}.damaged'",
    )


def _unfit(path: Path, detail: str) -> EnvironmentUnfitError:
    return EnvironmentUnfitError(
        f"the conversations in {path} cannot be used: {detail}",
        hint="stillroom settings shows state_dir; it needs space, and permission to write",
    )

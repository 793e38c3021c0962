"""The library's SQLite file, which is the truth: how it is opened, and what its errors mean.

Vectors and words are derived from what stands here. This module knows connections and errors, no documents.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from typing import TYPE_CHECKING

from rag.store.tables import SCHEMA_VERSION, create_tables, migrate
from stillroom import sqlite_file
from stillroom.errors import EnvironmentUnfitError, LibraryBusyError, LibraryDamagedError, LibraryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATABASE_NAME = "library.sqlite3"

# With less than this free, what an index says of its trouble is a consequence.
_LEAST_FREE_BYTES = 1024 * 1024

# A reader waits this long for a checkpoint; a second writer is stopped by the write lock long before.
_TIMEOUT_SECONDS = 10.0


def require_library(directory: Path) -> None:
    """Stop where there is no library: most commands make none.

    Raises:
        LibraryError: there is none.
    """
    if not (directory / DATABASE_NAME).is_file():
        raise LibraryError(f"there is no library in {directory}", hint="stillroom library list")


def open_database(directory: Path) -> sqlite3.Connection:
    """The library's file in ``directory``, created where there is none.

    Every statement commits on its own unless it runs in `transaction`.

    Raises:
        LibraryDamagedError: the file is not a SQLite database, or is broken.
        LibraryError: it was written by a newer Stillroom.
        EnvironmentUnfitError: no permission or no space.
    """
    with translated_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        # Threads may share a connection because SQLite is built serialized; writers have one of their own.
        connection = sqlite3.connect(
            directory / DATABASE_NAME,
            timeout=_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _prepare(connection, directory)
        except (sqlite3.Error, LibraryError):
            connection.close()
            raise
    return connection


def read_only(directory: Path) -> sqlite3.Connection | None:
    """The library's file to look into without any change, or None where there is none.

    Raises:
        LibraryError: it is in another form than this Stillroom reads without writing.
        LibraryDamagedError: it is not a SQLite database, or is broken.
    """
    path = directory / DATABASE_NAME
    if not path.is_file():
        return None
    with translated_errors(directory):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT_SECONDS
        )
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
    if version != SCHEMA_VERSION:
        connection.close()
        raise LibraryError(
            f"the library {directory} has format {version}; without writing only {SCHEMA_VERSION} is read",
            hint=f"stillroom sources --library {directory.name}",
        )
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, directory: Path) -> Iterator[None]:
    """All that runs inside is committed together, or not at all."""
    with translated_errors(directory), sqlite_file.transaction(connection):
        yield


@contextlib.contextmanager
def translated_errors(directory: Path) -> Iterator[None]:
    """Turn SQLite's errors and those of the file system into ours."""
    try:
        yield
    except sqlite3.ProgrammingError:
        # A mistake of ours, such as using a closed library: no person can mend it.
        raise
    except sqlite3.DatabaseError as error:
        raise _meant(error, directory) from error
    except OSError as error:
        raise _unfit(directory, error.strerror or str(error)) from error


def index_error(kind: str, directory: Path, error: Exception) -> LibraryDamagedError | EnvironmentUnfitError:
    """What an index library's error means: a full disk or a damaged index.

    Args:
        kind: ``vector`` or ``word``.
        directory: the index's own folder.
        error: as Chroma or Tantivy raised it; both carry the system's message as text at best.
    """
    # Chroma reports a full disk in words of its own ("Failed to apply logs to the metadata segment").
    full = any(sign in str(error) for sign in ("No space left", "disk is full", "Disk quota"))
    if full or _free_bytes(directory) < _LEAST_FREE_BYTES:
        return _unfit(directory, "no space left on the disk")
    # LIBRARY/indexes/NAME/KIND, as rag.store.indexes lays it out.
    library = directory.parents[2]
    return LibraryDamagedError(
        f"the {kind} index {directory} cannot be used: {error}", hint=rebuild_command(library)
    )


def _free_bytes(directory: Path) -> int:
    existing = next(folder for folder in (directory, *directory.parents) if folder.exists())
    return shutil.disk_usage(existing).free


def rebuild_command(library: Path) -> str:
    """What makes both indexes anew from the stored text; the directory's name is the library's."""
    return f"stillroom ingest --rebuild --library {library.name}"


def _unfit(directory: Path, reason: str) -> EnvironmentUnfitError:
    return EnvironmentUnfitError(
        f"the library {directory} cannot be used: {reason}",
        hint="STILLROOM_DATA_DIR=… names another place",
    )


def _prepare(connection: sqlite3.Connection, directory: Path) -> None:
    # Readers go on reading the last commit while one process writes.
    connection.execute("PRAGMA journal_mode = WAL")
    # Safe against a killed process. After a power cut the last commits may be missing here and present in
    # the indexes: the counts then differ, and the indexes are derived again.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise LibraryError(
            f"the library {directory} has format {version}; this Stillroom reads up to {SCHEMA_VERSION}",
            hint="pip install --upgrade stillroom",
        )
    if version < SCHEMA_VERSION:
        _bring_up_to_date(connection)


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    # The version is read again inside: two processes may open a new library at the same time. Tables are
    # dropped and made anew by a step, which rows that point at them must not notice.
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            create_tables(connection)
        else:
            migrate(connection, version)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("PRAGMA foreign_keys = ON")


def _meant(error: sqlite3.DatabaseError, directory: Path) -> LibraryError | EnvironmentUnfitError:
    reason = str(error)
    match sqlite_file.trouble(error):
        case "busy":
            return LibraryBusyError(
                f"the library file {directory / DATABASE_NAME} was locked for {_TIMEOUT_SECONDS:.0f} s",
                hint="try again when the other process is done",
            )
        case "unfit":
            writable = os.access(directory, os.W_OK)
            return _unfit(directory, reason if writable else f"it may not be written to ({reason})")
        case "damaged":
            return _damaged(directory, reason)


def _damaged(directory: Path, reason: str) -> LibraryDamagedError:
    return LibraryDamagedError(
        f"the library file {directory / DATABASE_NAME} is damaged ({reason})",
        hint=f"stillroom library repair --library {directory.name}, which saves what can still be read",
    )

"""A SQLite file of the state directory: how it is opened and made, and what its errors mean.

Several processes write to it at once, each for milliseconds, and only its owner may read it. What is kept in
such a file, and in which tables, is said by whoever keeps it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.private_files import make_private_file
from stillroom.errors import EnvironmentUnfitError
from stillroom.sqlite_file import trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stillroom.errors import StillroomError

# A writer has the file for milliseconds; whoever waits longer than this waits for a process that hangs.
_TIMEOUT_SECONDS: Final = 10.0

# What was deleted is overwritten with zeros: a conversation that a person deletes is gone, and so are the
# questions and answers of a job. With a write-ahead log a killed process loses nothing at this level; only
# lost power may take the last moments, and nothing is damaged by it.
_PRAGMAS: Final = ("PRAGMA secure_delete = ON", "PRAGMA synchronous = NORMAL")


@dataclass(frozen=True, slots=True)
class PrivateDatabase:
    """One kind of file, wherever it lies.

    Attributes:
        contents: what is kept in it, in the plural, such as ``jobs``.
        error: what is raised where it is damaged, held by another process or of a newer Stillroom.
        version: of its tables; a higher one was written by a newer Stillroom.
        tables: statements that make them where they are missing.
        first_pragmas: for a file that is being made.
        pragmas: for each connection, besides those of every such file.
    """

    contents: str
    error: type[StillroomError]
    version: int
    tables: str
    first_pragmas: tuple[str, ...] = ()
    pragmas: tuple[str, ...] = ()

    def connect(self, path: Path) -> sqlite3.Connection:
        """The file, made where there is none.

        Every statement commits on its own unless it runs in ``stillroom.sqlite_file.transaction``. Threads
        may share the connection.

        Raises:
            sqlite3.Error: to be translated by ``translated_errors``.
            OSError: likewise.
            StillroomError: ``error``; a newer Stillroom wrote it.
        """
        make_private_file(path)
        connection = sqlite3.connect(
            path, timeout=_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        with _closed_unless_ready(connection):
            _execute(connection, (*_PRAGMAS, *self.pragmas))
            self._prepare(connection, path)
        return connection

    @contextlib.contextmanager
    def translated_errors(self, path: Path) -> Iterator[None]:
        """Turn SQLite's errors, those of JSON in a column and those of the file system into ours.

        Raises:
            StillroomError: ``error``; the file is damaged, or another process does not let go of it.
            EnvironmentUnfitError: no space, no permission.
        """
        try:
            yield
        except sqlite3.ProgrammingError:
            # A mistake of ours, such as using what is closed: no person can mend it.
            raise
        except sqlite3.DatabaseError as error:
            raise self._meant(error, path) from error
        except json.JSONDecodeError as error:
            raise self._damaged(path, str(error)) from error
        except FileExistsError as error:
            raise self._unfit(path, f"{error.filename} has to be a folder") from error
        except NotADirectoryError as error:
            raise self._unfit(path, f"{path.parent} has to be a folder") from error
        except OSError as error:
            raise self._unfit(path, error.strerror or str(error)) from error

    def _prepare(self, connection: sqlite3.Connection, path: Path) -> None:
        """Make the tables; of several processes one at a time."""
        import filelock

        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > self.version:
            raise self.error(
                f"the {self.contents} in {path} have format {version};"
                f" this Stillroom reads up to {self.version}",
                hint="update Stillroom",
            )
        if version == self.version:
            return
        # SQLite does not wait for whoever changes the journal's mode at the same time.
        with filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=_TIMEOUT_SECONDS, mode=0o600):
            _execute(connection, (*self.first_pragmas, "PRAGMA journal_mode = WAL"))
            connection.executescript(
                f"BEGIN IMMEDIATE; {self.tables}; PRAGMA user_version = {self.version}; COMMIT;"
            )

    def _meant(self, error: sqlite3.DatabaseError, path: Path) -> StillroomError:
        match trouble(error):
            case "busy":
                return self.error(
                    f"another process has held {path} for {_TIMEOUT_SECONDS:.0f} seconds",
                    hint="end the other stillroom, and try again",
                )
            case "unfit":
                return self._unfit(path, str(error))
            case "damaged":
                return self._damaged(path, str(error))

    def _damaged(self, path: Path, detail: str) -> StillroomError:
        return self.error(
            f"the file of the {self.contents}, {path}, is damaged: {detail}",
            hint=f"nothing was changed; move it aside to begin anew: mv '{path}' '{path}.damaged'",
        )

    def _unfit(self, path: Path, detail: str) -> EnvironmentUnfitError:
        return EnvironmentUnfitError(
            f"the {self.contents} in {path} cannot be used: {detail}",
            hint="stillroom settings shows state_dir; it needs space, and permission to write",
        )


def connect_plainly(path: Path) -> sqlite3.Connection:
    """A further connection to a file that ``connect`` made ready, with Python's own transactions.

    Raises:
        sqlite3.Error: to be translated by ``translated_errors``.
    """
    connection = sqlite3.connect(path, timeout=_TIMEOUT_SECONDS, check_same_thread=False)
    with _closed_unless_ready(connection):
        _execute(connection, _PRAGMAS)
    return connection


@contextlib.contextmanager
def _closed_unless_ready(connection: sqlite3.Connection) -> Iterator[None]:
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        yield
        undo.pop_all()


def _execute(connection: sqlite3.Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement)

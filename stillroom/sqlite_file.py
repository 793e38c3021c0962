"""What every SQLite file of Stillroom's shares: a transaction, and what kind of trouble an error means.

It knows no table and no message: each file's module says in its own words what is wrong, and what to do.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Trouble = Literal["busy", "unfit", "damaged"]

# https://www.sqlite.org/rescode.html: the lowest byte is the primary code.
_PRIMARY: Final = 0xFF
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_UNFIT: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that runs inside is committed together, or not at all; nobody else writes meanwhile.

    Args:
        connection: opened with ``isolation_level=None``, so that it commits each statement elsewhere.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk makes SQLite roll back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def trouble(error: sqlite3.DatabaseError) -> Trouble:
    """What an error says of the file.

    Returns:
        ``busy`` where another process holds it, ``unfit`` where the disk or a permission is in the way, and
        ``damaged`` for all else.
    """
    # An error that Python's own code raises has no code.
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return "damaged"
    primary = code & _PRIMARY
    return "busy" if primary in _BUSY else "unfit" if primary in _UNFIT else "damaged"

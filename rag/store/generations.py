"""What readers must notice: which indexes are current, what they hold, and that something has changed.

Every function takes a connection inside a `transaction`. Nothing here touches documents or the indexes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def mark_indexed(connection: sqlite3.Connection, documents: Sequence[str], stale: Sequence[str]) -> None:
    """The indexes have these documents now, and no longer these passages."""
    connection.executemany("UPDATE documents SET state = 'indexed' WHERE id = ?", [(d,) for d in documents])
    connection.executemany("DELETE FROM stale_passages WHERE id = ?", [(passage,) for passage in stale])
    next_generation(connection)


def use_indexes(connection: sqlite3.Connection, index_name: str, fingerprint: str) -> None:
    """From this commit on readers use the indexes in that folder, made with that fingerprint."""
    _set(connection, "index_name", index_name)
    _set(connection, "fingerprint", fingerprint)
    next_generation(connection)


def next_generation(connection: sqlite3.Connection) -> None:
    """Tell readers in other processes to look again."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
    _set(connection, "generation", str(int(row[0]) + 1 if row else 1))


def _set(connection: sqlite3.Connection, key: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

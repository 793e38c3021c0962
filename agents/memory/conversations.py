"""All conversations that are kept, in one SQLite file: open, list, rename, delete, read.

Several processes may use the file at once; one conversation belongs to one process at a time, and a second
one is told. What a conversation is made of is ``agents.memory.conversation``'s business.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from agents.memory.conversation import Conversation, kept_turns, thread_id
from agents.memory.database import CONVERSATIONS
from agents.memory.names import checked_name
from stillroom.errors import ConversationBusyError, ConversationError
from stillroom.sqlite_file import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from agents.memory.turns import KeptTurn


_OVERVIEWS: Final = """
SELECT name,
    (SELECT count(*) FROM turns WHERE conversation = id),
    coalesce((SELECT question FROM turns WHERE conversation = id ORDER BY number LIMIT 1), ''),
    created, used, model
FROM conversations ORDER BY used DESC, id DESC
"""


@dataclass(frozen=True, slots=True)
class Overview:
    """A conversation in a line.

    Attributes:
        turns: questions that were asked.
        first_question: empty where none was asked yet.
        created: ISO 8601 in UTC.
        used: when it was last asked something, likewise.
        model: that was asked last.
    """

    name: str
    turns: int
    first_question: str
    created: str
    used: str
    model: str


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """A conversation as it is read and exported."""

    overview: Overview
    turns: tuple[KeptTurn, ...]


class Conversations:
    """The conversations of a file. Nothing is opened until something is asked of it.

    Args:
        path: of the file; it is made when a conversation is opened.

    Example:
        >>> with Conversations(path).open("taxes") as conversation:  # doctest: +SKIP
        ...     run_agent("What is due in May?", conversation=conversation, endpoint=endpoint, tools=tools)
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, name: str) -> Conversation:
        """The conversation of that name, gone on with or begun.

        Raises:
            ConversationError: the name cannot be one, or the file is damaged.
            ConversationBusyError: another process, or another part of this one, has it open.
            EnvironmentUnfitError: no space or no permission.
        """
        name = checked_name(name)
        with contextlib.ExitStack() as undo:
            connection = undo.enter_context(self._connected())
            with CONVERSATIONS.translated_errors(self._path):
                now = datetime.now(UTC).isoformat(timespec="seconds")
                connection.execute(
                    "INSERT OR IGNORE INTO conversations (name, created, used) VALUES (?, ?, ?)",
                    (name, now, now),
                )
            identity = self._identity(connection, name)
            undo.enter_context(self._held(connection, identity, name))
            held = undo.pop_all()
        return Conversation(self._path, connection, identity=identity, name=name, held=held)

    def list(self) -> tuple[Overview, ...]:
        """All of them, the last used first.

        Raises:
            ConversationError: the file is damaged.
            EnvironmentUnfitError: no permission, or its folder is no folder.
        """
        with CONVERSATIONS.translated_errors(self._path):
            try:
                self._path.stat()
            except FileNotFoundError:
                return ()
        with self._connected() as connection, CONVERSATIONS.translated_errors(self._path):
            rows = connection.execute(_OVERVIEWS).fetchall()
        return tuple(Overview(*row) for row in rows)

    def read(self, name: str) -> KeptConversation:
        """A conversation's turns; also while somebody has it open.

        Raises:
            ConversationError: there is none of that name, or it cannot be read.
        """
        overview = self.overview(name)
        with self._connected() as connection:
            identity = self._identity(connection, overview.name)
            return KeptConversation(overview, kept_turns(connection, self._path, identity, overview.name))

    def rename(self, name: str, new_name: str) -> None:
        """Give a conversation another name.

        Raises:
            ConversationError: there is none of that name, the new one cannot be one or is taken.
            ConversationBusyError: somebody has it open.
        """
        name, new_name = self.overview(name).name, checked_name(new_name)
        with self._connected() as connection:
            identity = self._identity(connection, name)
            held = self._held(connection, identity, name)
            with held, CONVERSATIONS.translated_errors(self._path), transaction(connection):
                if connection.execute("SELECT 1 FROM conversations WHERE name = ?", (new_name,)).fetchone():
                    raise ConversationError(
                        f"there is a conversation {new_name!r} already", hint="stillroom conversations list"
                    )
                connection.execute("UPDATE conversations SET name = ? WHERE id = ?", (new_name, identity))

    def delete(self, name: str) -> None:
        """Delete a conversation; what it took on the disk is overwritten and given back.

        Raises:
            ConversationError: there is none of that name.
            ConversationBusyError: somebody has it open.
        """
        name = self.overview(name).name
        with self._connected() as connection:
            identity = self._identity(connection, name)
            with self._held(connection, identity, name), CONVERSATIONS.translated_errors(self._path):
                with transaction(connection):
                    connection.execute("DELETE FROM conversations WHERE id = ?", (identity,))
                    for table in _checkpoint_tables(connection):
                        connection.execute(
                            f"DELETE FROM {table} WHERE thread_id = ?",  # noqa: S608 - one of two names
                            (thread_id(identity),),
                        )
                connection.execute("PRAGMA incremental_vacuum")
                # The write-ahead log still holds its pages; another reader may put that off.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._lock_path(identity).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with CONVERSATIONS.translated_errors(self._path):
            connection = CONVERSATIONS.connect(self._path)
        try:
            yield connection
        finally:
            connection.close()

    def overview(self, name: str) -> Overview:
        """A conversation in a line.

        Raises:
            ConversationError: there is none of that name, or the file is damaged.
        """
        name = checked_name(name)
        for overview in self.list():
            if overview.name == name:
                return overview
        raise ConversationError(f"there is no conversation {name!r}", hint="stillroom conversations list")

    def _identity(self, connection: sqlite3.Connection, name: str) -> int:
        with CONVERSATIONS.translated_errors(self._path):
            row = connection.execute("SELECT id FROM conversations WHERE name = ?", (name,)).fetchone()
        if row is None:  # deleted at this moment, by somebody else
            raise ConversationError(f"there is no conversation {name!r}", hint="stillroom conversations list")
        return int(row[0])

    @contextlib.contextmanager
    def _held(self, connection: sqlite3.Connection, identity: int, name: str) -> Iterator[None]:
        """Hold a conversation; the operating system lets go of it when the process dies."""
        import filelock

        path = self._lock_path(identity)
        with CONVERSATIONS.translated_errors(self._path):
            path.parent.mkdir(exist_ok=True, mode=0o700)
            # Not of one thread: a chat opens a conversation in one and may close it in another.
            lock = filelock.FileLock(path, timeout=0, mode=0o600, thread_local=False)
            try:
                lock.acquire()
            except filelock.Timeout as error:
                raise self._busy(connection, identity, name) from error
        try:
            with CONVERSATIONS.translated_errors(self._path):
                connection.execute(
                    "UPDATE conversations SET holder = ? WHERE id = ?", (os.getpid(), identity)
                )
            yield
        finally:
            lock.release()

    def _busy(self, connection: sqlite3.Connection, identity: int, name: str) -> ConversationBusyError:
        row = connection.execute("SELECT holder FROM conversations WHERE id = ?", (identity,)).fetchone()
        who = f"process {row[0]}" if row and row[0] else "another process"
        return ConversationBusyError(
            f"{who} has the conversation {name!r} open", hint="end the chat there, or use another name"
        )

    def _lock_path(self, identity: int) -> Path:
        return self._path.with_name(f"{self._path.name}.locks") / str(identity)


def _checkpoint_tables(connection: sqlite3.Connection) -> tuple[str, ...]:
    """LangGraph makes its tables when it is first used."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('checkpoints', 'writes')"
    )
    return tuple(name for (name,) in rows.fetchall())

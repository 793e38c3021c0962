"""The writing side of a library: the lock, a connection of its own, and indexes that agree with the truth.

Whoever comes here first after a crash mends what it left. Nothing here parses or searches.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.store.database import open_database, rebuild_command
from rag.store.derive import derive_indexes
from rag.store.indexes import (
    Indexes,
    agree,
    follow,
    index_directory,
    index_fingerprint,
    remove_abandoned,
)
from rag.store.records import read_pending, read_settled, read_stale
from rag.store.write_lock import write_lock
from stillroom.errors import LibraryDamagedError, LibraryOutdatedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rag.embedders import Embedder
    from rag.store.chroma_server import ChromaServer


@dataclass(slots=True)
class Writer:
    """What a writing operation works with, while it holds the lock."""

    directory: Path
    connection: sqlite3.Connection
    embedder: Embedder
    chroma: ChromaServer | None = None
    _opened: Indexes | None = None

    @property
    def indexes(self) -> Indexes:
        """The indexes, opened when they are first asked for, and mended where that is necessary."""
        if self._opened is None:
            self._opened = _mended(self.connection, self.directory, self.embedder, self.chroma)
        return self._opened

    def follow(self, on_indexed: Callable[[int], None]) -> None:
        """Bring the indexes to where the truth is; see `rag.store.indexes.follow`."""
        if read_pending(self.connection) or read_stale(self.connection):
            follow(self.connection, self.directory, self.indexes, self.embedder, on_indexed=on_indexed)

    def close(self) -> None:
        """Let go of the indexes."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


@contextlib.contextmanager
def writing(
    directory: Path, embedder: Embedder, chroma: ChromaServer | None = None, *, mend: bool = True
) -> Iterator[Writer]:
    """Hold the library for writing, mended where a crash or a damaged index made that necessary.

    Args:
        directory: the library's.
        embedder: whose vectors the indexes hold.
        chroma: the server that holds them, if one does.
        mend: look at the indexes at once; else when there is something to write, since to open them and to
            count what is in them takes seconds in a large library.

    Raises:
        LibraryBusyError: another process writes.
        LibraryDamagedError: the truth itself cannot be read.
        LibraryOutdatedError: the indexes were made with another embedder or version.
    """
    with write_lock(directory), contextlib.closing(open_database(directory)) as connection:
        check_fingerprint(read_settled(connection).fingerprint, embedder, library=directory)
        remove_abandoned(directory, read_settled(connection).index_name, chroma)
        with contextlib.closing(Writer(directory, connection, embedder, chroma)) as writer:
            if mend:
                _ = writer.indexes
            yield writer


def rebuild_indexes(
    directory: Path,
    embedder: Embedder,
    *,
    on_indexed: Callable[[int], None],
    chroma: ChromaServer | None = None,
) -> None:
    """Derive both indexes anew with this embedder, whatever made the present ones.

    Raises:
        LibraryBusyError: another process writes.
        LibraryDamagedError: the truth itself cannot be read.
    """
    with write_lock(directory), contextlib.closing(open_database(directory)) as connection:
        derive_indexes(connection, directory, embedder, on_indexed=on_indexed, chroma=chroma).close()
        remove_abandoned(directory, read_settled(connection).index_name, chroma)


def check_fingerprint(stored: str, embedder: Embedder, *, library: Path) -> None:
    """Refuse indexes that were made with something else; ``library`` is the directory, for the hint.

    Raises:
        LibraryOutdatedError: it names both fingerprints and the command that embeds again from stored text.
    """
    wanted = index_fingerprint(embedder)
    if stored and stored != wanted:
        raise LibraryOutdatedError(
            f"the library {library.name} was indexed with {stored}, and this is {wanted}",
            hint=rebuild_command(library),
        )


def open_current(
    connection: sqlite3.Connection, directory: Path, chroma: ChromaServer | None = None
) -> Indexes:
    """The current indexes.

    Raises:
        LibraryDamagedError: they are missing or cannot be opened.
    """
    name = read_settled(connection).index_name
    folder = index_directory(directory, name)
    # Opening would create an empty pair in place of a missing one, and hide the loss.
    if not name or not folder.is_dir():
        raise LibraryDamagedError(f"the index {folder} is missing", hint=rebuild_command(directory))
    return Indexes(folder, chroma)


def _mended(
    connection: sqlite3.Connection, directory: Path, embedder: Embedder, chroma: ChromaServer | None
) -> Indexes:
    """The current indexes after they followed the truth, or new ones where they cannot."""
    if read_settled(connection).index_name:
        with contextlib.suppress(LibraryDamagedError):
            indexes = open_current(connection, directory, chroma)
            if _caught_up(connection, directory, indexes, embedder):
                return indexes
    return derive_indexes(connection, directory, embedder, on_indexed=_silent, chroma=chroma)


def _caught_up(connection: sqlite3.Connection, directory: Path, indexes: Indexes, embedder: Embedder) -> bool:
    """Whether the indexes could follow and now agree; they are closed where not."""
    agreed = False
    try:
        follow(connection, directory, indexes, embedder, on_indexed=_silent)
        agreed = agree(connection, indexes)
    finally:
        if not agreed:
            indexes.close()
    return agreed


def _silent(_passages: int) -> None:
    """Mending reports to nobody."""

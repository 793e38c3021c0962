"""Whether a library is sound: its file, what stands in it, and that both indexes hold just that.

It looks at every row and every id, and changes nothing. Mending is `rag.upkeep.repairing`'s.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rag.store.database import open_database, translated_errors
from rag.store.indexes import index_directory
from rag.store.records import read_failures, read_files, read_pending, read_settled, read_stale
from rag.store.writer import open_current
from stillroom.errors import LibraryDamagedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rag.store.chroma_server import ChromaServer
    from rag.store.indexes import Indexes

# Of ids that are wrong, so many are named.
_SHOWN_IDS = 3

# What no SQL constraint says: rows that contradict each other.
_CONTRADICTIONS = (
    (
        "passages whose place is not inside their document's text",
        """SELECT passages.id FROM passages JOIN documents ON documents.id = document_id
        WHERE start < 0 OR start >= "end" OR "end" > length(text)""",
    ),
    (
        "documents without a passage",
        "SELECT id FROM documents WHERE id NOT IN (SELECT document_id FROM passages)",
    ),
    (
        "documents whose file is not known",
        """SELECT documents.id FROM documents LEFT JOIN files
        ON files.path = documents.path AND files.document_id = documents.id WHERE files.path IS NULL""",
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        part: ``truth`` is the SQLite file, which nothing can make again; ``vectors`` and ``words`` are made
            from it; ``files`` are the documents' own, on disk.
        message: what is wrong, with how many and which.
    """

    part: Literal["truth", "vectors", "words", "files"]
    message: str


def check(directory: Path, *, chroma: ChromaServer | None = None, files: bool = False) -> tuple[Finding, ...]:
    """Everything that is wrong with the library in ``directory``.

    A writer that is at work just now makes the indexes look behind; its own end mends that.

    Args:
        directory: of the library.
        chroma: the server that holds the vectors, if one does.
        files: look also whether the documents' files are still on disk and unchanged.

    Raises:
        LibraryDamagedError: the SQLite file cannot be opened at all.
        EnvironmentUnfitError: the Chroma server does not answer.
    """
    with contextlib.closing(open_database(directory)) as connection:
        findings = list(_of_the_truth(connection))
        if findings:
            return tuple(findings)
        with translated_errors(directory):
            findings += _of_the_indexes(connection, directory, chroma)
            if files:
                findings += _of_the_files(connection)
    return tuple(findings)


def _of_the_truth(connection: sqlite3.Connection) -> Iterator[Finding]:
    try:
        for (message,) in connection.execute("PRAGMA integrity_check"):
            if message != "ok":
                yield Finding("truth", message)
        broken = Counter(table for table, *_ in connection.execute("PRAGMA foreign_key_check"))
        for table, rows in broken.items():
            yield Finding("truth", f"{rows} rows of {table} point at nothing")
        for what, query in _CONTRADICTIONS:
            if ids := [identity for (identity,) in connection.execute(query)]:
                yield Finding("truth", f"{what}: {_named(ids)}")
    except sqlite3.DatabaseError as error:
        yield Finding("truth", f"the SQLite file cannot be read to its end: {error}")


def _of_the_indexes(
    connection: sqlite3.Connection, directory: Path, chroma: ChromaServer | None
) -> Iterator[Finding]:
    held = {identity for (identity,) in connection.execute("SELECT id FROM passages WHERE NOT repeat")}
    if not held and not read_settled(connection).index_name:
        yield from _left_over(directory)
        return
    if waiting := len(read_pending(connection)) + len(read_stale(connection)):
        yield Finding("words", f"{waiting} changes have not reached the indexes yet")
    if chroma is None and (
        died := dies_reading(index_directory(directory, read_settled(connection).index_name))
    ):
        yield Finding("vectors", died)
        return
    try:
        indexes = open_current(connection, directory, chroma)
    except LibraryDamagedError as error:
        yield Finding("vectors" if "vector" in error.message else "words", error.message)
        return
    with contextlib.closing(indexes):
        yield from _compared(held, indexes)


def _left_over(directory: Path) -> Iterator[Finding]:
    """Indexes that no text belongs to: an ingest was killed at its very beginning, or the text was lost."""
    indexes = index_directory(directory, "")
    if indexes.is_dir() and any(indexes.iterdir()):
        yield Finding(
            "words",
            f"{indexes} holds an index and the library no document: its first ingest was cut off, or "
            "library.sqlite3 was lost; if you have a copy, put it back",
        )


def dies_reading(index: Path) -> str:
    """What is wrong where a process of its own dies while it reads the vectors; empty where it lives.

    Chroma reads a damaged file in native code, which can end whoever asks.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", "rag.upkeep.trial", str(index)],
        capture_output=True,
        text=True,
        check=False,
    )
    # What Chroma says in words is found again, and told, by looking at it in this process.
    return f"the vector index {index} kills whoever reads it" if done.returncode < 0 else ""


def _compared(held: set[str], indexes: Indexes) -> Iterator[Finding]:
    for part, listed in (("vectors", indexes.vectors.ids), ("words", indexes.words.ids)):
        try:
            found = Counter(listed())
        except LibraryDamagedError as error:
            yield _finding(part, error.message)
            continue
        for what, ids in (
            ("passages are missing", held - found.keys()),
            ("passages are not in the library", found.keys() - held),
            ("passages are there twice", {identity for identity, times in found.items() if times > 1}),
        ):
            if ids:
                yield _finding(part, f"{what}: {_named(sorted(ids))}")


def _finding(part: str, message: str) -> Finding:
    return Finding("vectors" if part == "vectors" else "words", message)


def _of_the_files(connection: sqlite3.Connection) -> Iterator[Finding]:
    for failure in read_failures(connection):
        yield Finding("files", f"{failure.path} could not be read: {failure.reason}")
    for _, known in sorted(read_files(connection).items()):
        if known.container is not None:
            continue
        try:
            there = Path(known.path).stat()
        except OSError as error:
            yield Finding("files", f"{known.path} is not there any more: {error.strerror}")
            continue
        if (there.st_size, there.st_mtime_ns) != (known.bytes, known.modified_ns):
            yield Finding("files", f"{known.path} has changed since it was read")


def _named(ids: Iterable[str]) -> str:
    """How many, and the first of them."""
    listed = list(ids)
    more = ", …" if len(listed) > _SHOWN_IDS else ""
    return f"{len(listed):,} ({', '.join(listed[:_SHOWN_IDS])}{more})"

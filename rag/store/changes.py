"""Change the truth: store, replace and remove documents, and record what the indexes must follow.

Every function takes a connection inside a `transaction`, so that a crash leaves all of a change or none.
A changed document is ``pending-index`` and its old passages are stale until the indexes have followed.
Nothing here touches the indexes themselves.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from rag.passages.chunker import Cut, PlacedSection

# Hexadecimal digits of an id: 80 bits, so that two of 10**9 passages collide with probability 4e-7.
_ID_DIGITS = 20


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it is written: what `rag.document.Document` tells, with its text and its cuts."""

    path: str
    title: str
    format: str
    content_hash: str
    parsers_version: int
    language: str
    text: str
    sections: tuple[PlacedSection, ...]
    cuts: tuple[Cut, ...]


def document_id(path: str) -> str:
    """The id of the document at an absolute path; it outlives changes of the content."""
    return _short_hash(path)


def put_document(connection: sqlite3.Connection, document: StoredDocument) -> None:
    """Store a document in place of what its path held before."""
    identity = document_id(document.path)
    remove_document(connection, identity)
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending-index')",
        (
            identity,
            document.path,
            document.title,
            document.format,
            document.content_hash,
            document.parsers_version,
            document.language,
            document.text,
        ),
    )
    connection.executemany(
        "INSERT INTO sections VALUES (?, ?, ?, ?, ?, ?)",
        [
            (identity, position, section.start, section.end, section.page, _json(section.heading))
            for position, section in enumerate(document.sections)
        ],
    )
    put_passages(connection, identity, document.text, document.cuts)


def put_passages(connection: sqlite3.Connection, identity: str, text: str, cuts: Sequence[Cut]) -> None:
    """Store a document's passages; an id that was stale and is in use again is stale no longer."""
    rows = [
        (
            _short_hash(f"{identity}\n{cut.start}\n{text[cut.start : cut.end]}"),
            identity,
            position,
            cut.start,
            cut.end,
            cut.page,
            cut.line,
            _json(cut.heading),
        )
        for position, cut in enumerate(cuts)
    ]
    connection.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany("DELETE FROM stale_passages WHERE id = ?", [row[:1] for row in rows])


def remove_document(connection: sqlite3.Connection, identity: str) -> None:
    """Remove a document; its passages become stale."""
    remove_passages(connection, identity)
    connection.execute("DELETE FROM documents WHERE id = ?", (identity,))


def remove_passages(connection: sqlite3.Connection, identity: str) -> None:
    """Remove a document's passages, which become stale."""
    connection.execute(
        "INSERT OR IGNORE INTO stale_passages SELECT id FROM passages WHERE document_id = ?", (identity,)
    )
    connection.execute("DELETE FROM passages WHERE document_id = ?", (identity,))


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


def add_source(connection: sqlite3.Connection, path: str) -> None:
    """Remember a path that was given to ingest."""
    connection.execute("INSERT OR IGNORE INTO sources VALUES (?)", (path,))


def _set(connection: sqlite3.Connection, key: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _json(heading: Sequence[str]) -> str:
    return json.dumps(heading, ensure_ascii=False)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_ID_DIGITS]

"""Read the truth: rows of the library's file as documents, passages and settings.

Every function takes an open connection and only reads. Nothing here knows vectors, words or scores.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.document import Document, Passage
from rag.passages.chunker import PlacedSection
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

_DOCUMENT = """
SELECT documents.id, path, title, format, content_hash, language, length(text),
       (SELECT count(*) FROM passages WHERE document_id = documents.id)
FROM documents
"""

# A passage's text is a span of its document's: the two cannot disagree.
_PASSAGE = """
SELECT passages.id, document_id, title, path, substr(text, start + 1, "end" - start),
       start, "end", page, line, heading
FROM passages JOIN documents ON documents.id = passages.document_id
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """What the indexes were made with, and where they are.

    Attributes:
        generation: counts up with every change that a reader should notice.
        index_name: folder of the current indexes; empty before the first ingest.
        fingerprint: of the embedder, the chunker and the terms; empty before the first ingest.
    """

    generation: int
    index_name: str
    fingerprint: str


def read_settled(connection: sqlite3.Connection) -> Settled:
    """The indexes' place and fingerprint, read in one statement so that they belong together."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    return Settled(
        generation=int(meta.get("generation", "0")),
        index_name=meta.get("index_name", ""),
        fingerprint=meta.get("fingerprint", ""),
    )


def read_documents(connection: sqlite3.Connection) -> tuple[Document, ...]:
    """All documents, by path."""
    return tuple(Document(*row) for row in connection.execute(f"{_DOCUMENT} ORDER BY path"))


def read_document(connection: sqlite3.Connection, document_id: str) -> Document:
    """One document.

    Raises:
        LibraryError: the library has no such document.
    """
    row = connection.execute(f"{_DOCUMENT} WHERE documents.id = ?", (document_id,)).fetchone()
    if row is None:
        raise _unknown("document", document_id)
    return Document(*row)


def read_text(connection: sqlite3.Connection, document_id: str) -> str:
    """The stored text of one document, into which passages' offsets point.

    Raises:
        LibraryError: the library has no such document.
    """
    row = connection.execute("SELECT text FROM documents WHERE id = ?", (document_id,)).fetchone()
    if row is None:
        raise _unknown("document", document_id)
    text: str = row[0]
    return text


def read_sections(connection: sqlite3.Connection, document_id: str) -> tuple[PlacedSection, ...]:
    """Where a document's sections lie, in reading order."""
    rows = connection.execute(
        'SELECT start, "end", page, heading FROM sections WHERE document_id = ? ORDER BY position',
        (document_id,),
    )
    return tuple(
        PlacedSection(start, end, page, tuple(json.loads(heading))) for start, end, page, heading in rows
    )


def read_passage(connection: sqlite3.Connection, passage_id: str) -> Passage:
    """One passage.

    Raises:
        LibraryError: the library has no such passage.
    """
    for passage in find_passages(connection, [passage_id]):
        return passage
    raise _unknown("passage", passage_id)


def find_passages(connection: sqlite3.Connection, passage_ids: Sequence[str]) -> Iterator[Passage]:
    """Those of the passages that the library has, in the order asked for."""
    for passage_id in passage_ids:
        row = connection.execute(f"{_PASSAGE} WHERE passages.id = ?", (passage_id,)).fetchone()
        if row is not None:
            yield _passage(row)


def read_passages(connection: sqlite3.Connection, document_id: str) -> tuple[Passage, ...]:
    """A document's passages, in reading order."""
    rows = connection.execute(f"{_PASSAGE} WHERE document_id = ? ORDER BY position", (document_id,))
    return tuple(_passage(row) for row in rows)


def read_sources(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The absolute paths that were given to ingest."""
    return tuple(path for (path,) in connection.execute("SELECT path FROM sources ORDER BY path"))


def count_passages(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many documents and how many passages the truth has."""
    row: tuple[int, int] = connection.execute(
        "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM passages)"
    ).fetchone()
    return row


def read_pending(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Ids of documents that the indexes may not have yet."""
    rows = connection.execute("SELECT id FROM documents WHERE state = 'pending-index' ORDER BY path")
    return tuple(document_id for (document_id,) in rows)


def read_stale(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Ids of passages that are gone and that the indexes may still have."""
    return tuple(passage_id for (passage_id,) in connection.execute("SELECT id FROM stale_passages"))


def _passage(row: tuple[str, str, str, str, str, int, int, int | None, int, str]) -> Passage:
    identity, document, title, path, text, start, end, page, line, heading = row
    return Passage(identity, document, title, path, text, start, end, page, line, tuple(json.loads(heading)))


def _unknown(noun: str, wanted: str) -> LibraryError:
    return LibraryError(f"the library has no {noun} {wanted!r}", hint="stillroom sources")

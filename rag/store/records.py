"""Read the truth: rows of the library's file as documents, files, passages and settings.

Every function takes an open connection and only reads. Nothing here knows vectors, words or scores.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rag.document import Document, Passage
from rag.passages.placed import PlacedSection
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_DOCUMENT = """
SELECT documents.id, documents.path, title, format, content_hash, language, length(text),
       (SELECT count(*) FROM passages WHERE document_id = documents.id), documents.metadata, modified_ns
FROM documents JOIN files ON files.path = documents.path
"""

# So many of its columns are a document's own fields, in their order.
_OF_A_DOCUMENT = 8

# A passage's text is a span of its document's: the two cannot disagree.
_PASSAGE = """
SELECT passages.id, document_id, title, path,
       start, "end", page, line, heading, place, row, header, section
FROM passages JOIN documents ON documents.id = passages.document_id
"""

# SQLite takes 32,766 bound values in one statement, older builds 999.
_IDS_A_STATEMENT = 900


_TEXT_BYTES = "SELECT id, length(CAST(text AS BLOB)) FROM documents"

_LANGUAGE = "SELECT passages.id, language FROM passages JOIN documents ON documents.id = passages.document_id"


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
    files: dict[str, list[str]] = defaultdict(list)
    for identity, path in connection.execute(
        "SELECT document_id, path FROM files WHERE document_id IS NOT NULL ORDER BY path"
    ):
        files[identity].append(path)
    given: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, key, value in connection.execute("SELECT path, key, value FROM file_metadata"):
        given[path].append((key, value))
    rows = connection.execute(f"{_DOCUMENT} ORDER BY documents.path")
    return tuple(_document(row, files[row[0]], given) for row in rows)


def read_document(connection: sqlite3.Connection, document_id: str) -> Document:
    """One document.

    Raises:
        LibraryError: the library has no such document.
    """
    row = connection.execute(f"{_DOCUMENT} WHERE documents.id = ?", (document_id,)).fetchone()
    if row is None:
        raise _unknown("document", document_id)
    paths = [
        path
        for (path,) in connection.execute(
            "SELECT path FROM files WHERE document_id = ? ORDER BY path", (document_id,)
        )
    ]
    given: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, key, value in connection.execute(
        "SELECT path, key, value FROM file_metadata JOIN files USING (path) WHERE document_id = ?",
        (document_id,),
    ):
        given[path].append((key, value))
    return _document(row, paths, given)


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


def read_text_bytes(connection: sqlite3.Connection, document_ids: Sequence[str]) -> dict[str, int]:
    """Bytes of each document's stored text, which the file holds in UTF-8."""
    found: dict[str, int] = {}
    for first in range(0, len(document_ids), _IDS_A_STATEMENT):
        ids = document_ids[first : first + _IDS_A_STATEMENT]
        marks = ", ".join("?" * len(ids))
        found.update(connection.execute(f"{_TEXT_BYTES} WHERE id IN ({marks})", tuple(ids)).fetchall())
    return found


def read_notes(connection: sqlite3.Connection, document_id: str) -> tuple[str, ...]:
    """What a person should know of how a document was read; nothing for an unknown one."""
    row = connection.execute("SELECT notes FROM documents WHERE id = ?", (document_id,)).fetchone()
    return tuple(json.loads(row[0])) if row else ()


def read_sections(connection: sqlite3.Connection, document_id: str) -> tuple[PlacedSection, ...]:
    """Where a document's sections lie, in reading order."""
    rows = connection.execute(
        'SELECT start, "end", page, heading, kind, place, row, header '
        "FROM sections WHERE document_id = ? ORDER BY position",
        (document_id,),
    )
    return tuple(
        PlacedSection(start, end, page, tuple(json.loads(heading)), *rest)
        for start, end, page, heading, *rest in rows
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
    found: dict[str, Passage] = {}
    for first in range(0, len(passage_ids), _IDS_A_STATEMENT):
        ids = passage_ids[first : first + _IDS_A_STATEMENT]
        marks = ", ".join("?" * len(ids))
        rows = connection.execute(
            f"{_PASSAGE} WHERE passages.id IN ({marks}) ORDER BY document_id", tuple(ids)
        )
        found |= {passage.id: passage for passage in _passages(connection, rows)}
    yield from (found[identity] for identity in passage_ids if identity in found)


def read_languages(connection: sqlite3.Connection, passage_ids: Sequence[str]) -> dict[str, str]:
    """The language of each passage's document."""
    found: dict[str, str] = {}
    for first in range(0, len(passage_ids), _IDS_A_STATEMENT):
        ids = passage_ids[first : first + _IDS_A_STATEMENT]
        marks = ", ".join("?" * len(ids))
        found.update(connection.execute(f"{_LANGUAGE} WHERE passages.id IN ({marks})", tuple(ids)).fetchall())
    return found


def read_passages(connection: sqlite3.Connection, document_id: str) -> tuple[Passage, ...]:
    """A document's passages, in reading order."""
    rows = connection.execute(f"{_PASSAGE} WHERE document_id = ? ORDER BY position", (document_id,))
    return tuple(_passages(connection, rows))


def read_indexed_passages(connection: sqlite3.Connection, document_id: str) -> tuple[Passage, ...]:
    """A document's passages that the indexes hold: all but those that repeat an earlier one."""
    rows = connection.execute(
        f"{_PASSAGE} WHERE document_id = ? AND NOT repeat ORDER BY position", (document_id,)
    )
    return tuple(_passages(connection, rows))


def count_indexed_passages(connection: sqlite3.Connection) -> int:
    """How many passages the indexes hold once they have followed."""
    (count,) = connection.execute("SELECT count(*) FROM passages WHERE NOT repeat").fetchone()
    return int(count)


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that the last ingest could not read.

    Attributes:
        failed_at: ISO 8601, in UTC.
    """

    path: str
    reason: str
    hint: str
    failed_at: str


def read_failures(connection: sqlite3.Connection) -> tuple[Failure, ...]:
    """Files that could not be read, by path."""
    rows = connection.execute("SELECT path, reason, hint, failed_at FROM failures ORDER BY path")
    return tuple(Failure(*row) for row in rows)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the library knows of a file.

    Attributes:
        document_id: None for a container.
        container: the file on disk that it came out of; None where it is one itself.
        content_hash: empty where it must be read again.
        changed_ns: when the system last changed anything about it; 0 where that proves nothing.
        parser_version: that its document was read with; 0 for a container.
        format: of its document; empty for a container.
        title: of its document; empty for a container.
    """

    path: str
    document_id: str | None
    container: str | None
    content_hash: str
    bytes: int
    modified_ns: int
    changed_ns: int
    parser_version: int
    format: str
    title: str


def read_files(connection: sqlite3.Connection) -> dict[str, KnownFile]:
    """Every file that the library knows, by path."""
    rows = connection.execute(
        "SELECT files.path, document_id, container, content_hash, bytes, modified_ns, changed_ns, "
        "coalesce(parser_version, 0), coalesce(format, ''), coalesce(title, '') "
        "FROM files LEFT JOIN documents ON documents.id = files.document_id"
    )
    return {row[0]: KnownFile(*row) for row in rows}


def has_passages(connection: sqlite3.Connection) -> bool:
    """Whether there is anything to find; it counts nothing."""
    return connection.execute("SELECT 1 FROM passages LIMIT 1").fetchone() is not None


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


def _document(
    row: tuple[Any, ...], paths: Sequence[str], given: Mapping[str, Sequence[tuple[str, str]]]
) -> Document:
    """The row with all its files, and what they and persons say of it."""
    document = Document(*row[:_OF_A_DOCUMENT])
    told, changed_ns = row[_OF_A_DOCUMENT:]
    values: dict[str, list[str]] = {key: [value] for key, value in json.loads(told).items()}
    for path in paths:
        for key, value in given.get(path, ()):
            if value not in values.setdefault(key, []):
                values[key].append(value)
    return replace(
        document,
        other_paths=tuple(path for path in paths if path != document.path),
        metadata={key: tuple(each) for key, each in values.items()},
        modified=dt.datetime.fromtimestamp(changed_ns / 1e9, tz=dt.UTC).isoformat(timespec="seconds"),
    )


def _passages(connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> Iterator[Passage]:
    """The passages of rows of which those of one document follow each other.

    A text is read once and cut here: SQLite's ``substr`` counts characters from the text's start for each
    row, which in a long document takes time by the square of its length.
    """
    document, text = "", ""
    for identity, document_id, title, path, start, end, page, line, heading, *place in rows:
        if document_id != document:
            document, text = document_id, read_text(connection, document_id)
        yield Passage(
            identity,
            document_id,
            title,
            path,
            text[start:end],
            start,
            end,
            page,
            line,
            tuple(json.loads(heading)),
            *place,
        )


def _unknown(noun: str, wanted: str) -> LibraryError:
    return LibraryError(f"the library has no {noun} {wanted!r}", hint="stillroom sources")

"""Change the truth: store, replace and remove files and documents, and record what the indexes must follow.

Every function takes a connection inside a `transaction`, so that a crash leaves all of a change or none.
A changed document is ``pending-index`` and its old passages are stale until the indexes have followed.
Nothing here touches the indexes themselves.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.store.identity import document_identity, passage_identity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rag.passages.placed import Cut, PlacedSection


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it is written.

    Attributes:
        path: absolute; ``archive.zip!/inner.txt`` for what an archive holds.
        content_hash: SHA-256 of its bytes, in hex.
        modified_ns: when it was last changed, nanoseconds since 1970.
        container: the file on disk that it came out of; None where it is one itself.
        metadata: what a person gave it: ``{"tag": ("tax", "2026")}``.
        changed_ns: when the system last changed anything about it; 0 where size and times do not yet prove
            that its bytes are the same, because it was written only just before it was read.
    """

    path: str
    content_hash: str
    bytes: int = 0
    modified_ns: int = 0
    container: str | None = None
    metadata: Mapping[str, Sequence[str]] = field(default_factory=dict)
    changed_ns: int = 0


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it is written: what `rag.document.Document` tells, with its text and its cuts.

    Attributes:
        metadata: what the file says of itself.
        notes: what a person should know of how it was read.
        id: from the text alone, whichever files hold it; worked out once, for it reads all of the text.
    """

    title: str
    format: str
    parser_version: int
    language: str
    text: str
    sections: tuple[PlacedSection, ...]
    cuts: tuple[Cut, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    id: str = field(init=False)

    def __post_init__(self) -> None:
        """Work out the id."""
        exact = any(section.kind == "code" for section in self.sections)
        object.__setattr__(self, "id", document_identity(self.text, exact=exact))


def put_file(connection: sqlite3.Connection, file: StoredFile, document: StoredDocument) -> tuple[str, ...]:
    """Store a file with its document, in place of what its path held before.

    Where the text is there already, from another file, the file becomes one more source of it.

    Returns:
        Paths of files that must be read again, because the file from which their document's text had been
        read no longer holds it.
    """
    identity = document.id
    row = connection.execute("SELECT path FROM documents WHERE id = ?", (identity,)).fetchone()
    orphans = _let_go(connection, file.path, unless=identity)
    _write_file(connection, file, identity if row else None)
    # Read again from the file it came from: another parser may have given other sections.
    if row is None or row[0] == file.path:
        _put_document(connection, identity, file, document)
        connection.execute("UPDATE files SET document_id = ? WHERE path = ?", (identity, file.path))
    return orphans


def put_container(connection: sqlite3.Connection, file: StoredFile) -> None:
    """Store that an archive was read, so that it is not unpacked again before it changes."""
    _let_go(connection, file.path, unless="")
    _write_file(connection, file, None)


def put_copy(connection: sqlite3.Connection, file: StoredFile, identity: str) -> tuple[str, ...]:
    """Store a file whose bytes the library knows from another, and so its document, in place of what it held.

    Returns:
        Paths of files that must be read again, as `put_file` says.
    """
    orphans = _let_go(connection, file.path, unless=identity)
    _write_file(connection, file, identity)
    return orphans


def touch_file(connection: sqlite3.Connection, path: str, *, modified_ns: int, changed_ns: int) -> None:
    """Its bytes are the same; only its times are new."""
    connection.execute(
        "UPDATE files SET modified_ns = ?, changed_ns = ? WHERE path = ?", (modified_ns, changed_ns, path)
    )
    forget_failure(connection, path)


def rename_file(
    connection: sqlite3.Connection, old: str, new: str, *, modified_ns: int, changed_ns: int = 0
) -> None:
    """The same file under another path: its document, its metadata and what came out of it stay."""
    for path in (old, *_members(connection, old)):
        moved = new + path.removeprefix(old)
        connection.execute("DELETE FROM failures WHERE path IN (?, ?)", (path, moved))
        kept = list(connection.execute("SELECT key, value FROM file_metadata WHERE path = ?", (path,)))
        (row,) = connection.execute(
            "SELECT document_id, container, content_hash, bytes FROM files WHERE path = ?", (path,)
        )
        connection.execute("DELETE FROM files WHERE path = ?", (path,))
        container = new if row[1] == old else row[1]
        connection.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
            (moved, row[0], container, row[2], row[3], modified_ns, changed_ns),
        )
        connection.executemany(
            "INSERT INTO file_metadata VALUES (?, ?, ?)", [(moved, *pair) for pair in kept]
        )
        connection.execute("UPDATE documents SET path = ? WHERE path = ?", (moved, path))


def remove_file(connection: sqlite3.Connection, path: str) -> tuple[str, ...]:
    """Forget a file and what came out of it; a document goes with its last file.

    Returns:
        Paths of files that must be read again, as `put_file` says.
    """
    orphans: list[str] = []
    for gone in (*_members(connection, path), path):
        orphans += _let_go(connection, gone, unless="")
        connection.execute("DELETE FROM files WHERE path = ?", (gone,))
        connection.execute("DELETE FROM failures WHERE path = ?", (gone,))
    return tuple(orphan for orphan in dict.fromkeys(orphans) if _is_there(connection, orphan))


def set_metadata(connection: sqlite3.Connection, path: str, metadata: Mapping[str, Iterable[str]]) -> None:
    """Add what a person says of a file; a key that is given replaces what it held."""
    for key, values in metadata.items():
        connection.execute("DELETE FROM file_metadata WHERE path = ? AND key = ?", (path, key))
        connection.executemany(
            "INSERT OR IGNORE INTO file_metadata VALUES (?, ?, ?)", [(path, key, value) for value in values]
        )


def put_failure(connection: sqlite3.Connection, path: str, reason: str, hint: str) -> None:
    """Remember that a file could not be read; it is forgotten when it can, or when it is gone."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    connection.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", (path, reason, hint, now))


def forget_failure(connection: sqlite3.Connection, path: str) -> None:
    """The file is gone, or can be read now."""
    connection.execute("DELETE FROM failures WHERE path = ?", (path,))


def forget_failures_below(connection: sqlite3.Connection, path: str) -> None:
    """A container is read anew: what was said of it and its members is to be said again, if at all."""
    connection.execute(
        "DELETE FROM failures WHERE path = ?1 OR substr(path, 1, length(?1) + 2) = ?1 || '!/'", (path,)
    )


def put_passages(connection: sqlite3.Connection, identity: str, text: str, cuts: Sequence[Cut]) -> None:
    """Store a document's passages; an id that was stale and is in use again is stale no longer."""
    rows = [
        (
            passage_identity(identity, cut.start, text[cut.start : cut.end]),
            identity,
            position,
            cut.start,
            cut.end,
            cut.page,
            cut.line,
            _json(cut.heading),
            cut.place,
            cut.row,
            cut.header,
            cut.section,
            repeat,
        )
        for position, (cut, repeat) in enumerate(zip(cuts, _repeats(text, cuts), strict=True))
    ]
    connection.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.executemany("DELETE FROM stale_passages WHERE id = ?", [row[:1] for row in rows])


def _repeats(text: str, cuts: Sequence[Cut]) -> Iterator[bool]:
    """For each cut whether an earlier one has the same words under the same headings."""
    seen: set[tuple[tuple[str, ...], str, str]] = set()
    for cut in cuts:
        words = (cut.heading, cut.header, text[cut.start : cut.end])
        yield words in seen
        seen.add(words)


def remove_passages(connection: sqlite3.Connection, identity: str) -> None:
    """Remove a document's passages, which become stale."""
    connection.execute(
        "INSERT OR IGNORE INTO stale_passages SELECT id FROM passages WHERE document_id = ?", (identity,)
    )
    connection.execute("DELETE FROM passages WHERE document_id = ?", (identity,))


def add_source(connection: sqlite3.Connection, path: str) -> None:
    """Remember a path that was given to ingest."""
    connection.execute("INSERT OR IGNORE INTO sources VALUES (?)", (path,))


def remove_source(connection: sqlite3.Connection, path: str) -> None:
    """Forget a path that was given to ingest; its documents are another matter."""
    connection.execute("DELETE FROM sources WHERE path = ?", (path,))


def _put_document(
    connection: sqlite3.Connection, identity: str, file: StoredFile, document: StoredDocument
) -> None:
    remove_passages(connection, identity)
    connection.execute("DELETE FROM sections WHERE document_id = ?", (identity,))
    # Not by REPLACE: other files may point at the row.
    connection.execute(
        "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending-index') "
        "ON CONFLICT (id) DO UPDATE SET path = ?2, title = ?3, format = ?4, parser_version = ?5, "
        "language = ?6, dated = ?7, metadata = ?8, notes = ?9, text = ?10, state = 'pending-index'",
        (
            identity,
            file.path,
            document.title,
            document.format,
            document.parser_version,
            document.language,
            _dated(file, document),
            json.dumps(dict(document.metadata), ensure_ascii=False),
            _json(document.notes),
            document.text,
        ),
    )
    connection.executemany(
        "INSERT INTO sections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                identity,
                position,
                section.start,
                section.end,
                section.page,
                _json(section.heading),
                section.kind,
                section.place,
                section.row,
                section.header,
            )
            for position, section in enumerate(document.sections)
        ],
    )
    put_passages(connection, identity, document.text, document.cuts)


def _write_file(connection: sqlite3.Connection, file: StoredFile, identity: str | None) -> None:
    """Not by REPLACE, which would delete the row and, with it, what a person said of the file."""
    connection.execute(
        "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET document_id = ?2, "
        "container = ?3, content_hash = ?4, bytes = ?5, modified_ns = ?6, changed_ns = ?7",
        (
            file.path,
            identity,
            file.container,
            file.content_hash,
            file.bytes,
            file.modified_ns,
            file.changed_ns,
        ),
    )
    forget_failure(connection, file.path)
    set_metadata(connection, file.path, file.metadata)


def _let_go(connection: sqlite3.Connection, path: str, *, unless: str) -> tuple[str, ...]:
    """Part a file from its document, unless that has the id ``unless``; the document goes with its last file.

    Where it was the file that the text was read from, another takes its place: at once where its bytes are
    the same, otherwise it is to be read again.
    """
    row = connection.execute("SELECT document_id, content_hash FROM files WHERE path = ?", (path,)).fetchone()
    if row is None or row[0] is None or row[0] == unless:
        return ()
    identity, content_hash = row
    connection.execute("UPDATE files SET document_id = NULL WHERE path = ?", (path,))
    others = list(
        connection.execute(
            "SELECT path, content_hash FROM files WHERE document_id = ? ORDER BY content_hash != ?, path",
            (identity, content_hash),
        )
    )
    if not others:
        _remove_document(connection, identity)
        return ()
    (text_from,) = connection.execute("SELECT path FROM documents WHERE id = ?", (identity,)).fetchone()
    if text_from != path:
        return ()
    heir, heirs_hash = others[0]
    connection.execute("UPDATE documents SET path = ? WHERE id = ?", (heir, identity))
    if heirs_hash == content_hash:
        return ()
    # No file has this hash: the next ingest reads it again, even where this one is cut off.
    connection.execute("UPDATE files SET content_hash = '' WHERE path = ?", (heir,))
    return (heir,)


def _remove_document(connection: sqlite3.Connection, identity: str) -> None:
    remove_passages(connection, identity)
    connection.execute("DELETE FROM documents WHERE id = ?", (identity,))


def _members(connection: sqlite3.Connection, path: str) -> tuple[str, ...]:
    rows = connection.execute("SELECT path FROM files WHERE container = ?", (path,))
    return tuple(member for (member,) in rows)


def _is_there(connection: sqlite3.Connection, path: str) -> bool:
    return connection.execute("SELECT 1 FROM files WHERE path = ?", (path,)).fetchone() is not None


def _dated(file: StoredFile, document: StoredDocument) -> str:
    """The day that the document gives itself, else the day its file was last changed: ``2026-11-26``."""
    for key in ("date", "created", "modified"):
        if value := document.metadata.get(key, ""):
            try:
                return dt.date.fromisoformat(value[:10]).isoformat()
            except ValueError:
                continue
    return dt.datetime.fromtimestamp(file.modified_ns / 1e9, tz=dt.UTC).date().isoformat()


def _json(texts: Sequence[str]) -> str:
    return json.dumps(list(texts), ensure_ascii=False)

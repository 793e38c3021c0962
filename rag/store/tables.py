"""The tables of the library's SQLite file, and the steps from each earlier form to the next.

Data and statements only: how the file is opened and what its errors mean is `rag.store.database`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rag.store.identity import document_identity, passage_identity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

# Kept in SQLite's user_version; raised with each change of the tables.
SCHEMA_VERSION: Final = 2

# A document is a text; files are where it was found. A row of ``files`` without a document is a container,
# such as an archive: what was in it stands under its own paths, ``archive.zip!/inner.txt``, and names it.
# ``documents.path`` is the file that the text, its pages and its title were read from; ``dated`` is the day
# that the document gives itself, else the day its file was last changed.
# ``passages.repeat`` is 1 where an earlier passage of the document has the same words and headings: the
# indexes have only the first. Hundreds of equal vectors would have one another for neighbours in Chroma's
# graph, and no search would come out of them again.
# ``stale_passages`` holds ids that left the truth and may still stand in the indexes.
TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    path TEXT NOT NULL,
    title TEXT NOT NULL,
    format TEXT NOT NULL,
    parser_version INTEGER NOT NULL,
    language TEXT NOT NULL,
    dated TEXT NOT NULL,
    metadata TEXT NOT NULL,
    notes TEXT NOT NULL,
    text TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending-index', 'indexed'))
);
CREATE INDEX documents_by_state ON documents (state);
CREATE INDEX documents_by_path ON documents (path);
CREATE TABLE files (
    path TEXT PRIMARY KEY,
    document_id TEXT REFERENCES documents (id),
    container TEXT,
    content_hash TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_by_document ON files (document_id);
CREATE INDEX files_by_container ON files (container);
CREATE TABLE file_metadata (
    path TEXT NOT NULL REFERENCES files (path) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (path, key, value)
) WITHOUT ROWID;
CREATE TABLE failures (
    path TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    hint TEXT NOT NULL,
    failed_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE sections (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    page INTEGER,
    heading TEXT NOT NULL,
    kind TEXT NOT NULL,
    place TEXT NOT NULL,
    row INTEGER,
    header TEXT NOT NULL,
    PRIMARY KEY (document_id, position)
) WITHOUT ROWID;
CREATE TABLE passages (
    id TEXT PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    page INTEGER,
    line INTEGER NOT NULL,
    heading TEXT NOT NULL,
    place TEXT NOT NULL,
    row INTEGER,
    header TEXT NOT NULL,
    section INTEGER NOT NULL,
    repeat INTEGER NOT NULL,
    UNIQUE (document_id, position)
);
CREATE TABLE stale_passages (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Make all tables in an empty file; the caller has begun a transaction."""
    for statement in TABLES.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring tables of an earlier ``version`` to the present form; the caller has begun a transaction."""
    for step in _STEPS[version:]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _texts_and_files(connection: sqlite3.Connection) -> None:
    """From form 1, in which a document was a file, to form 2, in which it is a text found in files.

    Ids change, so the indexes no longer agree and are derived again. A parser version of 0 has each file
    read again by the next ingest, for what form 1 did not keep.
    """
    old = {
        table: list(connection.execute(f"SELECT * FROM {table}"))  # noqa: S608 (names of our own)
        for table in ("meta", "sources", "documents", "sections", "passages")
    }
    # SQLite drops the children first.
    for table in ("passages", "sections", "stale_passages", "documents", "sources", "meta"):
        connection.execute(f"DROP TABLE {table}")
    create_tables(connection)
    connection.executemany("INSERT INTO meta VALUES (?, ?)", old["meta"])
    connection.executemany("INSERT INTO sources VALUES (?)", old["sources"])
    renamed: dict[str, str] = {}
    for identity, path, title, kind, content_hash, _parsers, language, text, _state in old["documents"]:
        new = document_identity(text, exact=False)
        if new not in renamed.values():
            connection.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, 0, ?, '', '{}', '[]', ?, 'pending-index')",
                (new, path, title, kind, language, text),
            )
            renamed[identity] = new
        connection.execute("INSERT INTO files VALUES (?, ?, NULL, ?, 0, 0, 0)", (path, new, content_hash))
    texts = dict(connection.execute("SELECT id, text FROM documents"))
    for identity, position, start, end, page, heading in old["sections"]:
        if new := renamed.get(identity, ""):
            connection.execute(
                "INSERT INTO sections VALUES (?, ?, ?, ?, ?, ?, 'prose', '', NULL, '')",
                (new, position, start, end, page, heading),
            )
    for _id, identity, position, start, end, page, line, heading in old["passages"]:
        if new := renamed.get(identity, ""):
            passage = passage_identity(new, start, texts[new][start:end])
            connection.execute(
                "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', NULL, '', 0, 0)",
                (passage, new, position, start, end, page, line, heading),
            )


# Each brings the form of its position's number to the next.
_STEPS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (create_tables, _texts_and_files)

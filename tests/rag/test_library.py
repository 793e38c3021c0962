"""The library: what it holds, what it refuses, and that its files may break without losing the text."""

from __future__ import annotations

import os
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from rag.embedders.wrapped import WrappedEmbedder
from rag.ingesting.ingest import ingest, rebuild
from rag.library import Library
from rag.retrieval.retrieve import retrieve
from rag.store.changes import add_source
from rag.store.database import DATABASE_NAME, index_error, open_database, transaction
from rag.store.records import read_sources
from stillroom.errors import EnvironmentUnfitError, LibraryDamagedError, LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from rag.embedders import Embedder


class OtherEmbedder(WrappedEmbedder):
    """The bundled embedder under another fingerprint, as after an upgrade of its model."""

    def __init__(self, model: Embedder) -> None:
        super().__init__(model, fingerprint="other-2")


def test_passages_are_exact_spans_of_the_stored_text(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    for document in library.documents():
        text = library.document_text(document.id)
        assert document.characters == len(text)
        passages = library.passages(document.id)
        assert document.passages == len(passages) > 0
        for passage in passages:
            assert passage.text == text[passage.start : passage.end]
            assert passage == library.passage(passage.id)
            assert library.embedder.count_tokens(passage.text) <= 200


def test_documents_tell_their_title_format_and_language(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    assert [(document.title, document.format, document.language) for document in library.documents()] == [
        ("Attention", "markdown", "en"),
        ("知识蒸馏", "text", "zh"),
    ]


def test_unknown_ids_are_named_in_the_error(library: Library) -> None:
    with pytest.raises(LibraryError, match="no document 'nope'"):
        library.document("nope")
    with pytest.raises(LibraryError, match="no passage 'nope'"):
        library.passage("nope")


def test_a_damaged_database_is_an_error_that_says_what_to_do(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"not a database at all" * 500)
    with pytest.raises(LibraryDamagedError) as caught:
        Library.open(tmp_path, embedder=embedder)
    assert "is damaged" in caught.value.message
    assert "stillroom library repair" in caught.value.hint


def test_a_library_of_a_newer_version_is_refused(tmp_path: Path, embedder: Embedder) -> None:
    Library.open(tmp_path, embedder=embedder).close()
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LibraryError, match="has format 99; this Stillroom reads up to 2"):
        Library.open(tmp_path, embedder=embedder)


def test_a_directory_that_cannot_be_made_is_an_error_of_the_environment(
    tmp_path: Path, embedder: Embedder
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EnvironmentUnfitError, match="cannot be used"):
        Library.open(tmp_path / "file" / "library", embedder=embedder)


def test_a_full_disk_is_not_taken_for_damage(tmp_path: Path) -> None:
    full = index_error("word", tmp_path, ValueError("IoError: No space left on device (os error 28)"))
    assert isinstance(full, EnvironmentUnfitError)
    broken = index_error("word", tmp_path, ValueError("Data corrupted"))
    assert isinstance(broken, LibraryDamagedError)


def _add_and_fail(connection: sqlite3.Connection) -> None:
    add_source(connection, "/somewhere")
    connection.execute("INSERT INTO sources VALUES (?)", ())


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    connection = open_database(tmp_path)
    with pytest.raises(sqlite3.ProgrammingError), transaction(connection, tmp_path):
        _add_and_fail(connection)
    assert read_sources(connection) == ()
    connection.close()


def test_another_embedder_is_refused_until_a_rebuild(
    library: Library, folder: Path, embedder: Embedder
) -> None:
    ingest(library, [folder])
    passages = library.counts().passages
    other = OtherEmbedder(embedder)
    with pytest.raises(LibraryError) as caught:
        Library.open(library.directory, embedder=other)
    assert embedder.fingerprint in caught.value.message
    assert "other-2" in caught.value.message
    assert caught.value.hint == f"stillroom ingest --rebuild --library {library.directory.name}"

    with Library.open(library.directory, embedder=other, for_rebuild=True) as reopened:
        assert rebuild(reopened) == passages
        assert retrieve(reopened, "grouped-query attention")
    with pytest.raises(LibraryError, match="was indexed with other-2"):
        retrieve(library, "grouped-query attention")


def test_a_rebuild_needs_no_files(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    shutil.rmtree(folder)
    before = library.counts()
    rebuild(library)
    assert library.counts() == before
    assert len(list((library.directory / "indexes").iterdir())) == 1


@pytest.mark.parametrize("part", ["", "words", "vectors", "words/meta.json", "vectors/chroma.sqlite3"])
def test_a_lost_index_is_derived_again_from_the_text(
    library: Library, folder: Path, embedder: Embedder, part: str
) -> None:
    ingest(library, [folder])
    before = library.counts()
    library.close()
    (index,) = (library.directory / "indexes").iterdir()
    lost = index / part
    if lost.is_dir():
        shutil.rmtree(lost)
    else:
        lost.write_bytes(os.urandom(5000))
    with Library.open(library.directory, embedder=embedder) as reopened:
        assert reopened.counts() == before
        assert retrieve(reopened, "知识蒸馏")[0].passage.document_title == "知识蒸馏"

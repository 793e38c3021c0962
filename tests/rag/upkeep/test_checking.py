"""A check finds what is wrong in the truth, in either index and on disk, and a repair mends it."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.ingesting.ingest import ingest
from rag.library import Library
from rag.retrieval.retrieve import retrieve
from rag.store.database import DATABASE_NAME
from rag.store.vectors import VectorIndex
from rag.upkeep.checking import Finding, check, dies_reading
from rag.upkeep.repairing import repair
from stillroom.errors import LibraryDamagedError

if TYPE_CHECKING:
    from pathlib import Path

    from rag.embedders import Embedder


def parts(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.part for finding in findings}


def test_a_sound_library_has_no_findings_and_a_repair_does_nothing(
    library: Library, folder: Path, embedder: Embedder
) -> None:
    assert check(library.directory) == ()
    ingest(library, [folder])
    assert check(library.directory, files=True) == ()
    assert repair(library.directory, embedder).indexed == 0


def test_passages_that_an_index_lacks_has_too_many_of_or_twice_are_named(
    library: Library, folder: Path, embedder: Embedder
) -> None:
    ingest(library, [folder])
    first, *_ = library.passages(library.documents()[0].id)
    with library.searching() as indexes:
        indexes.vectors.delete([first.id])
        indexes.vectors.upsert(["ghost"], embedder.embed_documents(["ghost"]), ["nobody"])
        indexes.words.replace([first.id], [])
    findings = check(library.directory)
    assert {(finding.part, finding.message) for finding in findings} == {
        ("vectors", f"passages are missing: 1 ({first.id})"),
        ("vectors", "passages are not in the library: 1 (ghost)"),
        ("words", f"passages are missing: 1 ({first.id})"),
    }
    library.close()

    done = repair(library.directory, embedder)

    assert (done.indexed, done.saved) == (2, None)
    assert check(library.directory) == ()


def test_files_that_changed_or_went_are_named_only_when_asked_for(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    (folder / "attention.md").unlink()
    (folder / "蒸馏.txt").write_text("短", encoding="utf-8")
    assert check(library.directory) == ()
    messages = [finding.message for finding in check(library.directory, files=True)]
    assert messages == [
        f"{folder / 'attention.md'} is not there any more: No such file or directory",
        f"{folder / '蒸馏.txt'} has changed since it was read",
    ]


def test_rows_that_contradict_each_other_are_found(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    library.close()
    connection = sqlite3.connect(library.directory / DATABASE_NAME)
    connection.execute('UPDATE passages SET "end" = 99999 WHERE position = 0')
    connection.execute("DELETE FROM files WHERE path LIKE '%attention.md'")
    connection.commit()
    connection.close()
    messages = " ".join(finding.message for finding in check(library.directory))
    assert "passages whose place is not inside their document's text: 2" in messages
    assert "documents whose file is not known: 1" in messages


def test_a_repair_saves_what_a_damaged_file_still_gives(
    library: Library, tmp_path: Path, embedder: Embedder
) -> None:
    documents = tmp_path / "many"
    documents.mkdir()
    for number in range(40):
        text = f"Report {number} is about tea number {number}. " + "Filler sentence goes on. " * 60
        (documents / f"{number:02}.txt").write_text(text, encoding="utf-8")
    ingest(library, [documents])
    library.close()
    connection = sqlite3.connect(library.directory / DATABASE_NAME)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'documents'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    # One page of the documents' text, far behind their table's root.
    with (library.directory / DATABASE_NAME).open("r+b") as file:
        file.seek((root + 30) * size)
        file.write(os.urandom(size))

    done = repair(library.directory, embedder)

    assert parts(done.findings) == {"truth"}
    assert done.saved is not None
    assert 0 < done.saved <= 40
    assert (library.directory / done.put_aside).is_file()
    assert check(library.directory) == ()
    with Library.open(library.directory, embedder=embedder) as saved:
        assert len(saved.documents()) == done.saved
        assert retrieve(saved, "report about tea")
        ingest(saved, [documents])
        assert len(saved.documents()) == 40


def test_a_file_that_gives_nothing_stays_where_it_is(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / DATABASE_NAME).write_bytes(b"not a database at all" * 500)
    with pytest.raises(LibraryDamagedError, match="gives no document any more"):
        repair(tmp_path / "lost", embedder)
    assert (tmp_path / "lost" / DATABASE_NAME).read_bytes().startswith(b"not a database")


def test_a_vector_file_that_kills_its_reader_is_told_by_a_process_that_may_die(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path / "vectors")
    # Chroma writes its graph to the disk once it has a thousand vectors.
    vectors = np.random.default_rng(7).normal(size=(1_200, 8)).astype(np.float32)
    ids = [str(number) for number in range(len(vectors))]
    for first in range(0, len(ids), 100):
        some = slice(first, first + 100)
        index.upsert(ids[some], vectors[some], ids[some])
    index.close()
    assert dies_reading(tmp_path) == ""
    (graph,) = tmp_path.glob("vectors/*/header.bin")
    os.truncate(graph, 50)
    assert "kills whoever reads it" in dies_reading(tmp_path)


def test_an_index_without_a_library_is_told(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    library.close()
    for path in library.directory.glob(f"{DATABASE_NAME}*"):
        path.unlink()
    (finding,) = check(library.directory)
    assert "library.sqlite3 was lost" in finding.message

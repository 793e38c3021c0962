"""A library goes into one file and comes out of it whole; a file from anyone else is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from typing import TYPE_CHECKING

import pytest

from rag.embedders.wrapped import WrappedEmbedder
from rag.ingesting.ingest import ingest
from rag.library import Library
from rag.retrieval.retrieve import retrieve
from rag.store.database import DATABASE_NAME
from rag.upkeep.checking import check
from rag.upkeep.exporting import export_library
from rag.upkeep.importing import import_library
from rag.upkeep.package import MANIFEST_NAME
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders import Embedder


class Counting(WrappedEmbedder):
    """The bundled embedder, which counts the texts that it is given."""

    def __init__(self, model: Embedder) -> None:
        super().__init__(model)
        self.texts = 0

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The bundled model's vectors."""
        self.texts += len(texts)
        return self._model.embed_documents(texts)


@pytest.fixture
def exported(library: Library, folder: Path, tmp_path: Path) -> Path:
    """The library with both documents, in one file."""
    ingest(library, [folder])
    target = tmp_path / "books.stillroom"
    done = export_library(library.directory, target)
    assert (done.documents, done.passages, done.vectors) == (2, 2, 2)
    return target


def test_an_imported_library_is_the_same_and_embeds_nothing(
    library: Library, exported: Path, tmp_path: Path, embedder: Embedder
) -> None:
    counting = Counting(embedder)
    import_library(exported, tmp_path / "moved", counting)
    assert counting.texts == 0
    assert check(tmp_path / "moved") == ()
    with Library.open(tmp_path / "moved", embedder=embedder) as moved:
        assert moved.documents() == library.documents()
        for query in ("grouped-query attention", "知识蒸馏"):
            there, here = retrieve(moved, query), retrieve(library, query)
            assert [hit.passage for hit in there] == [hit.passage for hit in here]


def test_without_vectors_the_text_is_embedded_again(
    library: Library, folder: Path, tmp_path: Path, embedder: Embedder
) -> None:
    ingest(library, [folder])
    target = tmp_path / "books.stillroom"
    assert export_library(library.directory, target, vectors=False).vectors == 0
    counting = Counting(embedder)
    import_library(target, tmp_path / "moved", counting)
    assert counting.texts == 2


def test_another_embedder_does_not_take_the_vectors(
    exported: Path, tmp_path: Path, embedder: Embedder
) -> None:
    counting = Counting(embedder)
    counting.fingerprint = "another model"
    assert import_library(exported, tmp_path / "moved", counting).vectors == 0
    assert counting.texts == 2


def test_nothing_is_overwritten(library: Library, exported: Path, embedder: Embedder) -> None:
    with pytest.raises(LibraryError, match="exists already"):
        export_library(library.directory, exported)
    with pytest.raises(LibraryError, match="there is a library in"):
        import_library(exported, library.directory, embedder)


def change(exported: Path, folder: Path, **changes: bytes | None) -> Path:
    """The exported file with entries replaced, or left out where they are None."""
    changed = folder / f"{len(list(folder.iterdir()))}.stillroom"
    with zipfile.ZipFile(exported) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = changes.get(name.split(".")[0].replace("-", "_"), old.read(name))
            if content is not None:
                new.writestr(name, content)
    return changed


def test_a_file_that_is_no_exported_library_is_refused_and_leaves_nothing(
    exported: Path, tmp_path: Path, embedder: Embedder
) -> None:
    manifest = json.loads(zipfile.ZipFile(exported).read(MANIFEST_NAME))
    big = json.dumps({**manifest, "unpacked_bytes": 1000}).encode()
    newer = json.dumps({**manifest, "form": 2}).encode()
    (tmp_path / "text").write_text("hello")
    shutil.copy(exported, tmp_path / "cut")
    with (tmp_path / "cut").open("r+b") as file:
        file.truncate(exported.stat().st_size // 2)
    for source, message in (
        (tmp_path / "nowhere", "there is no file"),
        (tmp_path, "it is a folder"),
        (tmp_path / "text", "not a zip file"),
        (tmp_path / "cut", "not a zip file"),
        (change(exported, tmp_path, stillroom_library=None), "it lacks stillroom-library.json"),
        (change(exported, tmp_path, stillroom_library=b"{}"), "is not one of ours"),
        (change(exported, tmp_path, stillroom_library=newer), "form 2; form 1 is read here"),
        (change(exported, tmp_path, stillroom_library=big), "unpacks to more than was said"),
        (change(exported, tmp_path, library=None), "it lacks library.sqlite3"),
        (change(exported, tmp_path, library=b"x" * 9000), "is damaged"),
    ):
        with pytest.raises(LibraryError, match=message):
            import_library(source, tmp_path / "libraries" / "moved", embedder)
        assert list((tmp_path / "libraries").glob("*")) == [], message


def test_a_trigger_in_somebody_elses_file_is_refused(
    exported: Path, tmp_path: Path, embedder: Embedder
) -> None:
    with zipfile.ZipFile(exported) as archive:
        archive.extract(DATABASE_NAME, tmp_path / "evil")
    connection = sqlite3.connect(tmp_path / "evil" / DATABASE_NAME)
    connection.execute("CREATE TRIGGER t AFTER DELETE ON meta BEGIN DELETE FROM documents; END")
    connection.commit()
    connection.close()
    evil = change(exported, tmp_path, library=(tmp_path / "evil" / DATABASE_NAME).read_bytes())
    with pytest.raises(LibraryError, match="CREATE TRIGGER t"):
        import_library(evil, tmp_path / "moved", embedder)


@pytest.mark.parametrize("vectors", [b"", b"\x93NUMPY garbage", None])
def test_vectors_that_cannot_be_read_are_made_again(
    exported: Path, tmp_path: Path, embedder: Embedder, vectors: bytes | None
) -> None:
    counting = Counting(embedder)
    import_library(change(exported, tmp_path, vectors=vectors), tmp_path / "moved", counting)
    assert counting.texts == 2

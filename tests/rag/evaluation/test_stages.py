"""The library's stages as the evaluation asks them, in a real library."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.evaluation.measurement import measure
from rag.evaluation.question_set import Question, SetDocument
from rag.evaluation.set_library import fill
from rag.evaluation.stages import RecallingEmbedder, library_stages
from rag.retrieval.options import RetrievalOptions
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders import Embedder
    from rag.library import Library

KETTLE = SetDocument("sets/en:kettle?", "Descaling a kettle", "Vinegar dissolves limescale.")
TEA = SetDocument("茶", "绿茶的冲泡", "冲泡绿茶的水温以八十度左右为宜。")
COPY = SetDocument("copy of 茶", "绿茶的冲泡", "冲泡绿茶的水温以八十度左右为宜。")


class CountingEmbedder(RecallingEmbedder):
    """Counts the questions that reach the model."""

    def __init__(self, model: Embedder) -> None:
        super().__init__(model)
        self.asked: list[str] = []

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        self.asked.append(text)
        return self._model.embed_query(text)


def names_of(library: Library, documents: Sequence[SetDocument], folder: Path, question: str) -> list[str]:
    filled = fill(library, documents, folder)
    stage = library_stages(library, ["hybrid"], filled.documents_of)["hybrid"]
    return [name for passage in stage(question).passages for name in passage.documents]


def test_documents_are_known_by_the_sets_ids_whatever_those_hold(library: Library, tmp_path: Path) -> None:
    assert names_of(library, [TEA, KETTLE], tmp_path / "set", "limescale")[0] == "sets/en:kettle?"


def test_documents_with_the_same_text_are_both_found(library: Library, tmp_path: Path) -> None:
    assert set(names_of(library, [TEA, COPY], tmp_path / "set", "绿茶")) == {"茶", "copy of 茶"}


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("Normans", "Normans"),
        ("Why do people sleep?", "Why do people sleep"),
        (".NET/C#: a tour", "NET C a tour"),
        ("", "document"),
        ("深" * 90, "深" * 60),
    ],
)
def test_a_title_outlives_whatever_a_file_may_be_called(
    library: Library, tmp_path: Path, title: str, kept: str
) -> None:
    fill(
        library,
        [SetDocument("d1", title, "It lies behind the hills. Nobody knows its name.")],
        tmp_path / "set",
    )

    (document,) = library.documents()
    assert document.title in {title, kept}


def test_a_document_without_text_is_reported_and_the_others_are_searched(
    library: Library, tmp_path: Path
) -> None:
    filled = fill(library, [KETTLE, SetDocument("empty", "", "")], tmp_path / "set")

    assert len(filled.report.failed) == 1
    assert filled.report.added == 1


def test_a_questions_vector_is_computed_once_and_charged_to_each_stage_that_needs_it(
    library: Library, tmp_path: Path
) -> None:
    counting = CountingEmbedder(library.embedder)
    filled = fill(library, [KETTLE, TEA], tmp_path / "set")
    library.embedder = counting
    stages = library_stages(library, ["lexical", "dense", "hybrid"], filled.documents_of)
    recalling = library.embedder
    assert isinstance(recalling, RecallingEmbedder)

    figures = measure([Question("q1", "how hot is the water for tea?", {"茶": 1})], stages)

    assert counting.asked == ["how hot is the water for tea?"]
    assert recalling.recalled_seconds > 0
    assert figures["hybrid"].p50_ms > 1000 * recalling.recalled_seconds
    assert figures["hybrid"].rankings["q1"][0] == "茶"


def test_words_alone_find_nothing_where_no_word_is_shared(library: Library, tmp_path: Path) -> None:
    filled = fill(library, [KETTLE, TEA], tmp_path / "set")
    stages = library_stages(library, ["lexical", "dense"], filled.documents_of)

    figures = measure([Question("q1", "hot water for green tea", {"茶": 1})], stages)

    assert figures["lexical"].metrics["recall@10"] == 0.0
    assert figures["dense"].metrics["recall@10"] == pytest.approx(1.0)


class LongestFirst:
    """A reranker that holds the longest passage for the best."""

    name = "longest-first"

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """See `rag.retrieval.reranker.Reranker`."""
        del question
        return [len(passage) / 1_000 for passage in passages]


def test_what_a_reranker_changes_is_a_stage_of_its_own(library: Library, tmp_path: Path) -> None:
    filled = fill(library, [KETTLE, TEA], tmp_path / "set")
    options = RetrievalOptions(reranker=LongestFirst())
    stages = library_stages(library, ["hybrid", "reranked"], filled.documents_of, options=options)

    figures = measure([Question("q1", "绿茶", {"茶": 1})], stages)

    assert figures["hybrid"].rankings["q1"] == ("茶", "sets/en:kettle?")
    assert figures["reranked"].rankings["q1"] == ("sets/en:kettle?", "茶")


def test_reranking_without_a_reranker_is_refused(library: Library) -> None:
    with pytest.raises(LibraryError, match="needs a reranker") as failure:
        library_stages(library, ["reranked"], lambda _: ())

    assert "STILLROOM_RERANKER" in failure.value.hint

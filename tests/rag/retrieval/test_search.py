"""A search tells how each passage was found, looks only where it may, and obeys its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.ingesting.ingest import ingest
from rag.retrieval.options import RetrievalOptions
from rag.retrieval.retrieve import ranked, retrieve, search
from rag.store.filters import Filter, parse_filter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rag.library import Library
    from rag.retrieval.options import Stage

QUESTION = "What does grouped-query attention share?"


class LongestFirst:
    """A reranker that likes long passages."""

    name = "longest"

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """A thousandth a character."""
        self.asked.append((question, list(passages)))
        return [len(passage) / 1000 for passage in passages]


def test_every_hit_tells_how_it_was_found(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    found = search(library, QUESTION, limit=3)
    best = found.hits[0]
    assert (best.dense_rank, best.lexical_rank, best.language) == (1, 1, "en")
    assert best.matched_terms == ("group", "queri", "attent", "share")
    assert best.score == best.fused_score == 1.0
    assert found.lexical_trust == 1.0
    assert [stage.name for stage in found.stages] == ["embed", "dense", "lexical", "fuse", "read"]
    assert all(stage.milliseconds >= 0 for stage in found.stages)


def test_words_that_hardly_occur_are_hardly_trusted(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    assert search(library, "Which small tokens sing ancient hymns loudly?").lexical_trust < 0.5


@pytest.mark.parametrize("stage", ["lexical", "dense"])
def test_one_stage_alone_asks_only_its_index(library: Library, folder: Path, stage: Stage) -> None:
    ingest(library, [folder])
    found = search(library, QUESTION, RetrievalOptions(stage=stage))
    silent = "dense_rank" if stage == "lexical" else "lexical_rank"
    assert found.hits
    assert all(getattr(hit, silent) is None for hit in found.hits)
    assert ("embed" in [report.name for report in found.stages]) == (stage == "dense")


@pytest.mark.parametrize("stage", ["lexical", "dense", "hybrid"])
def test_what_is_measured_is_what_is_found(library: Library, folder: Path, stage: Stage) -> None:
    ingest(library, [folder])
    hits = retrieve(library, QUESTION, limit=4, options=RetrievalOptions(stage=stage))
    assert ranked(library, QUESTION, stage=stage, limit=4) == tuple(hit.passage for hit in hits)


@pytest.mark.parametrize("stage", ["lexical", "dense", "hybrid"])
@pytest.mark.parametrize(
    ("only", "title"),
    [
        (parse_filter(languages=["zh"]), "知识蒸馏"),
        (parse_filter(paths=["*.md"]), "Attention"),
        (parse_filter(where=["format!=markdown"]), "知识蒸馏"),
    ],
)
def test_a_filter_leaves_only_its_documents(
    library: Library, folder: Path, stage: Stage, only: Filter, title: str
) -> None:
    ingest(library, [folder])
    found = search(library, "attention 蒸馏", RetrievalOptions(stage=stage, only=only), limit=20)
    assert found.hits
    assert {hit.passage.document_title for hit in found.hits} == {title}


def test_a_filter_that_lets_nothing_through_is_noted(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    found = search(library, QUESTION, RetrievalOptions(only=parse_filter(where=["tag=tax"])))
    assert found.hits == ()
    assert found.notes == ("no document of the library passes the filter",)


def test_a_reranker_puts_the_first_passages_in_its_own_order(library: Library, folder: Path) -> None:
    for name in ("tea", "bread", "trains"):
        (folder / f"{name}.txt").write_text(f"{name.title()} are spoken of in this text of its own.")
    ingest(library, [folder])
    reranker = LongestFirst()
    found = search(library, QUESTION, RetrievalOptions(reranker=reranker, reranked=10), limit=2)
    lengths = [hit.rerank_score for hit in found.hits if hit.rerank_score is not None]
    assert len(lengths) == 2
    assert lengths == sorted(lengths, reverse=True)
    assert [hit.score for hit in found.hits] == lengths
    assert all(0 <= hit.fused_score <= 1 for hit in found.hits)
    ((question, passages),) = reranker.asked
    assert question == QUESTION
    assert len(passages) > 2
    assert any(passage.startswith("Attention") or "# Attention" in passage for passage in passages)


def test_the_fusion_is_a_persons_choice(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    by_ranks = search(library, QUESTION, RetrievalOptions(fusion="reciprocal-rank"))
    by_meaning = search(library, QUESTION, RetrievalOptions(dense_weight=1.0))
    assert [hit.passage.id for hit in by_meaning.hits] == [
        hit.passage.id for hit in sorted(by_meaning.hits, key=lambda hit: -hit.dense_score)
    ]
    assert by_ranks.hits[0].score == pytest.approx(1.0)


def test_a_question_in_one_language_finds_the_answer_in_the_other(library: Library, folder: Path) -> None:
    (folder / "noise.md").write_text(
        "# Knowledge\n\nGeneral knowledge about the weather of abilities and large rivers.\n",
        encoding="utf-8",
    )
    ingest(library, [folder])
    best = search(library, "How does knowledge distillation move abilities of large models?").hits[0]
    assert best.passage.document_title == "知识蒸馏"
    assert best.language == "zh"

"""Questions asked of stages: what is counted and what is timed."""

from __future__ import annotations

import numpy as np
import pytest

from rag.evaluation.measurement import (
    Found,
    FoundPassage,
    document_ranking,
    folded,
    measure,
    percentile,
    stage_figures,
)
from rag.evaluation.question_set import Question

TEA = FoundPassage(("tea",), "Green  Tea is brewed at 80 degrees.")
COPY = FoundPassage(("tea", "tea-again"), "Black tea.")
COFFEE = FoundPassage(("coffee",), "咖啡用热水冲。")


def test_a_document_counts_at_the_rank_of_its_first_passage() -> None:
    assert document_ranking([COFFEE, TEA, COFFEE, COPY]) == ("coffee", "tea", "tea-again")


def test_no_more_documents_are_ranked_than_metrics_look_at() -> None:
    assert len(document_ranking(FoundPassage((str(number),), "") for number in range(40))) == 10


def test_each_stage_is_asked_each_question_once_after_one_that_warms_it() -> None:
    asked: list[str] = []
    told: list[int] = []

    def stage(question: str) -> Found:
        asked.append(question)
        return Found((), 0.0)

    measure(
        [Question("q1", "one", {"tea": 1}), Question("q2", "two", {"tea": 1})],
        {"a": stage},
        on_asked=told.append,
    )

    assert asked == ["one", "one", "two"]
    assert told == [1, 2]


def test_answers_are_looked_for_in_passages_whatever_their_case_and_spaces() -> None:
    questions = [
        Question("q1", "?", {"tea": 1}, answers=("green tea", "nothing")),
        Question("q2", "?", {"coffee": 1}, answers=("８０ degrees",)),
        Question("q3", "?", {"coffee": 1}),
    ]

    figures = stage_figures(questions, [Found((TEA,), 0.1), Found((COFFEE, TEA), 0.1), Found((), 0.1)])

    assert figures.contained == {"answers@1": 0.5, "answers@5": 1.0, "answers@10": 1.0}


def test_a_span_counts_in_its_own_document_only() -> None:
    elsewhere = FoundPassage(("coffee",), "Green tea")
    question = Question("q1", "?", {"tea": 1}, spans=(("tea", "Green Tea"),))

    figures = stage_figures([question], [Found((elsewhere, TEA), 0.1)])

    assert figures.contained["spans@1"] == 0.0
    assert figures.contained["spans@5"] == 1.0


def test_percentiles_are_those_of_numpy() -> None:
    values = sorted(np.random.default_rng(7).exponential(size=57).tolist())

    assert percentile(values, 0.95) == pytest.approx(np.percentile(values, 95))
    assert percentile([3.0], 0.95) == 3.0


def test_waiting_times_are_in_milliseconds() -> None:
    question = Question("q1", "?", {"tea": 1})

    figures = stage_figures([question] * 2, [Found((TEA,), 0.010), Found((TEA,), 0.030)])

    assert (figures.p50_ms, figures.p95_ms) == pytest.approx((20.0, 29.0))


def test_full_width_forms_fold() -> None:
    assert folded("Ａ　Ｂ\nc") == "abc"

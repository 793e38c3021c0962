"""The metrics are those that trec_eval and ir-measures compute."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import RR, R, nDCG

from rag.evaluation.metrics import mean_metrics, ndcg, recall, reciprocal_rank
from rag.evaluation.question_set import Question
from rag.evaluation.trec_run import judgements_text, run_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEASURES = {
    "recall@1": R @ 1,
    "recall@5": R @ 5,
    "recall@10": R @ 10,
    "mrr@10": RR @ 10,
    "ndcg@10": nDCG @ 10,
}
IDS = [f"d{number}" for number in range(24)]
RANKINGS = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3", "q4"]), st.lists(st.sampled_from(IDS), unique=True, max_size=20)
)
JUDGEMENTS = st.dictionaries(
    st.sampled_from(["q1", "q2", "q3", "q4"]),
    st.dictionaries(st.sampled_from(IDS), st.integers(0, 3), min_size=1, max_size=16),
    min_size=1,
)
# Few different scores: most runs have ties.
SCORED = st.dictionaries(st.sampled_from(IDS), st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1)
GRADES = st.dictionaries(st.sampled_from(IDS), st.integers(0, 3), min_size=1)


def from_files(
    rankings: Mapping[str, Sequence[str]], judged: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    """What ir-measures says of the files that ``stillroom eval --runs`` writes."""
    questions = [Question(name, "?", grades) for name, grades in judged.items()]
    qrels = list(ir_measures.read_trec_qrels(StringIO(judgements_text(questions))))  # type: ignore[no-untyped-call]
    run = list(ir_measures.read_trec_run(StringIO(run_text(rankings, name="run"))))  # type: ignore[no-untyped-call]
    values = ir_measures.calc_aggregate(MEASURES.values(), qrels, run)
    return {name: values[measure] for name, measure in MEASURES.items()}


def aggregate(grades: Mapping[str, int], scores: Mapping[str, float]) -> dict[str, float]:
    """What ir-measures says of one question whose run has these scores."""
    values = ir_measures.calc_aggregate(MEASURES.values(), {"q": dict(grades)}, {"q": dict(scores)})
    return {name: values[measure] for name, measure in MEASURES.items()}


@settings(max_examples=200, deadline=None)
@given(RANKINGS, JUDGEMENTS)
def test_means_of_any_rankings_equal_those_of_ir_measures(
    rankings: dict[str, list[str]], judged: dict[str, dict[str, int]]
) -> None:
    assert mean_metrics(rankings, judged) == pytest.approx(from_files(rankings, judged), abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(SCORED, GRADES)
def test_runs_with_ties_give_the_values_of_ir_measures_in_the_order_that_it_takes_them(
    scores: dict[str, float], grades: dict[str, int]
) -> None:
    # trec_eval puts the greater id first among equals, the script of MS MARCO, which gives RR@10, the lesser.
    greater_first = sorted(sorted(scores, reverse=True), key=lambda name: -scores[name])
    lesser_first = sorted(sorted(scores), key=lambda name: -scores[name])

    expected = aggregate(grades, scores)

    ours = mean_metrics({"q": greater_first}, {"q": grades}) | {
        "mrr@10": reciprocal_rank(lesser_first, grades, depth=10)
    }
    assert ours == pytest.approx(expected, abs=1e-9)


def test_a_grade_counts_as_gain_and_not_as_a_power_of_two() -> None:
    assert ndcg(["a", "b"], {"a": 1, "b": 3}, depth=10) == pytest.approx(
        (1 + 3 / 1.584962500721156) / (3 + 1 / 1.584962500721156)
    )


def test_a_question_that_nothing_answers_counts_nothing() -> None:
    assert recall(["a"], {"a": 0}, depth=1) == 0.0
    assert ndcg(["a"], {"a": 0}, depth=10) == 0.0


def test_a_document_beyond_the_depth_does_not_count() -> None:
    ranking = [f"x{number}" for number in range(10)] + ["a"]

    assert reciprocal_rank(ranking, {"a": 1}, depth=10) == 0.0
    assert recall(ranking, {"a": 1}, depth=11) == 1.0


def test_a_judged_question_without_a_ranking_counts_in_the_mean() -> None:
    means = mean_metrics({"q1": ["a"]}, {"q1": {"a": 1}, "q2": {"b": 1}})

    assert set(means.values()) == {0.5}

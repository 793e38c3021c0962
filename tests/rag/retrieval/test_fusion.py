"""Fusion: each side scaled by its own range, then weighed by how far it can be trusted."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.retrieval.fusion import FusionMethod, fuse, fuse_ranks

METHODS: tuple[FusionMethod, ...] = get_args(FusionMethod)
SCORES = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-1, 50), max_size=8)


def test_each_side_is_scaled_by_its_own_range() -> None:
    fused = fuse({"a": 0.9, "b": 0.8}, {"c": 30.0, "b": 10.0}, dense_weight=0.5)
    assert fused["a"] == fused["c"] == 0.5
    assert next(iter(fused)) == "a"


@pytest.mark.parametrize("method", METHODS)
def test_a_passage_that_both_searches_like_comes_first(method: FusionMethod) -> None:
    fused = fuse({"a": 0.9, "b": 0.89, "c": 0.5}, {"d": 9.0, "b": 8.9, "e": 1.0}, method=method)
    assert next(iter(fused)) == "b"


@pytest.mark.parametrize("method", METHODS)
def test_one_empty_side_leaves_the_other_sides_order(method: FusionMethod) -> None:
    assert list(fuse({"b": 0.9, "a": 0.2}, {}, method=method)) == ["b", "a"]
    assert list(fuse({}, {"b": 2.0, "a": 1.0}, method=method)) == ["b", "a"]
    assert fuse({}, {}, method=method) == {}


def test_equal_scores_are_ordered_by_id() -> None:
    assert list(fuse({"b": 0.5, "a": 0.5}, {})) == ["a", "b"]


def test_a_lone_result_has_the_full_score_of_its_side() -> None:
    assert fuse({"a": 0.3}, {}, dense_weight=0.4) == {"a": 0.4}


def test_words_that_are_not_trusted_leave_the_ranking_to_meaning() -> None:
    dense, lexical = {"a": 0.9, "b": 0.85, "c": 0.1}, {"c": 20.0, "b": 19.0, "d": 1.0}
    assert next(iter(fuse(dense, lexical, lexical_trust=1.0))) == "b"
    distrusted = fuse(dense, lexical, lexical_trust=0.0)
    assert list(distrusted)[:2] == ["a", "b"]
    assert distrusted["a"] == 1.0


def test_a_passage_in_the_other_language_is_not_pushed_down_for_words_it_cannot_share() -> None:
    dense, lexical = {"zh": 0.9, "en": 0.8, "low": 0.1}, {"en": 5.0, "low": 4.0}
    assert next(iter(fuse(dense, lexical, dense_weight=0.4))) == "en"
    assert next(iter(fuse(dense, lexical, dense_weight=0.4, lexical_trust=0.3, foreign={"zh"}))) == "zh"


def test_words_that_a_foreign_passage_does_share_still_count() -> None:
    dense, lexical = {"a": 0.9, "zh": 0.5, "low": 0.0}, {"zh": 9.0, "low": 1.0}
    assert fuse(dense, lexical, foreign={"zh"})["zh"] == fuse(dense, lexical)["zh"]


def test_theoretical_scaling_keeps_how_far_the_worst_is_from_nothing() -> None:
    assert fuse({}, {"a": 10.0, "b": 9.0}, method="theoretical-min-max", dense_weight=0.0) == {
        "a": 1.0,
        "b": 0.9,
    }


def test_ranks_are_fused_whatever_their_scores() -> None:
    assert next(iter(fuse_ranks([(["a", "b", "c"], 1.0), (["c", "b"], 1.0)]))) in {"b", "c"}
    assert fuse_ranks([(["a"], 1.0), (["a", "b"], 1.0)])["a"] == 1.0


@given(SCORES, SCORES, st.sampled_from(METHODS), st.floats(0, 1), st.floats(0, 1))
def test_blended_scores_lie_between_0_and_1_in_order(
    dense: dict[str, float], lexical: dict[str, float], method: FusionMethod, weight: float, trust: float
) -> None:
    fused = fuse(dense, lexical, method=method, dense_weight=weight, lexical_trust=trust, foreign={"a", "b"})
    scores = list(fused.values())
    assert set(fused) == dense.keys() | lexical.keys()
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in scores)
    assert scores == sorted(scores, reverse=True)

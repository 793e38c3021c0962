"""Fusion: each side scaled by its own range, then weighed."""

from __future__ import annotations

from rag.retrieval.fusion import fuse


def test_each_side_is_scaled_by_its_own_range() -> None:
    fused = fuse({"a": 0.9, "b": 0.8}, {"c": 30.0, "b": 10.0}, dense_weight=0.5)
    assert fused["a"] == fused["c"] == 0.5
    assert next(iter(fused)) == "a"


def test_a_passage_that_both_searches_like_comes_first() -> None:
    assert next(iter(fuse({"a": 0.9, "b": 0.89, "c": 0.5}, {"d": 9.0, "b": 8.9, "e": 1.0}))) == "b"


def test_one_empty_side_leaves_the_other_sides_order() -> None:
    assert list(fuse({"a": 0.2, "b": 0.9}, {})) == ["b", "a"]
    assert list(fuse({}, {"a": 1.0, "b": 2.0})) == ["b", "a"]
    assert fuse({}, {}) == {}


def test_equal_scores_are_ordered_by_id() -> None:
    assert list(fuse({"b": 0.5, "a": 0.5}, {})) == ["a", "b"]


def test_a_lone_result_has_the_full_score_of_its_side() -> None:
    assert fuse({"a": 0.3}, {}, dense_weight=0.4) == {"a": 0.4}

"""How far words are trusted: by the share of the question's rare words that a passage has."""

from __future__ import annotations

from rag.retrieval.trust import lexical_trust


def test_a_passage_with_all_of_the_questions_words_is_trusted() -> None:
    assert lexical_trust({"kv": 6.0, "cach": 2.0}, [{"kv", "cach", "grow"}]) == 1.0


def test_a_common_word_alone_is_hardly_trusted() -> None:
    assert lexical_trust({"蒸馏": 6.0, "temperatur": 0.5}, [{"temperatur"}]) < 0.15


def test_the_best_of_the_passages_counts() -> None:
    weights = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}
    assert lexical_trust(weights, [{"a"}, {"a", "b"}, set()]) == lexical_trust(weights, [{"c", "d"}])


def test_without_terms_or_passages_nothing_is_trusted() -> None:
    assert lexical_trust({}, [{"a"}]) == 0.0
    assert lexical_trust({"a": 1.0}, []) == 0.0

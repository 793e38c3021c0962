"""Terms: what counts as the same word in a question and in a passage."""

from __future__ import annotations

from rag.tokens import content_terms, coverage, index_terms


def test_chinese_becomes_overlapping_character_pairs() -> None:
    assert content_terms("知识蒸馏") == ("知识", "识蒸", "蒸馏")


def test_latin_words_are_stemmed_and_case_folded() -> None:
    assert content_terms("Quantized models QUANTIZING") == ("quantiz", "model", "quantiz")


def test_stop_words_of_both_languages_are_left_out() -> None:
    assert content_terms("What is the size of it?") == ("size",)
    assert content_terms("是什么？") == ()
    assert content_terms("模型的大小是多少") == ("模型", "大小", "小是", "是多")


def test_fullwidth_letters_are_the_same_term_as_ascii() -> None:
    assert content_terms("ＧＰＵ") == content_terms("gpu")


def test_decimal_numbers_with_units_stay_whole() -> None:
    assert content_terms("1.5B needs 3,600 MB") == ("1.5b", "need", "3600", "mb")


def test_possessives_match_the_bare_word() -> None:
    assert content_terms("the model's cache") == content_terms("model cache")


def test_a_one_character_question_is_covered_by_a_longer_word() -> None:
    assert coverage(frozenset(content_terms("茶")), "他爱喝绿茶。") == 1.0


def test_coverage_is_the_share_of_distinct_query_terms() -> None:
    terms = frozenset(content_terms("quantized cache memory memory"))
    assert coverage(terms, "The cache is quantized.") == 2 / 3


def test_coverage_of_a_query_without_content_is_zero() -> None:
    assert coverage(frozenset(), "anything") == 0.0


def test_passages_are_indexed_by_every_content_term_of_theirs() -> None:
    text = "多头潜在注意力 (MLA) keeps 576 elements"
    assert set(content_terms(text)) <= set(index_terms(text))

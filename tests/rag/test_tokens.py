"""Terms: what counts as the same word in a question and in a passage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tokens import content_terms, coverage, index_terms, query_terms


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


def test_quantities_are_the_same_with_and_without_a_space() -> None:
    assert content_terms("16 GB") == content_terms("16GB") == ("16", "gb")
    assert query_terms("16GB 显存") == ("16", "gb", "16gb", "显存")


@pytest.mark.parametrize("asked", ["num_ctx", "num-ctx", "numCtx", "NUM_CTX", "num ctx"])
@pytest.mark.parametrize("written", ["num_ctx", "num-ctx", "numCtx", "num.ctx"])
def test_names_of_several_words_are_found_however_they_are_joined(asked: str, written: str) -> None:
    assert set(query_terms(asked)).intersection(index_terms(f"set {written} to 8192"))


def test_a_joined_name_is_asked_for_as_a_whole_and_in_parts() -> None:
    assert query_terms("fine-tuning") == ("fine", "tune", "finetun")
    assert set(query_terms("e-mail")) & set(index_terms("email"))
    assert set(query_terms("GPT-4")) & set(index_terms("GPT4")) >= {"gpt4"}
    assert set(query_terms("http server")) <= set(index_terms("the HTTPServer class"))


def test_a_version_is_found_with_and_without_its_v_and_by_its_first_numbers() -> None:
    assert content_terms("v0.34.1") == content_terms("0.34.1") == ("0.34.1",)
    assert set(query_terms("version 0.34")) <= set(index_terms("since version v0.34.1"))


def test_traditional_and_simplified_characters_are_the_same_terms() -> None:
    assert content_terms("圖書館裡的書") == content_terms("图书馆里的书")
    assert content_terms("什麼是量化嗎") == content_terms("什么是量化吗")


def test_names_that_hold_signs_are_terms() -> None:
    assert content_terms("C++ or C#") == ("c++", "c#")
    assert content_terms("用C++写") == ("用", "c++", "写")


def test_words_of_other_scripts_are_stemmed_and_kept_whole() -> None:
    assert content_terms("модели") == content_terms("модель")
    assert content_terms("हिन्दी भाषा") == content_terms("हिन्दी भाषा.")
    assert len(content_terms("हिन्दी")) == 1
    assert content_terms("café Zürich") == content_terms("cafe zurich")
    assert content_terms("l'homme") == ("l", "homm")


def test_thai_and_japanese_are_cut_into_pairs() -> None:
    assert content_terms("ラーメン") == ("ラー", "ーメ", "メン")
    assert content_terms("ไทย") == ("ไท", "ทย")


def test_a_soft_hyphen_parts_no_word() -> None:
    assert content_terms("quanti\u00adzation") == content_terms("quantization")


@given(st.text())
def test_whatever_is_asked_can_be_found(text: str) -> None:
    content, query, index = set(content_terms(text)), set(query_terms(text)), set(index_terms(text))
    assert content <= query <= index
    assert not any(any(character.isspace() for character in term) or not term for term in index)

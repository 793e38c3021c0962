"""The word index: ranked by where a term stands, narrowed to documents, changed in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.store import words
from rag.store.words import WordIndex, Words

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def index(tmp_path: Path) -> WordIndex:
    """Thirty passages of ten documents; every passage says ``cache``, some say it again."""
    made = WordIndex(tmp_path / "indexes" / "one" / "words")
    made.replace((), [_words(number) for number in range(30)])
    return made


def _words(number: int) -> Words:
    body = f"cache {'cache ' * (number % 7)}number {number}"
    return Words(f"p{number}", f"d{number % 10}", "Notes", "", body)


def test_a_term_in_the_body_counts_more_than_one_in_the_headings(tmp_path: Path) -> None:
    index = WordIndex(tmp_path / "indexes" / "one" / "words")
    bodies = {"body": ("", "attention shares keys"), "headings": ("attention", "it shares keys")}
    index.replace((), [Words(name, name, "Notes", *texts) for name, texts in bodies.items()])
    assert list(index.search("attention", 5)) == ["body", "headings"]


def test_a_title_finds_its_documents_passages(tmp_path: Path) -> None:
    index = WordIndex(tmp_path / "indexes" / "one" / "words")
    index.replace((), [Words("a", "a", "知识蒸馏", "", "温度"), Words("b", "b", "量化", "", "温度")])
    assert list(index.search("知识蒸馏", 5)) == ["a"]


@pytest.mark.parametrize("most_terms", [2_000, 0])
def test_narrowed_to_documents_the_ranking_is_the_same_without_the_others(
    index: WordIndex, monkeypatch: pytest.MonkeyPatch, most_terms: int
) -> None:
    monkeypatch.setattr(words, "_MOST_DOCUMENT_TERMS", most_terms)
    everything = index.search("cache", 30)
    wanted = {"d3", "d4", "d8"}
    expected = {name: score for name, score in everything.items() if f"d{int(name[1:]) % 10}" in wanted}
    for limit in (1, 4, 9, 50):
        found = index.search("cache", limit, wanted)
        assert list(found) == list(expected)[:limit]
        assert found == pytest.approx({name: expected[name] for name in found})


def test_narrowed_to_no_document_nothing_is_found(index: WordIndex) -> None:
    assert index.search("cache", 5, frozenset()) == {}
    assert index.search("cache", 5, {"elsewhere"}) == {}


def test_a_passage_is_replaced_and_removed_without_the_others(index: WordIndex) -> None:
    index.replace(["p1"], [Words("p2", "d2", "Notes", "", "pruning")])
    assert index.count() == 29
    assert list(index.search("pruning", 5)) == ["p2"]
    assert set(index.search("cache", 50)) == {f"p{number}" for number in range(30)} - {"p1", "p2"}


def test_an_open_index_finds_what_another_one_wrote(index: WordIndex, tmp_path: Path) -> None:
    other = WordIndex(tmp_path / "indexes" / "one" / "words")
    index.replace((), [Words("new", "new", "", "", "watermark")])
    assert list(WordIndex(tmp_path / "indexes" / "one" / "words").search("watermark", 5)) == ["new"]
    assert other.count() in {30, 31}


@pytest.mark.parametrize("query", ['"unclosed (', "title:* AND -", "\0", "", "的"])
def test_a_query_is_never_a_query_language(index: WordIndex, query: str) -> None:
    index.search(query, 5)

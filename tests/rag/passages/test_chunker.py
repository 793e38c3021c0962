"""Passages: exact offsets, a token budget that holds, and no crossing of sections."""

from __future__ import annotations

import random

import pytest

from rag.document import Section
from rag.passages.chunker import cut_passages, join_sections


def count_words_and_han(text: str) -> int:
    """A counter with two tokens of its own, a token a word, and a token a Han character."""
    return 2 + sum(max(1, sum(c > "\u3400" for c in word)) for word in text.split())


def cut(*sections: Section, budget: int = 12) -> list[str]:
    text, placed = join_sections(sections)
    return [
        text[cut.start : cut.end]
        for cut in cut_passages(text, placed, count_words_and_han, budget_tokens=budget)
    ]


def test_short_sentences_share_a_passage() -> None:
    assert cut(Section("One two. Three four. Five.")) == ["One two. Three four. Five."]


def test_passages_are_about_equally_long() -> None:
    sentences = " ".join(["Aa bb cc dd."] * 3)
    assert cut(Section(sentences), budget=10) == ["Aa bb cc dd. Aa bb cc dd.", "Aa bb cc dd."]


def test_a_passage_never_crosses_a_page_a_slide_or_a_sheet() -> None:
    assert cut(Section("One.", page=1), Section("Two.", page=2)) == ["One.", "Two."]
    assert cut(Section("One.", place="slide 1"), Section("Two.", place="slide 2")) == ["One.", "Two."]
    assert cut(
        Section("| 1 |", kind="table", place="sheet A", row=2),
        Section("| 2 |", kind="table", place="sheet A", row=9),
    ) == ["| 1 |", "| 2 |"]


def test_a_long_sentence_is_cut_at_its_clauses() -> None:
    assert cut(Section("一二三四五，六七八九十，甲乙丙丁"), budget=9) == [
        "一二三四五，",
        "六七八九十，",
        "甲乙丙丁",
    ]


def test_a_word_longer_than_the_budget_is_cut_between_characters() -> None:
    passages = cut(Section("蒸" * 100), budget=12)
    assert "".join(passages) == "蒸" * 100
    assert all(count_words_and_han(passage) <= 12 for passage in passages)


def test_a_letter_is_never_parted_from_its_marks() -> None:
    text, placed = join_sections([Section("e\u0301" * 300 + "👩\u200d🔬" * 100)])
    cuts = cut_passages(text, placed, lambda piece: 2 + len(piece), budget_tokens=33)
    assert len(cuts) > 20
    assert not any(text[cut.start] in "\u0301\u200d🔬" for cut in cuts)


def test_page_heading_and_line_come_from_where_the_passage_begins() -> None:
    text, placed = join_sections(
        [Section("One.\nTwo.", page=1), Section("Three.", page=2, heading=("Top", "Sub"))]
    )
    first, second = cut_passages(text, placed, count_words_and_han, budget_tokens=12)
    assert (first.page, first.line, first.heading) == (1, 1, ())
    assert (second.page, second.line, second.heading) == (2, 4, ("Top", "Sub"))


def test_small_sections_share_a_passage_below_the_heading_that_they_share() -> None:
    text, placed = join_sections(
        [
            Section("## One\n\nAa bb.", heading=("Top", "One")),
            Section("## Two\n\nCc dd.", heading=("Top", "Two")),
            Section("## Three\n\nEe ff gg hh ii jj kk ll mm nn.", heading=("Top", "Three")),
        ]
    )
    joined, alone = cut_passages(text, placed, count_words_and_han, budget_tokens=16)
    assert text[joined.start : joined.end] == "## One\n\nAa bb.\n\n## Two\n\nCc dd."
    assert (joined.heading, joined.section) == (("Top",), 0)
    assert (alone.heading, alone.section) == (("Top", "Three"), 2)


def test_a_heading_without_text_stands_in_the_passage_below_it() -> None:
    text, placed = join_sections(
        [Section("# Top", heading=("Top",)), Section("## Sub\n\nWords of it.", heading=("Top", "Sub"))]
    )
    (only,) = cut_passages(text, placed, count_words_and_han, budget_tokens=40)
    assert (only.start, only.heading, only.section) == (0, ("Top", "Sub"), 1)


def test_code_keeps_its_indentation() -> None:
    code = "class A:\n    def one(self):\n        return 1\n\n    def two(self):\n        return 2\n"
    assert cut(Section(code, kind="code"), budget=9) == [
        "class A:\n    def one(self):\n        return 1",
        "    def two(self):\n        return 2",
    ]


def test_a_tokenizer_that_counts_line_breaks_is_heeded() -> None:
    def count(text: str) -> int:
        return len(text.split()) + text.count("\n")

    text, placed = join_sections([Section("\n\n".join(["Aa bb cc dd."] * 40))])
    cuts = cut_passages(text, placed, count, budget_tokens=30)
    sizes = [count(text[cut.start : cut.end]) for cut in cuts]
    assert max(sizes) <= 30
    assert min(sizes) >= 20


def test_megabytes_take_few_counts() -> None:
    # Twice the text twice as many: each sentence once, each passage about once.
    for repeats in (200, 400):
        text, placed = join_sections([Section("Some words make a sentence here. " * repeats)])
        calls = 0

        def count(piece: str) -> int:
            nonlocal calls
            calls += 1
            return len(piece.split())

        cuts = cut_passages(text, placed, count, budget_tokens=60)
        assert calls <= repeats + 2 * len(cuts) + 10


def test_a_budget_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        cut(Section("One."), budget=2)


def test_any_text_is_covered_in_order_within_the_budget() -> None:
    generator = random.Random(11)  # noqa: S311 (repeatable test data)
    alphabet = "ab  .,，。!\n\t-|蒸馏模型１"
    for _ in range(300):
        sections = [
            Section("x" + "".join(generator.choices(alphabet, k=generator.randrange(200))))
            for _ in range(generator.randrange(1, 4))
        ]
        text, placed = join_sections(sections)
        budget = generator.randrange(3, 20)
        cuts = cut_passages(text, placed, count_words_and_han, budget_tokens=budget)
        position = 0
        for piece in cuts:
            passage = text[piece.start : piece.end]
            assert text[position : piece.start].strip() == ""
            assert passage == passage.strip() != ""
            assert count_words_and_han(passage) <= budget
            assert piece.line == text.count("\n", 0, piece.start) + 1
            position = piece.end
        assert text[position:].strip() == ""


def test_words_that_cost_no_token_of_their_own_still_fill_a_passage() -> None:
    # As in multilingual-e5: the prefix alone ends in a token that the first word takes over.
    text, placed = join_sections((Section("word " * 2000),))
    cuts = cut_passages(text, placed, lambda piece: 4 + max(1, len(piece.split())), budget_tokens=200)
    assert len(cuts) == 11

"""What a model claims is kept only where the passages prove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.answering.citations import CitedText, Claim, check_claims
from rag.answering.quotes import citation, find_quote
from rag.document import Passage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.answering.citations import CheckedClaim
    from rag.document import Citation


def passage(text: str, *, page: int | None = None, line: int = 1) -> Passage:
    return Passage("p", "d", "Serving", "/serving.md", text, 0, len(text), page, line, ("Memory",))


def cited(kept: Sequence[CheckedClaim]) -> tuple[str, tuple[Citation, ...]]:
    text = CitedText("en")
    for claim in kept:
        text.add(claim)
    return text.text, text.citations


CACHE = passage("PagedAttention wastes under 4 % of the cache.\nOlder servers wasted 60 to 80 %.", line=7)
EXPERTS = passage("DeepSeek-MoE 16B activates 2.8 billion parameters for each token.", page=3)
QUESTION = "How much do DeepSeek-MoE and older servers activate or waste of parameters and cache?"
GIVEN = {"P1": CACHE, "P2": EXPERTS}


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("the  “KV”\nCache.", 'Then the "KV" cache grows.'),
        ("显存需要16GB，够用", "结论：显存需要 １６ＧＢ,够用。"),
        ("experts compute little", "All **experts** compute _little_ here"),
        ("caf\u00e9 au lait", "A cafe\u0301 au lait, please"),
        ("‹think> is a tag of thought", "A <think> is a tag of thought"),
    ],
)
def test_a_quote_is_found_despite_spaces_widths_marks_and_case(quote: str, text: str) -> None:
    assert find_quote(quote, text) is not None


def test_a_found_quote_is_the_passages_own_characters() -> None:
    text = 'Then the "KV" cache grows.'
    span = find_quote("the “kv” CACHE", text)
    assert span is not None
    assert text[slice(*span)] == 'the "KV" cache'


def test_a_quote_may_not_begin_inside_a_word_or_number() -> None:
    assert find_quote("art of war", "a part of war") is None
    assert find_quote("6 GB", "it needs 16 GB") is None


def test_the_line_is_that_of_the_quote_and_a_page_goes_before_it() -> None:
    start = CACHE.text.index("Older")
    assert citation(1, CACHE, start, len(CACHE.text)).locator == "line 8"
    assert citation(1, EXPERTS, 0, 10).locator == "p. 3"


def test_a_proven_claim_becomes_a_sentence_with_a_marker() -> None:
    claim = Claim("DeepSeek-MoE 16B activates 2.8 billion parameters.", "P2", EXPERTS.text)
    verdict = check_claims([claim], GIVEN, QUESTION)
    text, citations = cited(verdict.kept)
    assert text == "DeepSeek-MoE 16B activates 2.8 billion parameters [1]."
    assert citations[0].quote == EXPERTS.text


def test_a_quote_in_another_passage_than_named_is_cited_from_there() -> None:
    claim = Claim("Older servers wasted 60 to 80 %.", "P2", "Older servers wasted 60 to 80 %.")
    assert check_claims([claim], GIVEN, QUESTION).kept[0].passage is CACHE


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (Claim("It wastes little.", "P1", "the cache"), "too short"),
        (Claim("Cows fly.", "P1", "Cows fly over the green hills."), "in no passage"),
        (Claim("Cows fly.", "P9", "Cows fly over the green hills."), "P9, which was not given"),
        (Claim("It activates 16 of 99 billion parameters.", "P2", EXPERTS.text), "number 99 is not"),
        (Claim("Birds sing in spring.", "P2", EXPERTS.text), "does not support"),
    ],
)
def test_an_unproven_claim_is_dropped_with_the_reason(claim: Claim, reason: str) -> None:
    verdict = check_claims([claim], GIVEN, QUESTION)
    assert verdict.kept == ()
    assert reason in verdict.dropped[0]


def test_a_proven_claim_that_says_nothing_about_the_question_is_dropped() -> None:
    claim = Claim("DeepSeek-MoE 16B activates 2.8 billion parameters.", "P2", EXPERTS.text)
    verdict = check_claims([claim], GIVEN, "Which port does Ollama listen on?")
    assert "nothing about the question" in verdict.dropped[0]


def test_a_chinese_claim_on_an_english_quote_is_checked_by_its_numbers_and_names() -> None:
    good = Claim("DeepSeek-MoE 16B 每个词元激活 2.8 十亿参数。", "P2", EXPERTS.text)
    bad = Claim("DeepSeek-MoE 16B 每个词元激活 3.1 十亿参数。", "P2", EXPERTS.text)
    verdict = check_claims([good, bad], GIVEN, "DeepSeek-MoE 16B 激活多少参数？")
    assert [claim.other_language for claim in verdict.kept] == [True]
    assert "3.1" in verdict.dropped[0]


def test_a_claim_that_only_the_title_bears_is_dropped() -> None:
    claim = Claim("Memory serving, one page.", "P1", "PagedAttention wastes under 4 % of the cache.")
    verdict = check_claims([claim], GIVEN, "How is memory served?")
    assert verdict.kept == ()
    assert "does not support" in verdict.dropped[0]


def test_a_claim_in_another_language_than_the_question_is_dropped() -> None:
    chinese = Claim("DeepSeek-MoE 16B 每个词元激活 2.8 十亿参数。", "P2", EXPERTS.text)
    verdict = check_claims([chinese], GIVEN, QUESTION)
    assert verdict.kept == ()
    assert "not in the question's language" in verdict.dropped[0]


def test_a_quote_that_stands_in_two_passages_is_cited_from_the_one_that_is_named() -> None:
    twin = Passage("p2", "d2", "Copy", "/copy.md", EXPERTS.text, 0, len(EXPERTS.text), None, 1)
    given = {"P1": EXPERTS, "P2": twin}
    claims = [Claim(EXPERTS.text, "P2", EXPERTS.text)]
    assert check_claims(claims, given, QUESTION).kept[0].passage is twin


def test_claims_from_one_sentence_share_a_marker() -> None:
    claims = [
        Claim("DeepSeek-MoE activates 2.8 billion parameters.", "P2", EXPERTS.text),
        Claim("2.8 billion parameters for each token.", "P2", EXPERTS.text),
    ]
    text, citations = cited(check_claims(claims, GIVEN, QUESTION).kept)
    assert text.count("[1]") == 2
    assert len(citations) == 1

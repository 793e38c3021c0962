"""Denial is seen in plain words of both languages, and only there."""

from __future__ import annotations

import pytest

from rag.answering.negation import is_negated, says_opposite


@pytest.mark.parametrize(
    "text",
    [
        "It isn't fast.",
        "It never stops.",
        "There is no cache.",
        "模型不支持工具。",
        "他没有去。",
        "该功能尚未完成。",
    ],
)
def test_denials_are_seen(text: str) -> None:
    assert is_negated(text)


@pytest.mark.parametrize(
    "text",
    [
        "It is not only fast but small.",
        "It needs no more than 4 GB.",
        "See No. 5.",
        "Another note about knots.",
        "模型不仅快，而且小。",
        "它不断增长。",
        "非常快。",
        "未来的模型",
    ],
)
def test_words_that_only_look_like_denials_are_none(text: str) -> None:
    assert not is_negated(text)


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("Ollama supports tools.", "Ollama does not support tools, but vLLM does."),
        ("Ollama does not support tools.", "Ollama supports tools."),
        ("该模型支持工具调用。", "该模型不支持工具调用。"),
    ],
)
def test_a_claim_that_turns_its_quote_round_is_seen(claim: str, quote: str) -> None:
    assert says_opposite(claim, quote)


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("vLLM is fast.", "vLLM is fast, but it does not run on Windows."),
        ("The model does not support tools.", "The model lacks support for tools."),
        ("该模型不支持工具。", "该模型缺少对工具的支持。"),
        ("The cache grows with each token.", "The cache grows with each token."),
    ],
)
def test_a_claim_that_says_the_same_in_other_words_is_left_alone(claim: str, quote: str) -> None:
    assert not says_opposite(claim, quote)

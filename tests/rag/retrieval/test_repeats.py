"""Repeats and likeness: what adds nothing is told from what contradicts, and the order of choice."""

from __future__ import annotations

import pytest

from rag.document import Hit, Passage
from rag.retrieval.diversity import diversified, without_repeats
from rag.retrieval.repeats import Wording, adds_nothing, similarity

LONG = "The copper still holds forty litres and was made in Lyon in 1872. Its head is a swan's neck of tin."
ZH = "铜制蒸馏器的容量是四十升，一八七二年在里昂制造。它的顶部像天鹅的脖子。"


def hit(name: str, text: str, score: float) -> Hit:
    passage = Passage(name, f"document {name}", "Title", f"/{name}.txt", text, 0, len(text), None, 1)
    return Hit(passage, score, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "same",
    [
        LONG.replace(" ", "  ").replace(". ", ".\n"),
        LONG.upper(),
        LONG.replace("The copper", "A copper"),
        "The copper still holds forty litres and was made in Lyon in 1872.",
    ],
)
def test_another_layout_or_a_part_adds_nothing(same: str) -> None:
    assert adds_nothing(Wording(same), Wording(LONG))


@pytest.mark.parametrize(
    "other",
    [
        LONG.replace("1872", "1873"),
        LONG.replace("Lyon", "Paris"),
        LONG.replace("holds", "does not hold"),
        LONG + " It leaks.",
        "Lyon made 1872 litres in the copper head, and the swan's forty holds still neck of tin.",
    ],
)
def test_another_number_name_negation_or_order_is_something_new(other: str) -> None:
    assert not adds_nothing(Wording(other), Wording(LONG))


def test_what_one_text_denies_the_other_does_not_repeat() -> None:
    assert not adds_nothing(Wording(LONG), Wording(LONG.replace("was made", "was not made")))


def test_chinese_is_compared_as_well() -> None:
    assert adds_nothing(Wording(ZH.replace("，", "，\n")), Wording(ZH))
    assert not adds_nothing(Wording(ZH.replace("四十", "五十")), Wording(ZH))
    assert not adds_nothing(Wording(ZH.replace("在里昂", "不在里昂")), Wording(ZH))


def test_texts_without_terms_are_the_same_only_where_they_are_equal() -> None:
    assert adds_nothing(Wording("— —"), Wording("—  —"))
    assert not adds_nothing(Wording("it is"), Wording("— —"))


def test_likeness_is_the_share_of_terms_in_common() -> None:
    assert similarity(Wording("copper still"), Wording("copper kettle")) == pytest.approx(1 / 3)
    assert similarity(Wording(""), Wording("")) == 0.0


def test_repeats_are_named_with_the_better_hit() -> None:
    first, copy, other = hit("a", LONG, 0.9), hit("b", LONG, 0.8), hit("c", ZH, 0.7)
    assert without_repeats([first, copy, other]) == ([first, other], [(copy, first)])


def test_the_next_hit_is_one_unlike_those_before() -> None:
    first, like, unlike = (
        hit("a", "copper still", 0.9),
        hit("b", "copper still head", 0.88),
        hit("c", "wine", 0.8),
    )
    assert diversified([first, like, unlike], relevance_weight=0.3) == [first, unlike, like]


def test_relevance_alone_keeps_the_order() -> None:
    hits = [hit("a", "copper still", 9.0), hit("b", "copper still head", 1.0), hit("c", "wine", -7.0)]
    assert diversified(hits, relevance_weight=1.0) == hits
    assert diversified([]) == []


def test_equal_scores_keep_their_order_where_nothing_is_alike() -> None:
    hits = [hit("a", "copper", 0.5), hit("b", "wine", 0.5), hit("c", "herbs", 0.5)]
    assert diversified(hits) == hits

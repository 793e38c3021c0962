"""Sentence spans: what ends a sentence and what does not, in both languages."""

from __future__ import annotations

import random

import pytest

from rag.passages.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It takes 3.5 GB. That fits.", ["It takes 3.5 GB.", "That fits."]),
        ("Dr. Smith and J. Doe agree, e.g. Here.", ["Dr. Smith and J. Doe agree, e.g. Here."]),
        ("See No. 5. The answer is no. Really.", ["See No. 5.", "The answer is no.", "Really."]),
        ('He said "stop." Then left.', ['He said "stop."', "Then left."]),
        ('"Why?" he asked.', ['"Why?" he asked.']),
        ("模型很小。它能跑！对吗？", ["模型很小。", "它能跑！", "对吗？"]),
        ("他说:“好。”然后走了。", ["他说:“好。”", "然后走了。"]),
        ("等等……再说", ["等等……", "再说"]),
        ("用了半角.没有空格?是的", ["用了半角.", "没有空格?", "是的"]),
        ("a title\n\nA paragraph", ["a title", "A paragraph"]),
        ("- one\n- two\n1. three", ["- one", "- two", "1. three"]),
        ("| a | b |\n| 1 | 2 |\nafter", ["| a | b |", "| 1 | 2 |", "after"]),
        ("# Head\nwrapped\nprose here.", ["# Head", "wrapped\nprose here."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_spans_are_ordered_disjoint_and_leave_only_whitespace_between() -> None:
    generator = random.Random(7)  # noqa: S311 (repeatable test data)
    alphabet = "ab Z.3!?\n。！“”）-|#… \t蒸馏"
    for _ in range(500):
        text = "".join(generator.choices(alphabet, k=generator.randrange(60)))
        position = 0
        for start, end in split_sentences(text):
            assert text[position:start].strip() == ""
            assert position <= start < end
            position = end
        assert text[position:].strip() == ""

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
        ("a title\r\n\r\nA paragraph", ["a title", "A paragraph"]),
        ("- one\n- two\n1. three", ["- one", "- two", "1. three"]),
        ("| a | b |\n| 1 | 2 |\nafter", ["| a | b |", "| 1 | 2 |", "after"]),
        ("# Head\nwrapped\nprose here.", ["# Head", "wrapped\nprose here."]),
        ("用人；用心。", ["用人；", "用心。"]),
        (
            "He said (it was late. Very late.) and left. Then.",
            ["He said (it was late. Very late.) and left.", "Then."],
        ),
        ("“好。走吧。”他说。再见。", ["“好。走吧。”", "他说。", "再见。"]),
        ("（见图1。又见表2。）下一句。", ["（见图1。又见表2。）", "下一句。"]),
        ('She said "go. Now." He went.', ['She said "go. Now."', "He went."]),
        ("An open ( bracket. Changes nothing.", ["An open ( bracket.", "Changes nothing."]),
        ("In the U.S. Army. In the U.S. The end.", ["In the U.S. Army.", "In the U.S.", "The end."]),
        ("Acme Inc. Berlin. Acme Inc. It grew.", ["Acme Inc. Berlin.", "Acme Inc.", "It grew."]),
        ("It weighs\n3.5 kg. So.", ["It weighs\n3.5 kg.", "So."]),
        ("Well… maybe. Well… Yes.", ["Well… maybe.", "Well…", "Yes."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_long_quotation_is_cut_at_its_sentences() -> None:
    quoted = "“" + "这是一句很长的话。" * 40 + "”"
    assert len(sentences(quoted)) == 40


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

"""Brackets and quotation marks that hold their text together, and those that are ignored."""

from __future__ import annotations

import pytest

from rag.passages.enclosures import LONGEST_ENCLOSED_CHARACTERS, enclosed_spans


def enclosed(text: str) -> list[str]:
    return [text[start:end] for start, end in enclosed_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a (b) c [d] e", ["(b)", "[d]"]),
        ("a (b [c] d) e", ["(b [c] d)"]),
        ("他说“好。‘走’吧。”（见图）", ["“好。‘走’吧。”", "（见图）"]),
        ('She said "go. Now." twice', ['"go. Now."']),
        ('他说"好。走。"然后', ['"好。走。"']),
        ("it's the dogs' (b)", ["(b)"]),
        ('a 5" pipe and a 6" pipe', []),
        ("an (open one", []),
        ("a closed) one", []),
        ("(crossed [over) here]", ["(crossed [over)"]),
    ],
)
def test_pairs_are_found_outermost(text: str, expected: list[str]) -> None:
    assert enclosed(text) == expected


def test_what_is_longer_than_a_few_sentences_is_not_held_together() -> None:
    inside = "x" * (LONGEST_ENCLOSED_CHARACTERS - 2)
    assert enclosed(f"({inside})") == [f"({inside})"]
    assert enclosed(f"({inside}x)") == []


def test_no_pair_crosses_an_edge() -> None:
    assert enclosed_spans("(a\n\nb) (c)", edges=[2]) == [(7, 10)]

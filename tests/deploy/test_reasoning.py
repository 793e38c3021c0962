"""A thought is told apart from an answer however the text is cut into chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.reasoning import Piece, ReasoningSplitter, split_later_thought, split_text

OPENING, CLOSING = "<think>", "</think>"

# Tags, their beginnings, and what stands around them.
PARTS = (OPENING, CLOSING, "<", "<thi", "</", "</thin", "nk>", ">", " ", "\n\n", "France.", "巴黎", "a < b")
texts = st.lists(st.sampled_from(PARTS), max_size=8).map("".join)


@st.composite
def chunked(draw: st.DrawFn) -> list[str]:
    """A text, cut at any places; empty chunks among them."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=10)))
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


def streamed(chunks: list[str], *, opened: bool = False) -> list[Piece]:
    splitter = ReasoningSplitter(opened=opened)
    return [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.finish()


def joined(pieces: list[Piece]) -> tuple[str, str]:
    return (
        "".join(piece.text for piece in pieces if piece.kind == "reasoning"),
        "".join(piece.text for piece in pieces if piece.kind == "content"),
    )


@given(chunked())
def test_a_text_that_begins_with_the_tag_is_split_as_if_it_came_whole(chunks: list[str]) -> None:
    text = "".join(chunks)
    tagged = text.lstrip().startswith(OPENING)
    expected = split_text(text) if tagged or CLOSING not in text else ("", text.strip())

    assert joined(streamed(chunks)) == expected


@given(chunked())
def test_where_the_prompt_opened_the_thought_all_is_thought_until_the_closing_tag(chunks: list[str]) -> None:
    text = "".join(chunks)
    thought, _, answer = text.lstrip().removeprefix(OPENING).partition(CLOSING)

    assert joined(streamed(chunks, opened=True)) == (thought.strip(), answer.strip())


@given(chunked(), st.booleans())
def test_pieces_are_never_empty_and_the_thought_comes_first(chunks: list[str], opened: bool) -> None:  # noqa: FBT001
    pieces = streamed(chunks, opened=opened)

    assert all(piece.text for piece in pieces)
    kinds = [piece.kind for piece in pieces]
    assert kinds == sorted(kinds, reverse=True)


def test_what_is_certain_is_shown_at_once() -> None:
    splitter = ReasoningSplitter()

    assert splitter.feed("<think>It is") == [Piece("reasoning", "It is")]
    assert splitter.feed(" in Europe.</th") == [Piece("reasoning", " in Europe.")]
    assert splitter.feed("ink>\n\n") == []
    assert splitter.feed("Paris") == [Piece("content", "Paris")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nFrance.\n</think>\n\nParis.", ("France.", "Paris.")),
        ("France.\n</think>\n\nParis.", ("France.", "Paris.")),
        ("<think>France, whose capital", ("France, whose capital", "")),
        ("<think></think>Paris.", ("", "Paris.")),
        ("Paris.", ("", "Paris.")),
        ("", ("", "")),
    ],
)
def test_a_whole_text_is_split(text: str, expected: tuple[str, str]) -> None:
    assert split_text(text) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('Rome?</think>{"city": "Paris"}', ("Rome?", '{"city": "Paris"}')),
        ("Rome?</think>\nNo.\n</think>\n\nParis.", ("Rome?</think>\nNo.", "Paris.")),
        ("R1 writes </think> before it answers.", ("", "R1 writes </think> before it answers.")),
        ("```\n<think>\nRome?\n</think>\n```", ("", "```\n<think>\nRome?\n</think>\n```")),
        ("Paris.", ("", "Paris.")),
    ],
)
def test_a_thought_that_is_closed_twice_ends_at_the_last_tag(answer: str, expected: tuple[str, str]) -> None:
    assert split_later_thought(answer) == expected

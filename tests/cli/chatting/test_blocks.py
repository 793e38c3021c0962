"""Markdown that is being written is cut into blocks of which no character is lost, however it comes."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from stillroom.cli.chatting.blocks import Block, BlockFeed
from stillroom.cli.chatting.prose import Prose

CODE = "```python\n" + "".join(f"print({number})\n" for number in range(40)) + "```"
ITEMS = "\n".join(f"- item {number}" for number in range(40))
NUMBERED = "\n".join(f"1. item {number}" for number in range(40))
TABLE = "| 名称 | g |\n|---|--:|\n| 盐 | 5 |"
ANSWER = f"# Title\n\nOne **bold** line.\nAnother.\n\n{CODE}\n\n{ITEMS}\n\n{TABLE}\n\n> quoted\n\n结束。"


def blocks(text: str, size: int) -> list[Block]:
    feed, done = BlockFeed(), []
    for start in range(0, len(text), size):
        done += feed.feed(text[start : start + size])
    return done + feed.finish()


def shown(*texts: str, width: int = 60) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    for text in texts:
        console.print(Prose(text))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_blocks_read_as_the_whole_does(size: int) -> None:
    assert shown(*(block.text for block in blocks(ANSWER, size))) == shown(ANSWER)


def test_a_block_is_done_when_the_next_one_begins() -> None:
    feed = BlockFeed()

    assert feed.feed("One.\n\nTw") == []
    assert feed.open == Block("One.\n\nTw")
    assert feed.feed("o.\n") == [Block("One.")]
    assert feed.open == Block("Two.\n")


def test_long_code_is_cut_between_lines_and_goes_on_without_a_gap() -> None:
    cut = blocks(CODE, 5)

    assert len(cut) > 2
    assert [block.joined for block in cut] == [False, *[True] * (len(cut) - 1)]
    assert all(block.text.startswith("```python\n") for block in cut)
    assert shown(*(block.text for block in cut)) == [f"print({number})" for number in range(40)]


def test_a_long_list_is_cut_between_items_and_counts_on() -> None:
    lines = shown(*(block.text for block in blocks(NUMBERED, 5)))

    assert [line.split()[0] for line in lines] == [str(number) for number in range(1, 41)]


def test_what_was_not_done_can_be_taken_back() -> None:
    feed = BlockFeed()
    feed.feed("Let me look")
    feed.discard()

    assert feed.open is None
    assert feed.finish() == []


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    st.lists(
        st.sampled_from(["# h", "text", CODE, ITEMS, NUMBERED, TABLE, "> q", "---", "<b>x</b>", "```\nopen"])
    )
)
def test_any_order_of_blocks_comes_out_as_it_went_in(parts: list[str]) -> None:
    text = "\n\n".join(parts)

    assert shown(*(block.text for block in blocks(text, 11))) == shown(text)


@pytest.mark.parametrize(
    "text", ["<think>no tag</think>", "List<int>", "[1]: https://example.org", "![a](b.png)", "<kbd>x"]
)
def test_no_written_character_vanishes(text: str) -> None:
    letters = [character for character in text if character.isalnum()]

    assert [character for character in "".join(shown(text)) if character.isalnum()] == letters

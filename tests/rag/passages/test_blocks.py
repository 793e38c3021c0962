"""Blocks: told by how lines begin, in Markdown and in plain text of both languages."""

from __future__ import annotations

import pytest

from rag.passages.blocks import split_blocks


def blocks(text: str, title: str = "") -> list[tuple[str, str]]:
    return [
        (block.kind, text[block.start : block.end]) for block in split_blocks(text, 0, len(text), title=title)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One.\nTwo.\n\nThree.", [("paragraph", "One.\nTwo."), ("paragraph", "Three.")]),
        ("# Head\nText.", [("heading", "# Head"), ("paragraph", "Text.")]),
        ("Head\n====\nText.", [("heading", "Head\n===="), ("paragraph", "Text.")]),
        ("- a\n  more\n- b", [("item", "- a\n  more"), ("item", "- b")]),
        ("1. a\n2) b\n3、三\n（四）四", [("item", "1. a"), ("item", "2) b"), ("item", "3、三\n（四）四")]),
        (
            "See:\n| a |\n| 1 |\nEnd.",
            [("paragraph", "See:"), ("table", "| a |\n| 1 |"), ("paragraph", "End.")],
        ),
        ("```py\n# x\n\n| y |\n```\nEnd.", [("code", "```py\n# x\n\n| y |\n```"), ("paragraph", "End.")]),
        ("~~~\n```\n~~~", [("code", "~~~\n```\n~~~")]),
        ("It weighs\n3.5 kg.", [("paragraph", "It weighs\n3.5 kg.")]),
        (" \n\t\n", []),
        ("", []),
    ],
)
def test_blocks_are_told_by_how_lines_begin(text: str, expected: list[tuple[str, str]]) -> None:
    assert blocks(text) == expected


def test_a_fence_that_is_never_closed_is_text() -> None:
    assert [kind for kind, _ in blocks("```\nOne.\n\nTwo.")] == ["paragraph", "paragraph"]


def test_the_first_line_that_repeats_the_heading_is_one() -> None:
    text = "1. Installing it\nRun the command."
    assert blocks(text, title="1 Installing it") == [
        ("heading", "1. Installing it"),
        ("paragraph", "Run the command."),
    ]


def test_only_the_given_stretch_is_looked_at() -> None:
    text = "# One\n\nText.\n\n# Two\n"
    start, end = text.index("Text"), text.index("# Two")
    assert [(b.start, b.end, b.kind) for b in split_blocks(text, start, end)] == [
        (start, start + 5, "paragraph")
    ]

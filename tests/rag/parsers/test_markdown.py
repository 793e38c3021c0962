"""Markdown: headings as people write them, front matter as metadata, the text as it stands."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from rag.parsers import parse_document
from rag.passages.chunker import join_sections

if TYPE_CHECKING:
    from rag.document import ParsedDocument


def parsed(text: str) -> ParsedDocument:
    return parse_document(text.encode(), PurePath("notes.md"))


def headings(text: str) -> list[tuple[str, ...]]:
    return [section.heading for section in parsed(text).sections]


@pytest.mark.parametrize(
    "front",
    [
        "---\ntitle: Cache\nauthor: [Ada, Alan]\ndate: 2026-03-01\ntags:\n- gpu\n- memory\n---\n",
        '+++\ntitle = "Cache"\nauthor = ["Ada", "Alan"]\ndate = 2026-03-01\ntags = ["gpu", "memory"]\n+++\n',
    ],
)
def test_front_matter_is_metadata_and_stays_in_the_text(front: str) -> None:
    document = parsed(front + "# Heading\n\nwords\n")
    assert document.title == "Cache"
    assert document.metadata == {"author": "Ada, Alan", "date": "2026-03-01", "tags": "gpu, memory"}
    assert join_sections(document.sections)[0] == front + "# Heading\n\nwords\n"


@pytest.mark.parametrize(
    "front", ["---\n: : [\n---\n", "---\n- a\n---\n", "---\n&a [*a]\n---\n", "---\nwords\n"]
)
def test_what_is_no_front_matter_does_no_harm(front: str) -> None:
    assert parsed(front + "# A\n\nx\n").title == "A"


def test_an_alias_in_front_matter_unpacks_to_nothing() -> None:
    bomb = "".join(f"k{n}: &k{n} [*k{n - 1}, *k{n - 1}]\n" for n in range(1, 40))
    assert parsed(f"---\nk0: &k0 [x, x]\n{bomb}title: T\n---\nwords\n").title == "T"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# A #\n\n## B\n", [("A",), ("A", "B")]),
        ("A\n=\n\ntext\n\nB\n--\n\nmore\n", [("A",), ("A", "B")]),
        ("# *A* and [b](c)\n", [("A and b",)]),
        ('<h1 align="center">A</h1>\n\ntext\n', [("A",)]),
        ("# A\n\n<!--\n# no\n-->\n", [("A",)]),
        ("# A\n\n~~~\n# no\n```\n# no\n~~~\n\n# B\n", [("A",), ("B",)]),
        ("# A\n\n1. step\n   ```sh\n   # no\n   ```\n", [("A",)]),
        ("# A\n\n- ```sh\n  # no\n  ```\n", [("A",)]),
        ("# A\n\n````\n```\n# no\n```\n````\n", [("A",)]),
        ("# A\n\n    # code\n\n#hashtag\n", [("A",)]),
        ("# A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", [("A",)]),
        ("# A\n\n- item\n---\n", [("A",)]),
    ],
)
def test_headings_are_what_a_reader_takes_for_one(text: str, expected: list[tuple[str, ...]]) -> None:
    assert headings(text) == expected
    assert join_sections(parsed(text).sections)[0] == text

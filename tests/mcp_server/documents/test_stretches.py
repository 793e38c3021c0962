"""Stretches of a document: by offset, page and passage, and all of it when read to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_server.documents.finding import find_document
from mcp_server.documents.stretches import around, from_page, stretch
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from agents.services import Services


@pytest.mark.parametrize(("name", "most"), [("手册.md", 6_000), ("quotes.txt", 1_000), ("手册.md", 100)])
def test_pages_put_together_are_the_document(shelf: Services, name: str, most: int) -> None:
    library = shelf.library()
    document = find_document(library, name)
    text, start = "", 0
    while start < document.characters:
        page = stretch(library, document, start, most)
        assert page.end - page.start == len(page.text) <= most
        assert page.end > start
        text, start = text + page.text, page.end
    assert text == library.document_text(document.id)


def test_a_page_ends_with_a_paragraph_where_that_is_near(shelf: Services) -> None:
    library = shelf.library()
    page = stretch(library, find_document(library, "手册.md"), 0, 1_000)
    assert page.text.endswith("。\n\n")


def test_a_document_with_pages_is_read_from_one_of_them(shelf: Services) -> None:
    library = shelf.library()
    manual = find_document(library, "manual.pdf")
    page = from_page(library, manual, 2, 100)
    assert page.text.startswith("The pump turns left.")
    assert page.locator == "p. 2"
    whole = library.document_text(manual.id)
    first, second, third = (from_page(library, manual, number, 6_000) for number in (1, 2, 3))
    assert "The pump turns left." not in first.text
    assert first.text + second.text + third.text == whole[first.start :]
    short = from_page(library, manual, 1, 100)
    assert first.text.startswith(short.text)
    with pytest.raises(ToolError, match="has text on pages 1 to 3 only"):
        from_page(library, manual, 4, 100)
    with pytest.raises(ToolError, match="has no pages"):
        from_page(library, find_document(library, "手册.md"), 1, 100)


def test_what_stands_around_a_passage_holds_the_passage(shelf: Services) -> None:
    library = shelf.library()
    document = find_document(library, "手册.md")
    for passage in library.passages(document.id):
        for most in (100, 2_000, 6_000):
            found = around(library, document, passage, most)
            assert found.start <= passage.start < found.end
            assert len(found.text) <= most
            if most >= 2_000:
                assert passage.text in found.text


def test_an_offset_behind_the_end_is_refused_with_the_length(shelf: Services) -> None:
    library = shelf.library()
    document = find_document(library, "valve.md")
    with pytest.raises(ToolError, match=f"which has {document.characters} characters"):
        stretch(library, document, document.characters + 1, 100)
    assert stretch(library, document, document.characters, 100).text == ""

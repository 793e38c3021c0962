"""Stretches of a document's text: from an offset, a page, or around a passage, no longer than asked for.

It does not know who reads them or how they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agents.toolkit.library_tools import paragraph_start
from mcp_server.result_size import beginning
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.document import Document, Passage
    from rag.library import Library
    from rag.passages.placed import PlacedSection

# A paragraph or a sentence that a page would cut is left to the next one, if that shortens it little.
_END_WITHIN: Final = 600
_ENDS: Final = ("\n\n", "\n", "。", ". ", " ")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of a document's text.

    Attributes:
        start: offset of the first character.
        end: offset after the last one.
        characters: length of the whole document.
        locator: where it begins, as a person finds it.
        quote: words of it that can be cited.
        quote_start: their offset in the document.
    """

    start: int
    end: int
    characters: int
    text: str
    locator: str
    quote: str
    quote_start: int


def stretch(library: Library, document: Document, start: int, most: int) -> Stretch:
    """What begins at an offset, ``most`` characters at the most, ended at a paragraph or a sentence.

    Raises:
        LibraryError: the document is gone.
        ToolError: the offset lies behind the end.
    """
    text = library.document_text(document.id)
    if start > len(text):
        raise ToolError(
            f"start = {start} lies behind the end of the document {document.id}, "
            f"which has {len(text)} characters",
            hint=f"read_document with a start of {len(text)} at most",
        )
    return _cut(library, document, text, start, most)


def from_page(library: Library, document: Document, page: int, most: int) -> Stretch:
    """A page of the document's own, or its beginning where it is longer than that.

    Raises:
        LibraryError: the document is gone.
        ToolError: it has no pages, or not that one.
    """
    every = library.sections(document.id)
    sections = [section for section in every if section.page is not None]
    pages = [section.page for section in sections if section.page is not None]
    if not pages:
        raise ToolError(
            f"page = {page}: the document {document.id} ({document.format}) has no pages",
            hint="read_document with start instead of page",
        )
    for section in sections:
        if section.page == page:
            text = library.document_text(document.id)
            following = [one.start for one in every if one.start > section.start and one.page != page]
            return _cut(library, document, text, section.start, most, until=min(following, default=len(text)))
    raise ToolError(
        f"page = {page}: the document {document.id} has text on pages {min(pages)} to {max(pages)} only",
        hint=f"read_document with a page of {max(pages)} at most",
    )


def around(library: Library, document: Document, passage: Passage, most: int) -> Stretch:
    """A passage with what stands before and after it."""
    text = library.document_text(document.id)
    before = max(0, most - (passage.end - passage.start)) // 2
    begin = max(paragraph_start(text, max(0, passage.start - before)), passage.end - most)
    begin = min(begin, passage.start)
    found = _cut(library, document, text, begin, most)
    return Stretch(
        found.start,
        found.end,
        found.characters,
        found.text,
        passage.locator,
        passage.text,
        passage.start,
    )


def _cut(
    library: Library, document: Document, text: str, start: int, most: int, *, until: int | None = None
) -> Stretch:
    """What begins at an offset; where there is room up to the offset ``until``, that and no more."""
    shown = beginning(text[start : start + most], most)
    reached = start + len(shown)
    end = until if until is not None and until <= reached else _good_end(text, start, reached)
    shown = text[start:end]
    quote = shown.lstrip()
    return Stretch(
        start=start,
        end=end,
        characters=len(text),
        text=shown,
        locator=_locator(library.sections(document.id), text, start),
        quote=quote,
        quote_start=start + len(shown) - len(quote),
    )


def _good_end(text: str, start: int, end: int) -> int:
    """``end``, or a little before it after a paragraph, line, sentence or word."""
    if end >= len(text):
        return len(text)
    earliest = max(end - _END_WITHIN, (start + end) // 2)
    for mark in _ENDS:
        if (found := text.rfind(mark, earliest, end)) >= 0:
            return found + len(mark)
    return end


def _locator(sections: Sequence[PlacedSection], text: str, offset: int) -> str:
    for section in sections:
        if section.start <= offset < section.end:
            if section.page is not None:
                return f"p. {section.page}"
            if section.place:
                return section.place
    return f"line {text.count(chr(10), 0, offset) + 1}"

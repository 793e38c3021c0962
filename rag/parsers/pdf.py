"""PDF: a section a page, or a piece of one below each bookmark; columns in reading order, tables as rows.

Pages without a text layer are read by OCR where that is possible (`rag.parsers.ocr`). Pictures, the layout of
formulas and annotations are left out.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from rag.parsers.pdf_file import bookmarks, opened, title_and_metadata
from rag.parsers.pdf_furniture import without_furniture
from rag.parsers.pdf_headings import Headings
from rag.parsers.pdf_page import strips_of
from rag.parsers.pdf_paragraphs import page_text
from rag.parsers.pdf_scans import Scans
from rag.parsers.pdf_words import read_page
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    import pypdfium2

    from rag.parsers.options import ParseOptions
    from rag.parsers.pdf_words import PageText

# Running heads are looked for among so many pages at a time: enough to see them repeat, few enough to hold.
_PAGES_AT_A_TIME = 40

# A book of this many pages is read; what claims more is a bomb.
_MOST_PAGES = 20_000


def parse(content: bytes, path: PurePath, options: ParseOptions) -> ParsedDocument:
    """The pages that have text, numbered from 1.

    Raises:
        ParseError: the file is encrypted or damaged, or no page has text that can be read.
    """
    with opened(content, path, options.passwords) as document:
        pages = len(document)
        if pages > _MOST_PAGES:
            raise ParseError(
                f"{path} has {pages:,} pages; at most {_MOST_PAGES:,} are read",
                hint=f"qpdf --split-pages=1000 {path} part.pdf",
            )
        scans = Scans(options)
        sections = tuple(_sections(document, scans))
        title, metadata = title_and_metadata(document)
    if not sections:
        raise scans.error(path, pages)
    return ParsedDocument(
        title=title or path.stem, format="pdf", sections=sections, metadata=metadata, notes=scans.notes()
    )


def _sections(document: pypdfium2.PdfDocument, scans: Scans) -> Iterator[Section]:
    headings = Headings(bookmarks(document))
    for first in range(0, len(document), _PAGES_AT_A_TIME):
        numbers = range(first, min(first + _PAGES_AT_A_TIME, len(document)))
        pages = [_page(document, number, scans) for number in numbers]
        for number, page, words in zip(numbers, pages, without_furniture(pages), strict=True):
            height = page.height_points if page.turn == 0 else None
            for heading, strips in headings.cut(number, strips_of(words, page.rules), height):
                text = page_text(strips)
                if text.strip():
                    yield Section(text, page=number + 1, heading=heading)
            if page.aside:
                yield Section(page.aside, page=number + 1)


def _page(document: pypdfium2.PdfDocument, number: int, scans: Scans) -> PageText:
    from pypdfium2 import PdfiumError

    try:
        with closing(document[number]) as page:
            return scans.completed(page, number, read_page(page))
    except PdfiumError:
        return scans.unreadable(number)

"""PDF: a section a page, from the text layer.

There is no OCR and no layout analysis: a scan is an error that says so, and table cells come as lines.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import unicodedata
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    import pypdf

    from rag.parsers.options import ParseOptions

# What pypdf lets through, besides its own errors, when a file's structure is not what it claims to be.
_DAMAGE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    EOFError,
    struct.error,
    zlib.error,
)

# What programs write for a title when nobody gave one.
_NO_TITLES = frozenset({"untitled", "(anonymous)", "(unspecified)", "anonymous"})

_WRAPPED_WORD = re.compile(r"(?<=[a-z])-\n(?=[a-z])")
_HAN_OR_MARK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff，、；：“”‘’（）《》]")
_SENTENCE_END = tuple(".!?。！？…")
# A page's number alone on its first or last line, in the forms that printers use: 3, - 3 -, 3 / 10, Page 3.
_PAGE_NUMBER = re.compile(r"\s*(page\s+)?[-–—]?\s*\d{1,4}(\s*(/|of)\s*\d{1,4})?\s*[-–—]?\s*", re.IGNORECASE)

# A line at least this share of the page's longest was broken by the margin, a shorter one by its writer.
_FULL_LINE = 0.75


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The pages that have text, numbered from 1.

    Raises:
        ParseError: the file is encrypted or damaged, or no page has a text layer.
    """
    import pypdf
    from pypdf.errors import PyPdfError

    # It logs each oddity of each file; what matters to a person becomes an error below.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        _require_readable(reader, path)
        sections = tuple(_pages(reader))
        pages = len(reader.pages)
        title = _title(reader)
    except (PyPdfError, *_DAMAGE) as error:
        raise ParseError(
            f"{path} is damaged: {str(error) or type(error).__name__}",
            hint=f"qpdf {path} mended.pdf, or print it to a new PDF",
        ) from error
    if not sections:
        raise ParseError(
            f"{path} has no text layer on any of its {pages} pages (a scan?)",
            hint=f"ocrmypdf -l eng+chi_sim {path} searchable.pdf",
        )
    return ParsedDocument(title=title or path.stem, format="pdf", sections=sections)


def _require_readable(reader: pypdf.PdfReader, path: PurePath) -> None:
    from pypdf.errors import DependencyError

    if not reader.is_encrypted:
        return
    try:
        # Many files are encrypted with an empty user password: anyone may read them.
        opened = bool(reader.decrypt(""))
    except DependencyError:
        opened = False
    if not opened:
        raise ParseError(
            f"{path} is encrypted", hint=f"qpdf --decrypt --password=PASSWORD {path} readable.pdf"
        )


def _title(reader: pypdf.PdfReader) -> str:
    title = str((reader.metadata and reader.metadata.title) or "").strip()
    return "" if title.lower() in _NO_TITLES else title


def _pages(reader: pypdf.PdfReader) -> Iterator[Section]:
    for number, page in enumerate(reader.pages, start=1):
        text = _unwrap(page.extract_text())
        if text.strip():
            yield Section(text, page=number)


def _unwrap(text: str) -> str:
    """Undo what the margin did: join the lines of a paragraph, and set apart what its writer set apart.

    A heading, a table's row or a paragraph's last line is followed by an empty line afterwards, so that no
    sentence reaches across it. The page's own number is left out.
    """
    lines = _without_page_number(_WRAPPED_WORD.sub("", text).strip().splitlines())
    full = _FULL_LINE * max((_columns(line) for line in lines), default=0)
    joined = lines[:1]
    for line, following in pairwise(lines):
        joined += [_separator(line, following, full), following]
    return "".join(joined)


def _without_page_number(lines: list[str]) -> list[str]:
    """The lines without the last or else the first, where that is a page number, and without blank ends.

    One line at the most: what stands above it may be the last column of a table.
    """
    if lines and _PAGE_NUMBER.fullmatch(lines[-1]):
        lines = lines[:-1]
    elif lines and _PAGE_NUMBER.fullmatch(lines[0]):
        lines = lines[1:]
    return [line.rstrip() for line in "\n".join(lines).strip().splitlines()]


def _columns(line: str) -> int:
    """Width in columns of a fixed-width font, where a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def _separator(line: str, following: str, full: float) -> str:
    """What stands between two lines of a page once the margin is gone."""
    if not line or not following:
        return "\n"
    is_full = _columns(line) >= full
    if is_full and line.endswith(_SENTENCE_END):
        return "\n"  # the paragraph may go on or end here; the sentence ends either way
    if not is_full and not following[0].islower():
        return "\n\n"
    between_han = _HAN_OR_MARK.match(line[-1]) and _HAN_OR_MARK.match(following[0])
    return "" if between_han else " "

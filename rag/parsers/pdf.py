"""PDF: a section a page, from the text layer.

There is no OCR and no layout analysis: a scan is an error that says so, and table cells come as lines.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from typing import TYPE_CHECKING

from rag.document import ParsedDocument, Section
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

    import pypdf

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

_HAN = r"[\u3400-\u4dbf\u4e00-\u9fff，、；：]"
_WRAPPED_WORD = re.compile(r"(?<=[a-z])-\n(?=[a-z])")
_WRAPPED_HAN = re.compile(rf"(?<={_HAN})\n(?=[\u3400-\u4dbf\u4e00-\u9fff])")

# A line at least this share of the page's longest was broken by the margin, a shorter one by its writer.
_FULL_LINE = 0.75


def parse(content: bytes, path: PurePath) -> ParsedDocument:
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
    """Join what the margin broke: hyphenated words, and lines of Chinese, which has no spaces to mark it."""
    text = _WRAPPED_WORD.sub("", text)
    full = _FULL_LINE * max((len(line) for line in text.split("\n")), default=0)

    def joined(match: re.Match[str]) -> str:
        line_start = text.rfind("\n", 0, match.start()) + 1
        return "" if match.start() - line_start >= full else "\n"

    return _WRAPPED_HAN.sub(joined, text)

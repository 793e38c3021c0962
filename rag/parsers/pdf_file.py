"""Opening a PDF: passwords, mending, what it says of itself, its bookmarks. No text is read here."""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePath

    import pypdfium2

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

# What programs write where nobody gave a title or an author.
_NO_NAMES = frozenset({"untitled", "(anonymous)", "(unspecified)", "anonymous", "unspecified", "unknown"})
_METADATA = {"Author": "author", "Subject": "subject", "Keywords": "keywords"}

# D:20260625130811+08'00', of which everything after the year may be missing.
_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-]\d\d)'?(\d\d)?)?")

# PDFium's own limit for the depth of bookmarks, and more bookmarks than a person would write.
_MOST_BOOKMARKS = 20_000
_TITLE_CHARACTERS = 200


class Bookmark(NamedTuple):
    """A heading that the file itself names.

    Attributes:
        page: from 0.
        height_points: above the page's lower edge in the page's own coordinates, or None for its top.
    """

    level: int
    title: str
    page: int
    height_points: float | None


@contextmanager
def opened(content: bytes, path: PurePath, passwords: tuple[str, ...]) -> Iterator[pypdfium2.PdfDocument]:
    """The document, readable.

    Raises:
        ParseError: it is encrypted and no password fits, or damaged beyond mending.
    """
    # Many files are encrypted with an empty user password: anyone may read them.
    for password in (None, *passwords):
        document = _loaded(content, path, password)
        if document is not None:
            with closing(document):
                yield document
            return
    tried = f", and none of the {len(passwords)} passwords given opens it" if passwords else ""
    raise ParseError(f"{path} is encrypted{tried}", hint=f"stillroom ingest {path} --password PASSWORD")


def _loaded(content: bytes, path: PurePath, password: str | None) -> pypdfium2.PdfDocument | None:
    """The document, or None where it wants another password.

    Raises:
        ParseError: it is encrypted in another way, or damaged beyond mending.
    """
    from pypdfium2 import PdfDocument, PdfiumError, raw

    try:
        return PdfDocument(content, password=password)
    except PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            return None
        if error.err_code == raw.FPDF_ERR_SECURITY:
            raise ParseError(
                f"{path} is encrypted in a way that PDFium does not know",
                hint=f"qpdf --decrypt --password=PASSWORD {path} readable.pdf",
            ) from error
    mended = _mended(content, path)
    try:
        return PdfDocument(mended)
    except PdfiumError as error:
        raise _damaged(path, str(error)) from error


def _mended(content: bytes, path: PurePath) -> bytes:
    """The file written anew from what pypdf can make out.

    Raises:
        ParseError: that is nothing.
    """
    import pypdf
    from pypdf.errors import PyPdfError

    # It logs each oddity of each file; what matters to a person becomes an error below.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    out = io.BytesIO()
    try:
        reader = pypdf.PdfReader(io.BytesIO(content), strict=False)
        if not len(reader.pages):
            raise _damaged(path, "no page can be found")
        pypdf.PdfWriter(clone_from=reader).write(out)
    except (PyPdfError, *_DAMAGE) as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    return out.getvalue()


def _damaged(path: PurePath, why: str) -> ParseError:
    return ParseError(f"{path} is damaged: {why}", hint=f"qpdf {path} mended.pdf, or print it to a new PDF")


def title_and_metadata(document: pypdfium2.PdfDocument) -> tuple[str, Mapping[str, str]]:
    """The title, or empty, and ``author``, ``subject``, ``keywords``, ``created`` where they are given."""
    try:
        stated_raw = document.get_metadata_dict()
    except UnicodeDecodeError:  # half a character; the text does not depend on it
        return "", {}
    stated = {key: " ".join(value.split()) for key, value in stated_raw.items()}
    named = {key: value for key, value in stated.items() if value and value.lower() not in _NO_NAMES}
    metadata = {ours: named[theirs] for theirs, ours in _METADATA.items() if theirs in named}
    if created := iso_date(stated.get("CreationDate", "")):
        metadata["created"] = created
    return named.get("Title", ""), metadata


def iso_date(text: str) -> str:
    """A PDF's date as ISO 8601, as exact as it is; empty where it is none.

    Example:
        >>> iso_date("D:20260625130811+08'00'")
        '2026-06-25T13:08:11+08:00'
    """
    match = _DATE.match(text)
    if match is None:
        return ""
    year, month, day, hour, minute, second, utc, hours, minutes = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if not (day and hour and minute):
        return date
    zone = "Z" if utc else f"{hours}:{minutes or '00'}" if hours else ""
    return f"{date}T{hour}:{minute}:{second or '00'}{zone}"


def bookmarks(document: pypdfium2.PdfDocument) -> list[Bookmark]:
    """The document's outline in its own order; entries that lead nowhere inside the file are left out."""
    from pypdfium2 import PdfiumError

    found: list[Bookmark] = []
    try:
        for entry in document.get_toc():
            destination = entry.get_dest()
            page = destination.get_index() if destination is not None else None
            title = " ".join(entry.get_title().split())[:_TITLE_CHARACTERS]
            if destination is None or page is None or not title:
                continue
            _, view = destination.get_view()
            # XYZ gives left, top, zoom; FitH and FitBH give the top alone; others show the whole page.
            height = view[1] if len(view) == 3 else view[0] if len(view) == 1 else None  # noqa: PLR2004
            found.append(Bookmark(entry.level, title, page, height))
            if len(found) >= _MOST_BOOKMARKS:
                break
    except (PdfiumError, UnicodeDecodeError):  # a broken outline is no reason to lose the text
        return found
    return found

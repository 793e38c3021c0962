"""What format a file is in, from its first bytes, and from its name where bytes cannot tell.

It names formats; it does not know how they are parsed.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from typing import TYPE_CHECKING

from stillroom.errors import ParseError

if TYPE_CHECKING:
    from pathlib import PurePath

_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd"})
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})

# How far HTML may begin after a byte-order mark, an XML declaration or comments, in bytes.
_HEAD_BYTES = 2048
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)

# The PDF specification's readers accept the mark anywhere in the first 1,024 bytes.
_PDF_MARK_WITHIN = 1024

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

# Formats that are met in document folders and not parsed, with what a person can do about each.
_UNREAD = (
    (b"\xd0\xcf\x11\xe0", "an old Office file (.doc, .xls, .ppt)", "save it as .docx"),
    (b"{\\rtf", "Rich Text", "save it as .docx"),
    (b"\x89PNG", "a picture", "ocrmypdf --image-dpi 300 IN.png OUT.pdf"),
    (b"\xff\xd8\xff", "a picture", "ocrmypdf --image-dpi 300 IN.jpg OUT.pdf"),
    (b"GIF8", "a picture", "ocrmypdf --image-dpi 300 IN.gif OUT.pdf"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it first"),
)
_UNREAD_ZIPS = (
    ("ppt/presentation.xml", "a PowerPoint file", "export it as PDF"),
    ("xl/workbook.xml", "an Excel file", "export it as PDF or text"),
    ("META-INF/container.xml", "an EPUB", "convert it to HTML"),
    ("content.xml", "an OpenDocument file", "save it as .docx"),
)


def sniff_format(content: bytes, path: PurePath) -> str:
    """One of `rag.parsers.FORMATS`.

    Raises:
        ParseError: the content is of a format that is not parsed.
    """
    suffix = path.suffix.lower()
    if b"%PDF-" in content[:_PDF_MARK_WITHIN]:
        return "pdf"
    if content.startswith(b"PK\x03\x04"):
        return _zip_format(content, path)
    for mark, what, hint in _UNREAD:
        if content.startswith(mark):
            raise ParseError(f"{path} is {what}, which is not read yet", hint=hint)
    if suffix not in _MARKDOWN_SUFFIXES and (
        suffix in _HTML_SUFFIXES or _HTML.search(content[:_HEAD_BYTES].lstrip()[:_HEAD_BYTES])
    ):
        return "html"
    if b"\0" in content and not content.startswith(_UTF16_MARKS):
        raise ParseError(
            f"{path} is binary and of no format that is read",
            hint="formats: Markdown, text, HTML, PDF, DOCX",
        )
    return "markdown" if suffix in _MARKDOWN_SUFFIXES else "text"


def _zip_format(content: bytes, path: PurePath) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = frozenset(archive.namelist())
    # Besides its own error: a version from the future, a name or a number that cannot be decoded.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise ParseError(
            f"{path} is damaged: its ZIP directory cannot be read ({error})",
            hint="get it again from where it came from",
        ) from error
    if "word/document.xml" in names:
        return "docx"
    for name, what, hint in _UNREAD_ZIPS:
        if name in names:
            raise ParseError(f"{path} is {what}, which is not read yet", hint=hint)
    raise ParseError(f"{path} is a ZIP archive, which is not read", hint="unpack it first")

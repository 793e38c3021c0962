"""What can be seen of a file before it is parsed, and small tests of it by which formats are recognized.

A test is a function from `Evidence` to yes or no; `rag.parsers.registry` gives each format one. This module
knows signatures and containers; it does not know which formats are parsed, or how.
"""

from __future__ import annotations

import functools
import io
import re
import struct
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.parsers.decoding import looks_like_text
from rag.parsers.signatures import binary_signature
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePath

    Test = Callable[["Evidence"], bool]

GZIP_MARK, BZIP2_MARK, XZ_MARK = b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ\0"
_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06")  # with entries, without
# What Office and XPS files hold; OpenDocument files and EPUBs; Apple's.
_DOCUMENT_ENTRIES = ("[Content_Types].xml", "mimetype", "Index/Document.iwa")
# PNG, JPEG, GIF, TIFF of both byte orders.
_IMAGE_MARKS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
# What olefile lets through on damaged sectors, besides its own OSError.
_OLE_DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error)
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# HTML begins with one of these tags, after a byte-order mark, an XML declaration and comments at most.
_HEAD_BYTES = 4096
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_BYTE_ORDER_MARKS = re.compile(rb"^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)")

# The PDF specification's readers accept the mark anywhere in the first 1,024 bytes.
_PDF_MARK_WITHIN = 1024

# RFC 5322: a name of printable ASCII, a colon. A mail has a sender or a way that it came, and a second field.
_FIELD = re.compile(rb"([!-9;-~]+):[ \t]?[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n")
_MAIL_FIELDS = frozenset(
    {b"from", b"to", b"date", b"subject", b"message-id", b"mime-version", b"received", b"return-path"}
    | {b"delivered-to", b"reply-to", b"content-type", b"x-mailer", b"sender", b"cc"}
)
_MAIL_FIELDS_NEEDED = 3


@dataclass(frozen=True)  # no slots: cached properties live in the instance's dictionary
class Evidence:
    """A file's bytes and name, and what a look inside shows; each look is taken once, when asked for."""

    content: bytes
    path: PurePath

    @functools.cached_property
    def suffix(self) -> str:
        """The name's last suffix in lower case, with its dot."""
        return self.path.suffix.lower()

    @functools.cached_property
    def is_text(self) -> bool:
        """Whether the bytes are text in some encoding, and none of the binary formats that hold much text."""
        # Two letters at the beginning of a text may be a signature by chance.
        has_zero = b"\0" in self.content[:_HEAD_BYTES]
        if (has_zero or self.content.startswith(b"%!PS")) and binary_signature(self.content):
            return False
        return looks_like_text(self.content)

    @functools.cached_property
    def zip_names(self) -> frozenset[str]:
        """The names of a ZIP archive's entries; none where it is no ZIP archive.

        Raises:
            ParseError: it begins as a ZIP archive, and its directory cannot be read.
        """
        if not self.content.startswith(_ZIP_MARKS):
            return frozenset()
        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
                return frozenset(archive.namelist())
        # Besides its own error: a version from the future, a name or a number that cannot be decoded.
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise ParseError(
                f"{self.path} is damaged: its ZIP directory cannot be read ({error})",
                hint="get it again from where it came from",
            ) from error

    @functools.cached_property
    def ole_streams(self) -> frozenset[str]:
        """The streams of an OLE file (old Office, Outlook), parted by ``/``; none where it is no OLE file.

        Raises:
            ParseError: it begins as an OLE file, and its directory cannot be read.
        """
        if not self.content.startswith(_OLE_MARK[:4]):
            return frozenset()
        import olefile

        try:
            with olefile.OleFileIO(io.BytesIO(self.content)) as ole:
                return frozenset("/".join(entry) for entry in ole.listdir(streams=True, storages=True))
        except _OLE_DAMAGE as error:
            raise ParseError(
                f"{self.path} is damaged: its OLE directory cannot be read ({error})",
                hint="get it again from where it came from",
            ) from error


def begins(*marks: bytes) -> Test:
    """A test whether the file begins with one of ``marks``."""
    return lambda evidence: evidence.content.startswith(marks)


def holds_entry(*names: str) -> Test:
    """A test whether the file is a ZIP archive that holds one of ``names``."""
    return lambda evidence: not evidence.zip_names.isdisjoint(names)


def holds_stream(*names: str) -> Test:
    """A test whether the file is an OLE file that holds one of ``names``, streams or storages."""
    return lambda evidence: not evidence.ole_streams.isdisjoint(names)


def named(*suffixes: str) -> Test:
    """A test whether the file is text and its name ends with one of ``suffixes``."""
    return lambda evidence: evidence.suffix in suffixes and evidence.is_text


def is_zip(evidence: Evidence) -> bool:
    """Whether it is a ZIP archive and no document that is packed as one."""
    return evidence.content.startswith(_ZIP_MARKS) and evidence.zip_names.isdisjoint(_DOCUMENT_ENTRIES)


def is_pdf(evidence: Evidence) -> bool:
    """Whether a PDF begins in the first 1,024 bytes."""
    return b"%PDF-" in evidence.content[:_PDF_MARK_WITHIN]


def is_image(evidence: Evidence) -> bool:
    """Whether it is a picture of a kind that OCR is tried on."""
    content = evidence.content
    return content.startswith(_IMAGE_MARKS) or content[8:12] == b"WEBP" or _is_bitmap(content)


def _is_bitmap(content: bytes) -> bool:
    """A BMP says "BM", four bytes of its own length, and four bytes of zero."""
    return content.startswith(b"BM") and content[6:10] == bytes(4)


def is_tar(evidence: Evidence) -> bool:
    """Whether it is a tar archive that is not packed."""
    return begins_tar(evidence.content)


def begins_tar(block: bytes) -> bool:
    """Whether a tar archive begins here: its header has a checksum, in the oldest kind too."""
    import tarfile

    try:
        return bool(tarfile.TarInfo.frombuf(block[:512], "utf-8", "surrogateescape").name)
    except (tarfile.HeaderError, ValueError):
        return False


def is_html(evidence: Evidence) -> bool:
    """Whether its first bytes, or its name, say that it is HTML."""
    return begins_html(evidence.content) or named(".html", ".htm", ".xhtml")(evidence)


def begins_html(content: bytes) -> bool:
    """Whether a page's first tag comes before anything else."""
    # UTF-16 puts a NUL beside each letter of a tag.
    return bool(_HTML.match(_BYTE_ORDER_MARKS.sub(b"", content[:_HEAD_BYTES]).replace(b"\0", b"")))


def is_outlook(evidence: Evidence) -> bool:
    """Whether it is a message as Outlook saves it."""
    return "__properties_version1.0" in evidence.ole_streams


def is_mail(evidence: Evidence) -> bool:
    """Whether it begins with the header of a mail message."""
    if not evidence.is_text:
        return False
    names, position = set(), 0
    head = evidence.content[:16_384].removeprefix(b"\xef\xbb\xbf")
    while match := _FIELD.match(head, position):
        names.add(match.group(1).lower())
        position = match.end()
    known = len(names & _MAIL_FIELDS)
    return known >= (1 if evidence.suffix == ".eml" else _MAIL_FIELDS_NEEDED)


def named_data(*suffixes: str) -> Test:
    """As `named`, unless a page of HTML was saved under that name."""
    by_name = named(*suffixes)
    return lambda evidence: by_name(evidence) and not begins_html(evidence.content)


def named_code(*suffixes: str) -> Test:
    """A test whether it is program text by its suffix, its whole name or the interpreter it asks for."""
    return lambda evidence: (
        evidence.is_text
        and (
            evidence.suffix in suffixes
            or evidence.path.name.lower() in suffixes
            or (not evidence.suffix and evidence.content.startswith(b"#!"))
        )
    )


def is_notebook(evidence: Evidence) -> bool:
    """Whether it is a Jupyter notebook: JSON that says which version of their format it keeps to."""
    if evidence.suffix not in {".ipynb", ".json"} or not evidence.is_text:
        return False
    return evidence.suffix == ".ipynb" or b'"nbformat"' in evidence.content


def is_text(evidence: Evidence) -> bool:
    """Whether it is text in some encoding."""
    return evidence.is_text

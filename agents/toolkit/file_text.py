"""The text of an open file: as it stands where it is text, by the library's parsers where it is a document.

A parser works in a process of its own, with limits of time and memory. It does not know which files may be
read.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, Final

from agents.call_context import current_call
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from rag.ingesting.reading import FileRead

# A text of 20 MB is 2,000 pages for a model already.
_MOST_TEXT_BYTES: Final = 20_000_000
_MOST_DOCUMENT_BYTES: Final = 50_000_000
# Formats whose files say the same to a model as they stand, or more.
_AS_IT_STANDS: Final = frozenset({"markdown", "rst", "code", "csv", "ipynb", "json", "html", "eml", "text"})
# Below what a call may take, so that a slow document is named as such.
_PARSE_SECONDS: Final = 50.0


@dataclass(frozen=True, slots=True)
class FileText:
    """What a file says.

    Attributes:
        format: as the library names it.
        notes: what a person should know of how it was read.
    """

    text: str
    format: str
    notes: tuple[str, ...] = ()


def file_text(file: BinaryIO, path: str) -> FileText:
    """The text of a file, whatever its format.

    Args:
        file: open, at its beginning.
        path: by which messages name it.

    Raises:
        ToolError: it is too large, or a document that cannot be read in time.
        ParseError: it is of no format that is read, or damaged.
    """
    content = file.read(_MOST_DOCUMENT_BYTES + 1)
    if not content:
        return FileText("", "empty")
    from rag.parsers.decoding import decode_text
    from rag.parsers.registry import find_format

    _require_at_most(_MOST_DOCUMENT_BYTES, len(content), path)
    name = PurePath(path)
    file_format = find_format(content, name).name
    if file_format not in _AS_IT_STANDS:
        return _parsed(content, name)
    _require_at_most(_MOST_TEXT_BYTES, len(content), path)
    decoded = decode_text(content, name)
    return FileText(decoded.text, file_format, decoded.notes)


def searchable_text(file: BinaryIO, path: str) -> str | None:
    """The text of a text file; None for any other, and for one that is too large."""
    content = file.read(_MOST_TEXT_BYTES + 1)
    from rag.parsers.decoding import decode, looks_like_text
    from stillroom.errors import ParseError

    if len(content) > _MOST_TEXT_BYTES or not looks_like_text(content):
        return None
    try:
        return decode(content, PurePath(path))
    except ParseError:
        return None


def _require_at_most(limit_bytes: int, seen_bytes: int, path: str) -> None:
    if seen_bytes > limit_bytes:
        raise ToolError(f"{path} is too large: more than {limit_bytes:,} bytes", hint="search_files")


def _parsed(content: bytes, path: PurePath) -> FileText:
    """A document's text by its parser. What was opened is parsed, not what the path leads to now."""
    from rag.ingesting.pool import ReaderPool
    from rag.ingesting.reading import ReadJob, ReadLimits

    limits = ReadLimits(seconds=_PARSE_SECONDS, seconds_a_mib=0.0)
    with (
        tempfile.TemporaryDirectory(prefix="stillroom-") as folder,
        ReaderPool(readers=1, limits=limits) as pool,
    ):
        copy = Path(folder, f"document{path.suffix}")
        copy.write_bytes(content)
        call = current_call()
        for read in pool.read([ReadJob(str(copy), len(content))], stop=call.cancelled):
            return _said(read, str(copy), str(path))
    raise ToolError(f"{path} was not read: nobody waits for it any more")


def _said(read: FileRead, copy: str, path: str) -> FileText:
    if not read.documents:
        reasons = "; ".join(failed.reason for failed in read.failed) or f"{path} yields no text"
        raise ToolError(reasons.replace(copy, path))
    parts = [
        f"{document.path.replace(copy, path)}\n\n{text}" if len(read.documents) > 1 else text
        for document in read.documents
        for text in ["\n\n".join(section.text for section in document.parsed.sections)]
    ]
    first = read.documents[0].parsed
    return FileText("\n\n".join(parts), first.format, first.notes)

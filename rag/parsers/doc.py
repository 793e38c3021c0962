"""DOC, Word's binary format up to 2003: its text from the piece table, tables' rows as rows.

The text is read with its footnotes, endnotes and text boxes; headings are those with Word's own styles.
Headers, footers, comments and pictures are left out. The format is [MS-DOC]; offsets below are its own.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, NamedTuple

from rag.document import ParsedDocument
from rag.parsers.doc_styles import heading_starts
from rag.parsers.doc_text import HEADING_MARK, blocks
from rag.parsers.outline import Outline, sections_by_heading
from stillroom.errors import ParseError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import PurePath

    import olefile

    from rag.parsers.options import ParseOptions

# What olefile lets through on damaged sectors, besides its own OSError; ours on lengths that lie.
_OLE_DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error)

_WORD_97 = 0xA5EC
_WORD_6 = 0xA5DC

# Bits of the word at 0x0A of the file's information block.
_COMPLEX, _ENCRYPTED, _SECOND_TABLE = 0x0004, 0x0100, 0x0200

# Lengths in characters at 0x4C: text, footnotes, headers, macros, comments, endnotes, text boxes, and the
# headers' text boxes; and which of them are read.
_LENGTHS_AT, _LENGTHS = 0x4C, 8
_READ = (0, 1, 5, 6)
# Where the table stream holds the piece table, and its length.
_PIECES_AT = 0x01A2

# Word 6 and 95 write in the code page of the language: Chinese of both kinds, Japanese, Korean, Russian.
_CODE_PAGES = {0x0804: "gbk", 0x0404: "big5", 0x0411: "cp932", 0x0412: "cp949", 0x0419: "cp1251"}

_MOST_CHARACTERS = 50_000_000


class _Piece(NamedTuple):
    """A stretch of text: its first character's number, its place in the stream, and bytes a character."""

    text: str
    first: int
    place: int
    width: int


def parse(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """The document's text by heading.

    Raises:
        ParseError: the file is encrypted or damaged, or of a Word before 6.
    """
    import olefile

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as ole:
            text = _text(ole, path)
            title, metadata = _metadata(ole)
    except _OLE_DAMAGE as error:
        raise ParseError(
            f"{path} is damaged: {str(error) or type(error).__name__}", hint=_hint(path)
        ) from error
    found = list(blocks(text))
    return ParsedDocument(
        title=title or next((text for level, text in found if level is not None), "") or path.stem,
        format="doc",
        sections=tuple(sections_by_heading(found, Outline())),
        metadata=metadata,
    )


def _hint(path: PurePath) -> str:
    return f"soffice --headless --convert-to docx {path}"


def _text(ole: olefile.OleFileIO, path: PurePath) -> str:
    main: bytes = ole.openstream("WordDocument").read()
    mark, version, *_, language = struct.unpack_from("<HHHH", main)
    (flags,) = struct.unpack_from("<H", main, 0x0A)
    if flags & _ENCRYPTED:
        raise ParseError(f"{path} is encrypted", hint="open it in Word and save it without a password")
    if mark == _WORD_6 and not flags & _COMPLEX:
        start, end = struct.unpack_from("<II", main, 0x18)
        return main[start:end].decode(_CODE_PAGES.get(language, "cp1252"), "replace")
    if mark != _WORD_97:
        raise ParseError(
            f"{path} is of a Word that is not read (mark {mark:#06x}, version {version})", hint=_hint(path)
        )
    table = ole.openstream("1Table" if flags & _SECOND_TABLE else "0Table").read()
    start, length = struct.unpack_from("<II", main, _PIECES_AT)
    pieces = _pieces(main, table[start : start + length])
    text = "".join(piece.text for piece in pieces)
    lengths = struct.unpack_from(f"<{_LENGTHS}I", main, _LENGTHS_AT)
    stories = [text[sum(lengths[:index]) : sum(lengths[: index + 1])] for index in _READ]
    stories[0] = _with_headings(stories[0], pieces, heading_starts(main, table))
    return "\r".join(story for story in stories if story)


def _with_headings(text: str, pieces: Sequence[_Piece], starts: Sequence[tuple[int, int]]) -> str:
    """The text with a mark and the level before each heading."""
    marks = [
        (piece.first + (start - piece.place) // piece.width, level)
        for piece in pieces
        for start, level in starts
        if piece.place <= start < piece.place + piece.width * len(piece.text)
    ]
    for at, level in sorted(marks, reverse=True):
        if at < len(text):
            text = f"{text[:at]}{HEADING_MARK}{level}{text[at:]}"
    return text


def _pieces(main: bytes, clx: bytes) -> list[_Piece]:
    """The text's pieces in order, from a Clx: property runs, then one piece table."""
    position = 0
    while clx[position] == 1:  # a run of properties, with its length
        position += 3 + struct.unpack_from("<H", clx, position + 1)[0]
    if clx[position] != 2:  # noqa: PLR2004 ([MS-DOC] 2.9.178)
        raise ValueError(f"the piece table begins with {clx[position]}, not 2")
    (length,) = struct.unpack_from("<I", clx, position + 1)
    table = clx[position + 5 : position + 5 + length]
    count = (length - 4) // 12
    bounds = struct.unpack_from(f"<{count + 1}I", table)
    if bounds[-1] > _MOST_CHARACTERS:
        raise ValueError(f"the piece table speaks of {bounds[-1]:,} characters")
    pieces = []
    for index in range(count):
        (place,) = struct.unpack_from("<I", table, 4 * (count + 1) + 8 * index + 2)
        characters = bounds[index + 1] - bounds[index]
        if place & 0x40000000:  # eight bits a character
            start = (place & 0x3FFFFFFF) // 2
            written = main[start : start + characters].decode("cp1252", "replace")
            pieces.append(_Piece(written, bounds[index], start, 1))
        else:
            written = main[place : place + 2 * characters].decode("utf-16-le", "replace")
            pieces.append(_Piece(written, bounds[index], place, 2))
    return pieces


def _metadata(ole: olefile.OleFileIO) -> tuple[str, dict[str, str]]:
    stated = ole.get_metadata()
    encoding = {936: "gbk", 950: "big5", 932: "cp932", 65001: "utf-8", 10000: "mac-roman"}.get(
        (stated.codepage or 0) % 65536, "cp1252"
    )

    def said(value: bytes | None) -> str:
        return " ".join((value or b"").decode(encoding, "replace").replace("\0", "").split())

    metadata = {
        "author": said(stated.author),
        "subject": said(stated.subject),
        "keywords": said(stated.keywords),
    }
    created: dt.datetime | None = stated.create_time
    if created and created.year > 1601:  # noqa: PLR2004 (where Windows begins to count)
        metadata["created"] = created.isoformat()
    return said(stated.title), {key: value for key, value in metadata.items() if value}

"""A mail's header as text: encoded words, raw bytes in any encoding, dates, addresses."""

from __future__ import annotations

import datetime as dt
import email.header
import email.utils
import re
from typing import TYPE_CHECKING, Final

from rag.parsers.decoding import decode_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

# As the body's first lines and as metadata; both say the same.
_SHOWN: Final = (("From", "author"), ("To", "to"), ("Cc", "cc"), ("Date", "date"), ("Subject", "subject"))
_ENCODED_WORD: Final = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")
# Encoded words that stand side by side are one text, which may be cut within a character.
_BETWEEN_WORDS: Final = re.compile(r"(?<=\?=)[ \t\r\n]+(?==\?)")


def header_text(message: Message, name: str) -> str:
    """One field, decoded, on one line; empty where there is none."""
    value = message.get(name)
    return "" if value is None else decoded_words(str(value))


def decoded_words(value: str) -> str:
    """A field's text with its encoded words (RFC 2047) and raw bytes decoded.

    Example:
        >>> decoded_words("=?utf-8?B?55+l6K+G?= and =?iso-8859-1?q?caf=E9?=")
        '知识 and café'
    """
    joined = _BETWEEN_WORDS.sub("", value)
    parts: list[tuple[bytes, str]] = []
    position = 0
    for match in _ENCODED_WORD.finditer(joined):
        if joined[position : match.start()]:
            parts.append((_raw(joined[position : match.start()]), ""))
        content = _word_bytes(match.group())
        charset = match.group(1).partition("*")[0].lower()
        if parts and parts[-1][1] == charset:
            parts[-1] = (parts[-1][0] + content, charset)
        else:
            parts.append((content, charset))
        position = match.end()
    parts.append((_raw(joined[position:]), ""))
    return " ".join("".join(text_of(content, charset) for content, charset in parts).split())


def text_of(content: bytes, charset: str) -> str:
    """Bytes in the encoding that a mail states, or in what they look like where that is not true."""
    # Mail programs write "gb2312" for all of GBK.
    wider = {"gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "shift_jis": "cp932"}
    encoding = wider.get(charset.lower().strip("\"' "), charset.strip("\"' "))
    if encoding and encoding.lower() not in {"us-ascii", "ascii", "unknown-8bit", "8bit", "default"}:
        try:
            return content.decode(encoding)
        except (LookupError, UnicodeError):
            pass
    return decode_names([content])[0]


def shown_header(message: Message) -> tuple[str, Mapping[str, str]]:
    """The lines that a reader sees above a mail's text, and the same as metadata, the date in ISO 8601."""
    lines: list[str] = []
    metadata: dict[str, str] = {}
    for name, key in _SHOWN:
        if not (text := header_text(message, name)):
            continue
        lines.append(f"{name}: {text}")
        metadata[key] = iso_date(text) if key == "date" else text
    return "\n".join(lines), metadata


def iso_date(text: str) -> str:
    """A mail's date as ``2026-11-26T08:00:00+01:00``, or as it stands where it is none."""
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return text
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).isoformat()


def _word_bytes(word: str) -> bytes:
    try:
        content, _ = email.header.decode_header(word)[0]
    except (ValueError, email.errors.MessageError):
        content = word
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")


def _raw(text: str) -> bytes:
    """The bytes of a header that was read byte by byte."""
    return text.encode("utf-8", "surrogateescape")

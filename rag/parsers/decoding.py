"""Bytes to text where nobody wrote down the encoding: UTF-8 first, then the Chinese encodings, then a guess.

General detectors misjudge short Chinese texts, so GBK and Big5 are recognized here by what their readers
use: both encodings put everyday characters into rows of their own, and text read in the wrong one falls
outside them. Nothing here knows a document format.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from stillroom.errors import ParseError

if TYPE_CHECKING:
    from pathlib import PurePath

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# (decoder, strict encoder, first bytes of everyday characters): GB 2312 level 1 is rows 0xB0 to 0xD7;
# Big5 level 1 is rows 0xA4 to 0xC6. The decoder is the widest member of each family.
_CHINESE = (
    ("gb18030", "gb2312", range(0xB0, 0xD8)),
    ("big5hkscs", "big5", range(0xA4, 0xC7)),
)

# Running Chinese text is nine tenths everyday characters; text read in the wrong encoding a third.
_EVERYDAY_SHARE = 0.7

# Text holds next to no control characters; of compressed or random bytes they are a ninth.
_CONTROLS = bytes({*range(9), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F})
_CONTROL_SHARE = 0.03
_SAMPLE_BYTES = 64 * 1024

_SAMPLE_CHARACTERS = 4_000
_FIRST_HAN, _LAST_HAN = "\u3400", "\u9fff"


def looks_like_text(content: bytes) -> bool:
    """Whether the bytes are text in some encoding: by a mark, or for want of control characters."""
    if content.startswith(tuple(mark for mark, _ in _MARKS)):
        return True
    sample = content[:_SAMPLE_BYTES]
    return len(sample) - len(sample.translate(None, _CONTROLS)) <= _CONTROL_SHARE * len(sample)


def decode(content: bytes, path: PurePath) -> str:
    """The text of ``content``.

    Raises:
        ParseError: no encoding fits.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_chinese(content) or _guess(content, path)


def _decode_chinese(content: bytes) -> str:
    """The text in the Chinese encoding that makes most of it everyday characters, or empty."""
    best, best_share = "", _EVERYDAY_SHARE
    for decoder, encoder, rows in _CHINESE:
        try:
            text = content.decode(decoder)
        except UnicodeDecodeError:
            continue
        share = _everyday_share(text[:_SAMPLE_CHARACTERS], encoder, rows)
        if share > best_share:
            best, best_share = text, share
    return best


def _everyday_share(text: str, encoder: str, rows: range) -> float:
    """Of the letters beyond ASCII, the share that are everyday characters of the encoding."""
    letters = [character for character in text if not character.isascii() and character.isalnum()]
    everyday = 0
    for character in letters:
        encoded = character.encode(encoder, "ignore")
        everyday += _FIRST_HAN <= character <= _LAST_HAN and len(encoded) > 1 and encoded[0] in rows
    return everyday / len(letters) if letters else 0.0


def _guess(content: bytes, path: PurePath) -> str:
    from charset_normalizer import from_bytes

    match = from_bytes(content).best()
    if match is None:
        raise ParseError(
            f"the encoding of {path} is not recognized",
            hint=f"iconv -f ENCODING -t UTF-8 {path}",
        )
    return str(match)

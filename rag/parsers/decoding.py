"""Bytes to text where nobody wrote down the encoding.

A byte-order mark decides, then zeros beside letters (UTF-16 and UTF-32), then UTF-8, which other encodings
hardly ever are by chance. Of the rest the encoding wins in which the text is most like what people
write; only where none convinces is charset-normalizer asked. Nothing here knows a document format.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.parsers.plausibility import ENCODINGS, everyday_share, likeness
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

# UTF-32's mark begins with UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_WIDE: Final = (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2))

# Read in a wrong width or order, a quarter of a text is everyday characters. Of numbers in four bytes most
# are zeros and letters' codes by chance, yet hardly ever all.
_EVERYDAY_SHARE: Final = {2: 0.9, 4: 0.99}
# French has one accented letter in twenty-five, Vietnamese one in four.
_ACCENTED: Final = re.compile("[\u0080-\u024f\u1e00-\u1eff]")
_ACCENTED_SHARE = 0.4
# Without a single zero byte, so few characters may look like UTF-16 by chance.
_FEWEST_WIDE_CHARACTERS = 4

# Text holds next to no control characters; of compressed or random bytes they are a ninth.
_CONTROLS: Final = bytes({*range(1, 9), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F})
_CONTROL_SHARE = 0.03
# Some programs fill texts up with zeros.
_ZERO_SHARE = 0.1
_SAMPLE_BYTES = 64 * 1024

# Of the sequences of bytes in UTF-8 this share may be broken: a file that was cut, or pasted into.
_BROKEN_UTF8_SHARE = 0.05
_UTF8_SEQUENCE: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH_BYTE: Final = re.compile(rb"[\x80-\xff]")

# Text in its own encoding weighs .7 and more, in a wrong one .3; one sentence is enough.
_CONVINCING = 0.5


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A file's text.

    Attributes:
        encoding: as Python names it.
        undecodable: places where bytes are none of the encoding's; U+FFFD stands there.
    """

    text: str
    encoding: str
    undecodable: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it: nothing, where all was decoded."""
        if not self.undecodable:
            return ()
        return (f"read as {self.encoding}; {self.undecodable:,} places could not be decoded",)


def looks_like_text(content: bytes) -> bool:
    """Whether the bytes are text in some encoding: by a mark, or for want of control characters."""
    if content.startswith(tuple(mark for mark, _ in _MARKS)):
        return True
    return _few_controls(content) or bool(_wide_encoding(content))


def decode(content: bytes, path: PurePath) -> str:
    """The text of ``content``.

    Raises:
        ParseError: no encoding fits.
    """
    return decode_text(content, path).text


def decode_text(content: bytes, path: PurePath) -> DecodedText:
    """The text of ``content``, and how it was read.

    Raises:
        ParseError: no encoding fits.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _decoded(content[len(mark) :], encoding)
    encoding = _wide_encoding(content) or _narrow_encoding(content)
    if not encoding:
        raise ParseError(
            f"the encoding of {path} is not recognized", hint=f"iconv -f ENCODING -t UTF-8 {path} > utf8.txt"
        )
    return _decoded(content, encoding)


def decode_names(names: Sequence[bytes]) -> list[str]:
    """Names of files that were written in one encoding; together they say which."""
    together = b"\n".join(names)
    encoding = _narrow_encoding(together) or "cp437"
    return [name.decode(encoding, "replace") for name in names]


def _decoded(content: bytes, encoding: str) -> DecodedText:
    try:
        return DecodedText(content.decode(encoding), encoding)
    except UnicodeDecodeError:
        text = content.decode(encoding, "replace")
        return DecodedText(text, encoding, undecodable=max(1, text.count("\ufffd")))


def _wide_encoding(content: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, or empty."""
    has_zero = b"\0" in content
    if not has_zero and (len(content) < 2 * _FEWEST_WIDE_CHARACTERS or _is_plain(content)):
        return ""
    best, best_text, best_share = "", "", 0.0
    for encoding, width in _WIDE:
        whole = len(content) - len(content) % width
        if whole == 0 or (width == 4 and not has_zero):  # noqa: PLR2004 (bytes)
            continue
        text = content[: min(whole, _SAMPLE_BYTES)].decode(encoding, "replace")
        if (share := everyday_share(text)) > max(best_share, _EVERYDAY_SHARE[width]):
            best, best_text, best_share = encoding, text, share
    # With control characters it is UTF-16 or no text.
    if best and not has_zero and _few_controls(content) and likeness(best_text) <= _scored(content)[1]:
        return ""
    # Small numbers of two bytes are letters too, and no words.
    accents = len(_ACCENTED.findall(best_text))
    return "" if accents > _ACCENTED_SHARE * len(best_text) else best


def _few_controls(content: bytes) -> bool:
    sample = content[:_SAMPLE_BYTES]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls <= _CONTROL_SHARE * len(sample) and sample.count(0) <= _ZERO_SHARE * len(sample)


def _is_plain(content: bytes) -> bool:
    return _few_controls(content) and is_utf8(content)


def _narrow_encoding(content: bytes) -> str:
    """The encoding of a text of bytes, or empty where none convinces."""
    if b"\x1b$" in content:
        for encoding in ("iso2022_jp_2", "iso2022_kr"):
            if _fits(content, encoding):
                return encoding
    if is_utf8(content):
        return "utf-8"
    encoding, score = _scored(content)
    if score >= _CONVINCING:
        return encoding
    return _guessed(content) or (encoding if score > 0 else "")


def is_utf8(content: bytes) -> bool:
    """Whether it is UTF-8, with a few broken places at most."""
    if _fits(content, "utf-8"):
        return True
    sample = _foreign_lines(content)
    whole = len(_UTF8_SEQUENCE.findall(sample))
    broken = len(_HIGH_BYTE.findall(_UTF8_SEQUENCE.sub(b"", sample)))
    return broken <= _BROKEN_UTF8_SHARE * whole


def _fits(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _scored(content: bytes) -> tuple[str, float]:
    """The encoding in which the text is most like text, and how much."""
    sample = _foreign_lines(content)
    best, best_score = "", float("-inf")
    for encoding in ENCODINGS:
        # Rounded: two that say equally much are told apart by their order, and not by a sum's last bit.
        score = round(encoding.judged(sample.decode(encoding.name, "replace")), 6)
        if score > best_score:
            best, best_score = encoding.name, score
    return best, best_score


def _foreign_lines(content: bytes) -> bytes:
    """The lines with bytes beyond ASCII: up to 64 KiB, which may stand far from a file's beginning."""
    lines: list[bytes] = []
    room, position = _SAMPLE_BYTES, 0
    while room > 0 and (found := _HIGH_BYTE.search(content, position)):
        # A line's end is the same byte in all of these encodings, and no part of another character.
        start = max(content.rfind(b"\n", 0, found.start()) + 1, found.start() - _SAMPLE_BYTES)
        end = content.find(b"\n", found.start())
        end = len(content) if end < 0 else end
        lines.append(content[start : min(end, start + room)])
        room -= len(lines[-1])
        position = end
    return b"\n".join(lines)


def _guessed(content: bytes) -> str:
    """What charset-normalizer says, or empty."""
    from charset_normalizer import from_bytes

    match = from_bytes(_foreign_lines(content)).best()
    if match is None or match.encoding.startswith(("utf_16", "utf_32")) or not _fits(content, match.encoding):
        return ""
    return match.encoding

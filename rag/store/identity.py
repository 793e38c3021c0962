"""Ids from content: the same text is the same document, and a passage is its document, place and words.

Pure. How lines are broken and compatibility forms do not tell texts apart, unless the text is program code.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

# Hexadecimal digits of an id: 80 bits, so that two of 10**9 passages collide with probability 4e-7.
_ID_DIGITS: Final = 20

_GAP: Final = re.compile(r"\s+")
# A line broken inside Chinese text leaves no blank once it is joined again.
_GAP_IN_CHINESE: Final = re.compile(r"(?<=[\u3000-\u9fff]) | (?=[\u3000-\u9fff])")


def document_identity(text: str, *, exact: bool) -> str:
    """The id of the document with this text.

    Args:
        text: as it will be stored.
        exact: whitespace tells texts apart, as it does in program code and in tables of values.

    Example:
        >>> document_identity("a  ＫＶ cache", exact=False) == document_identity("a KV cache ", exact=False)
        True
    """
    if exact:
        return _short_hash(f"exact\n{text}")
    joined = _GAP.sub(" ", unicodedata.normalize("NFKC", text)).strip()
    return _short_hash(_GAP_IN_CHINESE.sub("", joined))


def passage_identity(document_id: str, start: int, text: str) -> str:
    """The id of the passage with this text, ``start`` characters into that document."""
    return _short_hash(f"{document_id}\n{start}\n{text}")


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_ID_DIGITS]

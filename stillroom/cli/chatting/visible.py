"""Makes text that a model or a document wrote safe to show: what a terminal would obey becomes readable.

An escape character would let a text move the cursor, set the window's title or write to the clipboard; a
bidirectional override would let it read otherwise than it is. Pure; it does not know what the text is of.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# All control characters but tab and line feed; surrogates; and what turns the reading direction round
# (Unicode TR9, "explicit directional formatting characters", and the marks).
_OBEYED: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
# Blank although they are letters or symbols by category: fillers of Hangul, the empty braille pattern, and
# the selectors that vary the character before them.
_BLANK: Final = re.compile(r"[\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_LINE_ENDS: Final = re.compile(r"\r\n?|[\u2028\u2029]")
_UNSEEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})


def harmless(text: str) -> str:
    r"""The text with nothing in it that a terminal obeys; lines stay lines.

    Joiners stay, because emoji and several scripts are written with them.

    Example:
        >>> harmless("a\x1b[2Jb")
        'a\\x1b[2Jb'
    """
    return _OBEYED.sub(_escape, _LINE_ENDS.sub("\n", text))


def revealed(text: str) -> str:
    r"""The text with everything that cannot be seen written as its escape; the ordinary space stays.

    For what a person has to judge: two texts that differ look different.

    Example:
        >>> revealed("rm\u200b -rf")
        'rm\\u200b -rf'
    """
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character == " ":
        return character
    unseen = unicodedata.category(character) in _UNSEEN_CATEGORIES or _BLANK.match(character)
    return _code(character) if unseen else character


def _escape(match: re.Match[str]) -> str:
    return _code(match[0])


def _code(character: str) -> str:
    r"""The escape that Python would write: ``\x1b``, ``\u202e``, ``\U000e0041``."""
    if character.isascii():
        return f"\\x{ord(character):02x}"
    return character.encode("ascii", "backslashreplace").decode("ascii")

"""Find a quote in a passage, whatever a model did to its spaces, widths, quotation marks and case.

Pure. It says where the passage's own characters are; it does not judge whether they prove anything.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from rag.document import Citation

if TYPE_CHECKING:
    from rag.document import Passage

# Marks that models, keyboards and typesetters exchange freely, each as the one they are compared by.
_FOLDED: Final = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»「」『』﹁﹂﹃﹄〝〞＂", '"'),
        **dict.fromkeys("‘’‚‛´", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "‹": "<",  # how the prompt writes a "<" that would open a fence
        "。": ".",
        "｡": ".",
        "、": ",",
    }
)
# Emphasis and code of Markdown, cell borders, and characters that show nothing: a model seldom copies them.
_IGNORED: Final = frozenset("*_`|\u00ad\u200b\u200c\u200d\ufeff")
# What may stand at a quote's ends without being in the passage.
_EDGES: Final = ".,;:!?\"'-()[]<>"

# Syntax that a reader does not see, so that a quote may run across it: a table's line of dashes, marks of a
# heading, list or block quote at a line's beginning, a link's brackets and target.
_SYNTAX: Final = re.compile(
    r"^[ \t]*\|?[ \t]*:?-{2,}:?(?:[ \t]*\|[ \t]*:?-{2,}:?)*[ \t]*\|?[ \t]*$"
    r"|^[ \t]*(?:[-*+>]|#{1,6})[ \t]+"
    r"|\]\([^()\s]*\)|\[(?=[^\]\n]{0,200}\]\()",
    re.MULTILINE,
)
# A hyphen inside a word, which a typesetter adds at a line's end and a model takes away.
_INNER_HYPHEN: Final = re.compile(r"(?<=[^\W\d_])\s*[-‐‑‒–—―−]\s*(?=[^\W\d_])")


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    r"""Offsets ``(start, end)`` of ``quote`` in ``text``, or None where it does not occur.

    Compared without whitespace, case, width and the marks of Markdown; quotation marks and dashes are all
    alike, and a hyphen inside a word counts for nothing, so that one at a line's end does not. Marks at the
    quote's ends need not match. A match may not begin or end inside a Latin word or a number, and two
    numbers side by side are not one.

    Example:
        >>> find_quote('the  “KV” Cache.', 'Then the "KV" cache grows.')
        (5, 19)
        >>> find_quote("information", "all infor-\nmation")
        (4, 17)
    """
    folded, offsets = _fold(text)
    needle, _ = _fold(quote)
    for candidate in dict.fromkeys((needle, needle.strip(_EDGES))):
        position = folded.find(candidate) if candidate else -1
        while position >= 0:
            start, end = offsets[position], offsets[position + len(candidate) - 1] + 1
            if not _inside_word(text, start) and not _inside_word(text, end):
                return start, end
            position = folded.find(candidate, position + 1)
    return None


def citation(marker: int, passage: Passage, start: int, end: int) -> Citation:
    """A citation of ``passage.text[start:end]``; page, line or row are the quote's, not the passage's.

    A passage lies on one page. A quote further down in it has its own line.
    """
    return Citation(
        marker=marker,
        document_id=passage.document_id,
        document_title=passage.document_title,
        path=passage.path,
        passage_id=passage.id,
        locator=passage.locator_at(start),
        quote=passage.text[start:end],
        start=passage.start + start,
        end=passage.start + end,
    )


def _fold(text: str) -> tuple[str, list[int]]:
    """The text as it is compared, and for each of its characters the offset that it came from."""
    characters: list[str] = []
    offsets: list[int] = []
    hidden = _hidden(text)
    apart = False  # whether something that is not compared came since the last character
    for offset, original in enumerate(text):
        if offset in hidden:
            apart = True
            continue
        # A compatibility form may become several characters: ㎏ is kg, … is three full stops. Accents
        # are taken off their letters because some programs store them apart.
        for character in unicodedata.normalize("NFKD", original.translate(_FOLDED)).casefold():
            if character.isspace() or character in _IGNORED:
                apart = apart or character.isspace() or character == "|"
                continue
            if apart and character.isdigit() and characters and characters[-1].isdigit():
                characters.append(" ")
                offsets.append(offset)
            characters.append(character)
            offsets.append(offset)
            apart = False
    return "".join(characters), offsets


def _hidden(text: str) -> set[int]:
    """Offsets of characters that are syntax, and of hyphens inside words."""
    matches = (match for pattern in (_SYNTAX, _INNER_HYPHEN) for match in pattern.finditer(text))
    return {offset for match in matches for offset in range(*match.span())}


def _inside_word(text: str, offset: int) -> bool:
    """Whether the offset falls between two letters or digits of one Latin word or number."""
    around = text[max(0, offset - 1) : offset + 1]
    return len(around) == 2 and around.isascii() and around.isalnum()  # noqa: PLR2004 (one on each side)

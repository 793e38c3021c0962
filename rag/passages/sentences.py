"""Where sentences begin and end, in English and Chinese, as character offsets.

Rules only, no model: full stops that end abbreviations, initials, decimals and list numbers do not count,
and lines that are items of their own (list items, table rows, headings) are sentences of their own. Spans
never overlap, and only whitespace lies between them. Nothing here knows tokens or passages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOSERS = "\"'”’」』）】》)\\]"

# A mark that may end a sentence, with the quotes and brackets that close after it.
_END = re.compile(rf"(?:[。！？｡]+|…{{1,}}|[.!?]+)[{_CLOSERS}]*")

# A new paragraph, or a line that starts an item: bullet, number, table row, heading, quotation, fence.
_LINE_EDGE = re.compile(r"\n(?=[ \t]*(?:\n|[-*+•·][ \t]|\d{1,3}[.)、][ \t]?|[|#>]|```|~~~))")
_ITEM_LINE = re.compile(r"^[ \t]*(?:[|#].*)$", re.MULTILINE)

_CHINESE_MARKS = frozenset("。！？｡…")
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")

# Abbreviations that are followed by more of the same sentence, without their last full stop.
_SHORTENED = """
mr mrs ms dr prof sr jr st mt e.g i.e cf vs viz approx resp al fig figs eq eqs sec ch vol ed eds pp
incl excl ca dept univ gen col capt lt rev hon jan feb mar apr jun jul aug sep sept oct nov dec
"""
_ABBREVIATIONS = frozenset(_SHORTENED.split())
# Abbreviations only in front of a number: "No. 5", but "The answer is no."
_BEFORE_NUMBER = frozenset({"no", "nos", "p", "art", "ver", "v"})
_LAST_WORD = re.compile(r"[A-Za-z][A-Za-z.]*$")
_LIST_NUMBER = re.compile(r"(?:^|\n)[ \t]*\d{1,3}$")
# The longest look back that an abbreviation or a list number needs, in characters.
_LOOK_BACK = 24


def split_sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Spans ``(start, end)`` of the sentences, in order, without the whitespace around them.

    Example:
        >>> text = "Dr. Li paid 3.5 yuan. 很便宜！真的。"
        >>> [text[start:end] for start, end in split_sentences(text)]
        ['Dr. Li paid 3.5 yuan.', '很便宜！', '真的。']
    """
    return tuple(span for span in _trimmed(text, sorted(set(_boundaries(text)))) if span[0] < span[1])


def _boundaries(text: str) -> Iterator[int]:
    yield len(text)
    yield from (match.start() for match in _LINE_EDGE.finditer(text))
    yield from (match.end() for match in _ITEM_LINE.finditer(text))
    yield from (match.end() for match in _END.finditer(text) if _ends_sentence(text, match))


def _trimmed(text: str, boundaries: list[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for boundary in boundaries:
        piece = text[start:boundary]
        leading = len(piece) - len(piece.lstrip())
        yield start + leading, start + max(leading, len(piece.rstrip()))
        start = boundary


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    mark = match.group()[0]
    if mark in _CHINESE_MARKS:
        return True
    following = text[match.end() : match.end() + 1]
    if following and not following.isspace():
        # Chinese typed with ASCII marks has no space after them.
        return _CJK.match(following) is not None and _CJK.match(text[max(0, match.start() - 1)]) is not None
    upcoming = text[match.end() : match.end() + _LOOK_BACK].lstrip()[:1]
    if upcoming.islower():
        return False
    before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
    return mark != "." or not _is_abbreviated(before, upcoming)


def _is_abbreviated(before: str, upcoming: str) -> bool:
    """Whether the full stop after ``before`` belongs to an abbreviation, an initial or a list's number."""
    if _LIST_NUMBER.search(before):
        return True
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    letters = word.group()
    if len(letters) == 1 and letters.isupper() and letters != "I":
        return upcoming.isalpha()
    lowered = letters.lower()
    return lowered in _ABBREVIATIONS or (lowered in _BEFORE_NUMBER and upcoming.isdigit())

"""Where sentences begin and end, in English and Chinese, as character offsets.

Rules only, no model: full stops that end abbreviations, initials, decimals and list numbers do not count, nor
does any mark inside brackets or quotation marks that close soon; lines that are items of their own (list
items, table rows, headings) are sentences of their own. Spans never overlap, and only whitespace lies between
them. Nothing here knows tokens or passages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rag.passages.enclosures import enclosed_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CLOSERS = "\"'”’」』）】》)\\]"

# A mark that may end a sentence, with the quotes and brackets that close after it.
_END = re.compile(rf"(?:[。！？｡；]+|…+[。！？]?|[.!?]+)[{_CLOSERS}]*")

# A new paragraph, or a line that starts an item: bullet, number, table row, heading, quotation, fence.
_LINE_EDGE = re.compile(
    r"\n(?=[ \t]*(?:\r?\n|[-*+•·][ \t]|\d{1,3}(?:[.)](?=[ \t]|[^\x00-\x7f])|[、．）])|[|#>]|```|~~~))"
)
_ITEM_LINE = re.compile(r"^[ \t]*(?:[|#].*)$", re.MULTILINE)

_CHINESE_MARKS = frozenset("。！？｡；")
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")

# Abbreviations that are followed by more of the same sentence, without their last full stop.
_SHORTENED = """
mr mrs ms dr prof sr jr st mt e.g i.e cf vs viz approx resp al fig figs eq eqs sec ch vol ed eds pp
incl excl ca dept univ gen col capt lt rev hon jan feb mar apr jun jul aug sep sept oct nov dec
"""
_ABBREVIATIONS = frozenset(_SHORTENED.split())
# Abbreviations that may end a sentence as well: they do where the next word often begins one.
_MAY_END = frozenset({"inc", "ltd", "co", "corp", "bros"})
_DOTTED = re.compile(r"(?:[A-Za-z]{1,2}\.)+[A-Za-z]")
_OPENING = (
    "the this that these those it he she they we you there in on at for from if when while but and as a an"
)
_OPENING_WORDS = frozenset(_OPENING.split())
# Abbreviations only in front of a number: "No. 5", but "The answer is no."
_BEFORE_NUMBER = frozenset({"no", "nos", "p", "art", "ver", "v"})
_LAST_WORD = re.compile(r"[A-Za-z][A-Za-z.]*$")
_NEXT_WORD = re.compile(r"\s*([A-Za-z]*)")
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
    edges = {match.start() for match in _LINE_EDGE.finditer(text)}
    edges.update(match.end() for match in _ITEM_LINE.finditer(text))
    ends = (match.end() for match in _END.finditer(text) if _ends_sentence(text, match))
    line_edges = sorted(edges)
    outside = _outside(ends, enclosed_spans(text, line_edges))
    boundaries = sorted({*line_edges, *outside, len(text)})
    return tuple(span for span in _trimmed(text, boundaries) if span[0] < span[1])


def _outside(ends: Iterator[int], spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Those of the ordered ``ends`` that lie inside none of the ordered, disjoint spans."""
    number = 0
    for end in ends:
        while number < len(spans) and spans[number][1] <= end:
            number += 1
        if number == len(spans) or end <= spans[number][0]:
            yield end


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
    upcoming = text[match.end() : match.end() + _LOOK_BACK].lstrip()[:1]
    if mark == "…":
        return not upcoming.islower()
    if following and not following.isspace():
        # Chinese typed with ASCII marks has no space after them.
        return _CJK.match(following) is not None and _CJK.match(text[max(0, match.start() - 1)]) is not None
    if upcoming.islower():
        return False
    return mark != "." or not _is_abbreviated(text, match, upcoming)


def _is_abbreviated(text: str, match: re.Match[str], upcoming: str) -> bool:
    """Whether the full stop belongs to an abbreviation, an initial or a list's number."""
    before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
    if _LIST_NUMBER.search(before):
        return True
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    letters = word.group()
    if len(letters) == 1 and letters.isupper() and letters != "I":
        return upcoming.isalpha()
    lowered = letters.lower()
    if lowered in _MAY_END or (_DOTTED.fullmatch(letters) and lowered not in _ABBREVIATIONS):
        following = _NEXT_WORD.match(text, match.end(), match.end() + _LOOK_BACK)
        return following is not None and bool(following[1]) and following[1].lower() not in _OPENING_WORDS
    return lowered in _ABBREVIATIONS or (lowered in _BEFORE_NUMBER and upcoming.isdigit())

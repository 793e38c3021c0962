"""From a PDF's lines to paragraphs: what the margin did is undone, what the writer set apart stays apart.

A table becomes Markdown rows between blank lines, program text a fenced block. Nothing here knows pages.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from rag.parsers.pdf_code import Code
from rag.parsers.pdf_layout import Line, Table
from rag.parsers.rows import markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

_HAN_OR_MARK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff，、；：“”‘’（）《》「」【】。！？]")
_HAN_BESIDE_DIGIT = re.compile(r"[\u4e00-\u9fff]\d|\d[\u4e00-\u9fff]")
_HAN_BLANK_DIGIT = re.compile(r"[\u4e00-\u9fff] \d|\d [\u4e00-\u9fff]")
_SENTENCE_END = tuple(".!?。！？…")
# A word that the margin cut: the hyphen goes. After a capital or a digit it is the word's own.
_CUT_WORD = re.compile(r"[a-zäöüßéèà]-$")

# The dots between a title and its page in a table of contents.
_LEADERS = re.compile(r"\s?(?:\. ?){5,}")

# A line at least this share of the column's longest was broken by the margin, a shorter one by its writer.
_FULL_LINE = 0.75

# What sets a line apart from the one above, besides a short line: this much more distance than usual, in
# lines' heights; or type this much larger or smaller.
_WIDER_GAP = 0.45
_OTHER_SIZE = 1.2


def page_text(strips: Sequence[Sequence[Line | Table | Code]]) -> str:
    """The strips' text; a sentence that goes on in the next column is whole again."""
    text = ""
    last: Line | Table | Code | None = None
    for strip in strips:
        written = paragraphs(strip)
        goes_on = (
            isinstance(last, Line)
            and isinstance(strip[0], Line)
            and not text.endswith(_SENTENCE_END)
            and not _set_apart(last, strip[0], float("inf"))
            and bool(
                written[0].islower() or (_HAN_OR_MARK.match(written[0]) and _HAN_OR_MARK.match(text[-1]))
            )
        )
        if not goes_on:
            text += f"\n\n{written}" if text else written
        elif _CUT_WORD.search(text):
            text = text[:-1] + written
        else:
            text += separator(text[-1], written, 0.0) + written
        last = strip[-1]
    return text


def paragraphs(strip: Sequence[Line | Table | Code]) -> str:
    """A strip's text."""
    lines = [item for item in strip if isinstance(item, Line)]
    full = _FULL_LINE * max((_columns(line.text) for line in lines), default=0)
    usual = median(
        [
            below.box.top - above.box.bottom
            for above, below in pairwise(strip)
            if isinstance(above, Line) and isinstance(below, Line)
        ]
        or [0.0]
    )
    habit = _blank_beside_digits(lines)
    text = ""
    for above, item in zip([None, *strip], strip, strict=False):
        written = _written(item)
        if above is None:
            text = written
        elif not isinstance(above, Line) or not isinstance(item, Line) or _set_apart(above, item, usual):
            text += f"\n\n{written}"
        elif _CUT_WORD.search(text) and written[0].islower():
            text = text[:-1] + written
        else:
            text += separator(above.text, written, full, blank_beside_digits=habit) + written
    return text


def _written(item: Line | Table | Code) -> str:
    if isinstance(item, Table):
        return markdown_table(item.rows)
    if isinstance(item, Code):
        return f"```\n{item.text}\n```"
    return _LEADERS.sub(" … ", item.text)


def _set_apart(above: Line, below: Line, usual: float) -> bool:
    larger, smaller = max(above.box.height, below.box.height), min(above.box.height, below.box.height)
    gap = below.box.top - above.box.bottom
    return larger > _OTHER_SIZE * smaller or gap > usual + _WIDER_GAP * larger


def separator(line: str, following: str, full_columns: float, *, blank_beside_digits: bool = True) -> str:
    """What stands between two lines once the margin is gone: nothing, a blank, or an empty line.

    Args:
        line: what ends where the margin was.
        following: what goes on below, not empty.
        full_columns: from this width on, a line was broken by the margin and not by its writer.
        blank_beside_digits: whether the writer leaves one between Chinese characters and figures.
    """
    is_full = _columns(line) >= full_columns
    if is_full and line.endswith(_SENTENCE_END):
        return "\n"  # the paragraph may go on or end here; the sentence ends either way
    if not is_full and not following[0].islower():
        return "\n\n"
    between_han = _HAN_OR_MARK.match(line[-1]) and _HAN_OR_MARK.match(following[0])
    if between_han or (not blank_beside_digits and _HAN_BESIDE_DIGIT.fullmatch(line[-1] + following[0])):
        return ""
    return " "


def _blank_beside_digits(lines: Sequence[Line]) -> bool:
    """What the writer does inside lines: ``占 4 位`` or ``占4位``."""
    together = sum(len(_HAN_BESIDE_DIGIT.findall(line.text)) for line in lines)
    apart = sum(len(_HAN_BLANK_DIGIT.findall(line.text)) for line in lines)
    return apart >= together


def _columns(line: str) -> int:
    """Width in columns of a fixed-width font, where a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)

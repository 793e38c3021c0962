"""Program text on a PDF's page: lines of a typewriter face among other lines, kept with their indentation.

The face is told by its widths: a word's width divided by its letters is the same for narrow and for wide
letters. Prose that was written on a typewriter is told from program text by its signs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.parsers.pdf_layout import Line, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.parsers.pdf_words import Box

# Widths that differ by less than this share are the same; PDFs round them.
_SAME_WIDTH = 0.02

# Letters that are narrow in every face but a typewriter's, and letters that are not.
_NARROW = re.compile(r"[iljtfrI.,:;'()\[\]|!]")
_WIDE = re.compile(r"[A-HJ-Zabcdeghkm-qsu-z_=+<>#&%@]")

_LEAST_LINES = 2

# What program text and commands have in many lines, and prose in few: braces, assignments, calls, paths.
_SIGN = re.compile(r"[{}\[\]=;<>_#$\\|`@]|\w\(|--\w|://")
_LEAST_SIGNS_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Code:
    """Lines of program text, blanks in front of them included."""

    text: str
    box: Box


def with_code(strip: Sequence[Line | Table]) -> list[Line | Table | Code]:
    """The strip, with lines of program text that follow each other joined."""
    widths = [_letter_width(item) if isinstance(item, Line) else None for item in strip]
    result: list[Line | Table | Code] = []
    start = 0
    while start < len(strip):
        end = _reach(strip, widths, start)
        lines = [item for item in strip[start:end] if isinstance(item, Line)]
        if len(lines) >= _LEAST_LINES and _has_signs(lines):
            result.append(_code(lines, widths[start] or 1.0))
            start = end
        else:
            result.append(strip[start])
            start += 1
    return result


def _reach(strip: Sequence[Line | Table], widths: Sequence[float | None], start: int) -> int:
    """The line after the last of the same face; short lines in between tell no width and go along."""
    width = widths[start]
    if width is None:
        return start
    end = start + 1
    for index in range(start + 1, len(strip)):
        item, other = strip[index], widths[index]
        if not isinstance(item, Line) or item.box.top - strip[index - 1].box.bottom > 2 * item.box.height:
            break
        if other is not None and _same(width, other):
            end = index + 1
        elif not all(_same(width, _width(word.box, word.text)) for run in item.runs for word in run.words):
            break
        else:
            end = index + 1
    return end


def _has_signs(lines: Sequence[Line]) -> bool:
    return sum(bool(_SIGN.search(line.text)) for line in lines) >= _LEAST_SIGNS_SHARE * len(lines)


def _letter_width(line: Line) -> float | None:
    """The width of each of the line's letters where all have the same; None where not, or where few tell."""
    words = [word for run in line.runs for word in run.words]
    text = "".join(word.text for word in words)
    if not text.isascii() or not _NARROW.search(text) or not _WIDE.search(text) or len(words) < 2:  # noqa: PLR2004
        return None
    widths = [_width(word.box, word.text) for word in words]
    return widths[0] if all(_same(widths[0], width) for width in widths) else None


def _width(box: Box, text: str) -> float:
    return (box.x1 - box.x0) / len(text)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME_WIDTH * max(one, other)


def _code(lines: Sequence[Line], width: float) -> Code:
    left = min(line.box.x0 for line in lines)
    box = lines[0].box
    for line in lines[1:]:
        box = box.joined(line.box)
    return Code("\n".join("".join(_spaced(line, left, width)) for line in lines), box)


def _spaced(line: Line, left: float, width: float) -> Iterator[str]:
    """The line's words with as many blanks before each as there is room for."""
    place = left
    for run in line.runs:
        for word in run.words:
            yield " " * round(max(0.0, word.box.x0 - place) / width) + word.text
            place = word.box.x1

"""Where program text may be cut, as character offsets: before definitions, after blank lines, between lines.

Told by how lines look in most languages; nothing is parsed. A definition takes the decorators and comments
right above it along. Nothing here knows tokens or passages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(r"[^\n]+")

_DEFINITION = re.compile(
    r"[ \t]*(?:(?:export|default|public|private|protected|internal|static|final|abstract|async"
    r"|pub(?:\([a-z]+\))?|unsafe|extern|inline|virtual|override|sealed|data|open)[ \t]+)*"
    r"(?:def|class|function\*?|func|fn|fun|sub|interface|struct|enum|impl|trait|module|namespace|record|object"
    r"|protocol|extension|macro_rules!|CREATE|create)\b"
)
_DECORATOR = re.compile(r"[ \t]*(?:@\w|#\[)")
# Lines that belong to the definition below them.
_ATTACHED = re.compile(r"[ \t]*(?:@\w|#\[|//|#(?!\w)|/\*|\*|--)")
# Lines that close what stands above them.
_CLOSING = re.compile(r"[ \t]*(?:[)\]}]|end\b|else\b|elif\b|except\b|catch\b|finally\b|</|`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of lines, its first line's indentation included, and how bad a cut before it would be, 0 to 1."""

    start: int
    end: int
    cut_cost: float


# A cut between two statements of a block tells a reader less than one between two functions.
_DEFINITION_COST = 0.0
_BLANK_LINE_COST = 0.06
_LINE_COST = 0.25
_CLOSING_COST = 0.6
_COST_OF_AN_INDENTATION = 0.02
_DEEPEST = 5


def code_segments(text: str, start: int, end: int) -> tuple[Segment, ...]:
    r"""The stretches of ``text[start:end]`` between places where code is cut gladly.

    Example:
        >>> code = "import os\n\n\n@cache\ndef f():\n    return 1\n"
        >>> [code[s.start : s.end] for s in code_segments(code, 0, len(code))]
        ['import os', '@cache\ndef f():\n    return 1']
    """
    segments: list[Segment] = []
    for line in _lines(text, start, end):
        if segments and line.cut_cost >= _LINE_COST:
            segments[-1] = Segment(segments[-1].start, line.end, segments[-1].cut_cost)
        else:
            segments.append(line)
    return tuple(segments)


def code_lines(text: str, start: int, end: int) -> tuple[Segment, ...]:
    """The lines of a stretch that is too long, each with the cost of a cut before it."""
    return tuple(_lines(text, start, end))


def _lines(text: str, start: int, end: int) -> Iterator[Segment]:
    attached = False
    previous_end = start - 2
    for match in _LINE.finditer(text, start, end):
        line = match.group().rstrip()
        if not line:
            continue
        after_blank = text.count("\n", max(start, previous_end), match.start()) > 1 or previous_end < start
        yield Segment(
            match.start(),
            match.start() + len(line),
            _cut_cost(line, after_blank=after_blank, attached=attached),
        )
        attached = _ATTACHED.match(line) is not None
        previous_end = match.start() + len(line)


def _cut_cost(line: str, *, after_blank: bool, attached: bool) -> float:
    if _CLOSING.match(line):
        return _CLOSING_COST
    depth = min(_DEEPEST, (len(line) - len(line.lstrip())) // 2)
    indented = _COST_OF_AN_INDENTATION * depth
    if not attached or after_blank:
        if _DEFINITION.match(line) or _DECORATOR.match(line):
            return _DEFINITION_COST + indented
        if after_blank:
            return _BLANK_LINE_COST + indented
    return _LINE_COST + indented

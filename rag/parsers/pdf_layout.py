"""The order in which a page is read: runs of words, columns, lines.

A column is told from a table's by its text: its lines nearly fill it. What reaches across a gutter (a title,
a wide figure's caption) is read before what stands below it. Tables come ready made, placed like a line.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rag.parsers.pdf_words import Box, Word

# Words further apart than this many times the type's size do not belong to one phrase: between justified
# words lies less, between columns of tables and of pages more.
_RUN_GAP_EM = 1.1

# A second column begins where at least this many lines begin, each beside a line of the first.
_COLUMN_LINES = 4
# The middle one of a column's lines is at least this share of its width; a table's cells are shorter.
_COLUMN_FILL = 0.55
_GUTTER_EM = 0.6
# No column is narrower than this share of what is to be parted; the edges that most lines share are tried.
_LEAST_COLUMN = 0.15
_MOST_EDGES = 12
# A page in more pieces than this is a map or a drawing's labels.
_MOST_RUNS = 5_000
_MOST_COLUMNS_DEPTH = 3

# Closer than this, what the file writes apart is one word: a letter in another font, a number above.
_TOUCHING_EM = 0.12

# In a run of so many words or more, of which this share are single Chinese characters, the blanks are the
# margin's.
_SPACED_WORDS = 4
_SPACED_SHARE = 0.6

# Left edges this close are one edge. Points.
_ALIGNED = 2.0

# Between two of these a blank is the layout's and not the writer's.
_HAN_OR_MARK = re.compile(r"[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class Run:
    """Words of one line that belong together: a line of a column, or a cell."""

    words: tuple[Word, ...]
    box: Box

    @property
    def text(self) -> str:
        """The words, with a blank between those that do not touch."""
        single = sum(len(word.text) == 1 and bool(_HAN_OR_MARK.match(word.text)) for word in self.words)
        if len(self.words) >= _SPACED_WORDS and single > _SPACED_SHARE * len(self.words):
            return joined_text(word.text for word in self.words)  # a justified line, letter by letter
        text = self.words[0].text
        for word, following in pairwise(self.words):
            touching = following.box.x0 - word.box.x1 < _TOUCHING_EM * word.box.height
            text += following.text if touching and not following.follows else f" {following.text}"
        return text


@dataclass(frozen=True, slots=True)
class Line:
    """Runs side by side in one column."""

    runs: tuple[Run, ...]
    box: Box

    @property
    def text(self) -> str:
        """The runs' text, a blank between them."""
        return " ".join(run.text for run in self.runs)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, all of the same number; an empty cell is an empty text."""

    rows: tuple[tuple[str, ...], ...]
    box: Box


def runs_of(words: Iterable[Word], gap_em: float = _RUN_GAP_EM) -> list[Run]:
    """The words joined where they follow each other on a line without a wide gap."""
    groups: list[list[Word]] = []
    for word in words:
        last = groups[-1][-1] if groups else None
        near = last is not None and word.box.x0 - last.box.x1 < gap_em * min(word.box.height, last.box.height)
        if last is not None and near and word.follows and last.box.beside(word.box):
            groups[-1].append(word)
        else:
            groups.append([word])
    return [run_of(group) for group in groups]


def run_of(words: Sequence[Word]) -> Run:
    """The words as one run."""
    box = words[0].box
    for word in words[1:]:
        box = box.joined(word.box)
    return Run(tuple(words), box)


def in_lines(runs: Iterable[Run], gap_em: float = _RUN_GAP_EM) -> list[Line]:
    """The runs side by side as lines, from top to bottom."""
    groups: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: (run.box.middle, run.box.x0)):
        # A line's runs may differ in height (a small number above it), so the widest of it decides.
        if groups and max(groups[-1], key=lambda other: other.box.x1 - other.box.x0).box.beside(run.box):
            groups[-1].append(run)
        else:
            groups.append([run])
    return [_line(sorted(group, key=lambda run: run.box.x0), gap_em) for group in groups]


def _line(runs: Sequence[Run], gap_em: float) -> Line:
    joined: list[Run] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last is not None and run.box.x0 - last.box.x1 < gap_em * min(run.box.height, last.box.height):
            joined[-1] = Run((*last.words, *run.words), last.box.joined(run.box))
        else:
            joined.append(run)
    box = joined[0].box
    for run in joined[1:]:
        box = box.joined(run.box)
    return Line(tuple(joined), box)


def in_reading_order(runs: Sequence[Run], tables: Sequence[Table]) -> list[list[Line | Table]]:
    """Strips in reading order; each is a column's part between two things that reach across."""
    return _strips([*runs, *tables], depth=0)


def _strips(items: list[Run | Table], *, depth: int) -> list[list[Line | Table]]:
    runs = [item for item in items if isinstance(item, Run)]
    gutter = _gutter(runs) if depth < _MOST_COLUMNS_DEPTH else None
    if gutter is None:
        return [_strip(items)] if items else []
    strips: list[list[Line | Table]] = []
    left: list[Run | Table] = []
    right: list[Run | Table] = []
    across: list[Run | Table] = []
    for item in sorted(items, key=lambda item: (item.box.middle, item.box.x0)):
        crosses = item.box.x0 < gutter - _ALIGNED and item.box.x1 > gutter + _ALIGNED
        if crosses and (left or right):
            strips += [*([_strip(across)] if across else [])]
            strips += [*_strips(left, depth=depth + 1), *_strips(right, depth=depth + 1)]
            left, right, across = [], [], []
        (across if crosses else left if item.box.x1 <= gutter + _ALIGNED else right).append(item)
    strips += [_strip(across)] if across else []
    return [*strips, *_strips(left, depth=depth + 1), *_strips(right, depth=depth + 1)]


def _strip(items: Iterable[Run | Table]) -> list[Line | Table]:
    items = list(items)
    strip: list[Line | Table] = [*in_lines(item for item in items if isinstance(item, Run))]
    strip += [item for item in items if isinstance(item, Table)]
    return sorted(strip, key=lambda item: item.box.middle)


def _gutter(runs: Sequence[Run]) -> float | None:
    """Where the second column begins, or None."""
    if not 2 * _COLUMN_LINES <= len(runs) <= _MOST_RUNS:
        return None
    start = min(run.box.x0 for run in runs)
    end = max(run.box.x1 for run in runs)
    edges = Counter(round(run.box.x0 / _ALIGNED) for run in runs)
    inner = range(
        *(round((start + share * (end - start)) / _ALIGNED) for share in (_LEAST_COLUMN, 1 - _LEAST_COLUMN))
    )
    often = ((edges[edge] + edges[edge + 1], edge * _ALIGNED) for edge in inner if edge in edges)
    shared = [place for count, place in sorted(often, reverse=True)[:_MOST_EDGES] if count >= _COLUMN_LINES]
    best, most = None, _COLUMN_LINES - 1
    for edge in shared:
        facing = _facing(runs, edge - _ALIGNED, end)
        if facing > most:
            best, most = edge - _ALIGNED, facing
    return best


def _facing(runs: Sequence[Run], edge: float, end: float) -> int:
    """How many lines of a right column stand beside lines of a left one; 0 where these are no columns."""
    right = [run for run in runs if run.box.x0 >= edge]
    em = median(run.box.height for run in right) if right else 0.0
    left = [run for run in runs if run.box.x1 <= edge - _GUTTER_EM * em + _ALIGNED]
    level = sorted(left, key=lambda run: run.box.middle)
    middles = [run.box.middle for run in level]
    beside: list[Run] = []
    opposite: dict[int, Run] = {}
    for run in right:
        near = slice(
            bisect_left(middles, run.box.middle - run.box.height),
            bisect_right(middles, run.box.middle + run.box.height),
        )
        facing = [other for other in level[near] if run.box.beside(other.box)]
        beside += [run] if facing else []
        opposite.update((id(other), other) for other in facing)
    if min(len(beside), len(opposite)) < _COLUMN_LINES:
        return 0
    left_start = min(run.box.x0 for run in opposite.values())
    filled = _fills(beside, end - edge) and _fills(opposite.values(), edge - left_start)
    return min(len(beside), len(opposite)) if filled else 0


def _fills(runs: Iterable[Run], width: float) -> bool:
    """Whether the middle one of a column's lines is nearly as wide as the column."""
    return median(run.box.x1 - run.box.x0 for run in runs) >= _COLUMN_FILL * width


def joined_text(parts: Iterable[str]) -> str:
    """Pieces of one paragraph or cell as one line: a blank between words, none between Chinese characters."""
    text = ""
    for part in parts:
        if not part:
            continue
        han = text and _HAN_OR_MARK.match(text[-1]) and _HAN_OR_MARK.match(part[0])
        text += part if han or not text else f" {part}"
    return text

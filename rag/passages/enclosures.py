"""Which stretches of a text lie inside brackets or quotation marks, as character offsets.

A pair counts where it closes soon, in the same paragraph and in the order it was opened; whatever is longer,
crossed or never closed is ignored, so that one forgotten bracket changes nothing. It knows no sentences.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The longest stretch that is held together, in characters: two or three sentences. A quotation of a page is
# read by its sentences.
LONGEST_ENCLOSED_CHARACTERS = 240

# Without single quotation marks: in English they are apostrophes, in Chinese they stand inside double ones.
_CLOSER_OF = {
    "(": ")", "[": "]", "（": "）", "［": "］", "【": "】", "〔": "〕",
    "“": "”", "「": "」", "『": "』", "《": "》", "〈": "〉",
}  # fmt: skip
_OPENER_OF = {closer: opener for opener, closer in _CLOSER_OF.items()}
_MARK = re.compile(rf"[{re.escape(''.join((*_CLOSER_OF, *_OPENER_OF)))}\"]")
# Below it lie the scripts that put a space before an opening mark.
_FIRST_CJK = "\u2e80"
# Brackets that hold more than one another's depth are not prose; the stack stays short whatever comes.
_DEEPEST = 16


def enclosed_spans(text: str, edges: Sequence[int] = ()) -> list[tuple[int, int]]:
    """Spans ``(start, end)`` from an opening mark to after its closing one; ordered, outermost only.

    Args:
        text: to look through.
        edges: ordered offsets that no pair may cross, such as the ends of paragraphs.

    Example:
        >>> enclosed_spans("He said (it was late. Very late.) and left.")
        [(8, 33)]
    """
    found: list[tuple[int, int]] = []
    open_marks: list[tuple[str, int]] = []
    edge = 0
    for match in _MARK.finditer(text):
        position, mark = match.start(), match.group()
        while edge < len(edges) and edges[edge] <= position:
            open_marks.clear()
            edge += 1
        if mark in _CLOSER_OF or (mark == '"' and _opens(text, position, open_marks)):
            open_marks.append((mark, position))
            del open_marks[:-_DEEPEST]
            continue
        start = _closed_by(mark, open_marks)
        if start is not None and position + 1 - start <= LONGEST_ENCLOSED_CHARACTERS:
            found.append((start, position + 1))
    return _outermost(found)


def _opens(text: str, position: int, open_marks: Sequence[tuple[str, int]]) -> bool:
    """Whether a straight quotation mark opens: after space, a bracket or Chinese, and not before space."""
    before = text[position - 1 : position] if position else " "
    after = text[position + 1 : position + 2]
    if not after or after.isspace():
        return False
    if before >= _FIRST_CJK:
        return all(mark != '"' for mark, _ in open_marks)
    return before.isspace() or before in _CLOSER_OF


def _closed_by(mark: str, open_marks: list[tuple[str, int]]) -> int | None:
    """Where the pair began that this mark closes; what was opened inside it is forgotten."""
    opener = '"' if mark == '"' else _OPENER_OF[mark]
    for depth in range(len(open_marks) - 1, -1, -1):
        if open_marks[depth][0] == opener:
            start = open_marks[depth][1]
            del open_marks[depth:]
            return start
    return None


def _outermost(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    outer: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not outer or start >= outer[-1][1]:
            outer.append((start, end))
        elif end > outer[-1][1]:
            outer[-1] = (outer[-1][0], end)
    return outer

"""The blocks of a section: headings, paragraphs, list items, tables and fenced code, as character offsets.

Told by how lines begin, in plain text as in Markdown. Blocks are in order, never overlap, and only whitespace
lies between them. Nothing here knows sentences, tokens or passages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BlockKind = Literal["heading", "paragraph", "item", "table", "code"]

_LINE = re.compile(r"[^\n]+")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{3,}|~{3,}|\^{3,})[ \t\r]*$")
_ROW = re.compile(r"[ \t]*\|")
_ITEM = re.compile(
    r"[ \t]*(?:[-*+•·][ \t]|(?:\d{1,3}|[a-zA-Z])[.)][ \t]"
    r"|\d{1,3}(?:、|[.．)）](?=[^\x00-\x7f]))|[（(]\d{1,3}[)）])"
)
_BEGINS_BLOCK = re.compile("|".join(pattern.pattern for pattern in (_ROW, _ATX, _FENCE, _ITEM)))
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Block:
    """``text[start:end]``, from the first character of its first line that is not space to that of its last.

    Code begins with its first line's indentation, which means something.
    """

    start: int
    end: int
    kind: BlockKind


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int
    text: str
    after_blank: bool


def split_blocks(text: str, start: int, end: int, *, title: str = "") -> tuple[Block, ...]:
    r"""The blocks of ``text[start:end]``.

    Args:
        text: the stored text.
        start: where a section begins.
        end: where it ends.
        title: the section's own heading, which its first line may repeat without a mark.

    Example:
        >>> text = "# A\nSome words.\n| a | b |\n| 1 | 2 |\n"
        >>> [block.kind for block in split_blocks(text, 0, len(text))]
        ['heading', 'paragraph', 'table']
    """
    lines = list(_lines(text, start, end))
    return tuple(_Scan(lines, _bare(title)).blocks())


def _lines(text: str, start: int, end: int) -> Iterator[_Line]:
    """The lines that hold something; the space at their end is left out, that at their start is kept."""
    previous_end = start
    after_blank = True
    for match in _LINE.finditer(text, start, end):
        line = match.group().rstrip()
        if not line:
            after_blank = True
            continue
        after_blank = after_blank or match.start() > previous_end + 1
        yield _Line(match.start(), match.start() + len(line), line, after_blank)
        previous_end, after_blank = match.end(), False


class _Scan:
    """One pass over the lines, with the block that the last of them belongs to."""

    def __init__(self, lines: Sequence[_Line], title: str) -> None:
        self._lines = lines
        self._title = title
        # Fences of which no closing one follows: once looked for in vain, they are not looked for again.
        self._never_closed: set[str] = set()

    def blocks(self) -> Iterator[Block]:
        first = 0
        while first < len(self._lines):
            kind, last = self._block(first)
            begin = self._lines[first]
            indentation = 0 if kind == "code" else len(begin.text) - len(begin.text.lstrip())
            yield Block(begin.start + indentation, self._lines[last - 1].end, kind)
            first = last

    def _block(self, first: int) -> tuple[BlockKind, int]:
        """The kind of the block that begins with this line, and the line after its last."""
        line = self._lines[first].text
        if (fence := _FENCE.match(line)) and (last := self._closing(first, fence[1])):
            return "code", last
        if _ATX.match(line) or (first == 0 and self._title and _bare(line) == self._title):
            return "heading", first + 1 + self._is_underlined(first)
        if _ROW.match(line):
            return "table", self._while(first, lambda text: _ROW.match(text) is not None)
        if self._is_underlined(first) and not _ITEM.match(line):
            return "heading", first + 2
        kind: BlockKind = "item" if _ITEM.match(line) else "paragraph"
        return kind, self._while(first, lambda text: _BEGINS_BLOCK.match(text) is None)

    def _while(self, first: int, belongs: Callable[[str], bool]) -> int:
        last = first + 1
        while (
            last < len(self._lines) and not self._lines[last].after_blank and belongs(self._lines[last].text)
        ):
            last += 1
        return last

    def _is_underlined(self, first: int) -> bool:
        following = self._lines[first + 1 : first + 2]
        return bool(following) and not following[0].after_blank and bool(_UNDERLINE.match(following[0].text))

    def _closing(self, first: int, fence: str) -> int | None:
        """The line after the fence's closing one."""
        if fence in self._never_closed:
            return None
        for number in range(first + 1, len(self._lines)):
            bare = self._lines[number].text.strip()
            if bare.startswith(fence) and not bare.strip(fence[0]):
                return number + 1
        self._never_closed.add(fence)
        return None


def _bare(heading: str) -> str:
    return _NO_WORD.sub("", heading).casefold()

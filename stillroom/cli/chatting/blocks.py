"""Cuts Markdown that is still being written into blocks that are done and the one that is not.

What is done is printed once and never touched again, so an answer may be longer than the screen. Pure; it
does not know how a block looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# An open block of more lines than this is cut where it can be, so that drawing it again stays cheap and all
# of it can be read while it grows.
_MOST_OPEN_LINES: Final = 12
# Of those, the last that stay open.
_KEPT_OPEN_LINES: Final = 4


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of Markdown that reads alone.

    Attributes:
        joined: it goes on with the block before it (the same code or list): no blank line between.
    """

    text: str
    joined: bool = False


@dataclass
class BlockFeed:
    """Takes an answer piece by piece and gives the blocks that no later piece can change.

    Attributes:
        done_characters: of the answer as it came, how many are in blocks that are done.
    """

    done_characters: int = 0
    _text: str = ""
    _joined: bool = False

    @property
    def open(self) -> Block | None:
        """What is not done, as it would look if nothing followed."""
        return Block(self._text, self._joined) if self._text.strip() else None

    def feed(self, piece: str) -> list[Block]:
        """Take the next piece; the blocks that are done now, oldest first."""
        self._text += piece
        done: list[Block] = []
        if "\n" not in piece:
            return done
        lines = _lines(self._text)
        # Whole lines alone: "#" begins a heading, and "#1" that follows a line of text does not.
        starts = _starts(self._text[: self._text.rindex("\n") + 1])
        for start, end in pairwise(starts):
            done += self._close("".join(lines[start:end]))
        if len(starts) > 1:
            before, self._text = self._text, "".join(lines[starts[-1] :])
            self.done_characters += len(before) - len(self._text)
        return done + self._cut_long()

    def finish(self) -> list[Block]:
        """All that is left: the answer has ended."""
        text, self._text = self._text, ""
        self.done_characters += len(text)
        return self._close(text)

    def replace(self, rest: str) -> None:
        """Put something else in the place of what is not done, unless the beginning of that is shown."""
        if not self._joined:
            self._text = rest

    def discard(self) -> None:
        """Forget everything: it is no answer after all."""
        self._text, self._joined, self.done_characters = "", False, 0

    def _close(self, text: str) -> list[Block]:
        block = Block(text.strip("\n"), self._joined)
        self._joined = False
        return [block] if block.text.strip() else []

    def _cut_long(self) -> list[Block]:
        """The beginning of a long open block that can be cut: code between lines, a list between items."""
        lines = _lines(self._text)
        if len(lines) <= _MOST_OPEN_LINES:
            return []
        tokens = _parser().parse(self._text)
        if not tokens:
            return []
        if tokens[0].type == "fence":
            head, tail = _cut_fence(lines, tokens[0])
        elif tokens[0].type in {"bullet_list_open", "ordered_list_open"}:
            head, tail = _cut_list(lines, tokens)
        else:
            return []
        if not head:
            return []
        done = [Block(head.strip("\n"), self._joined)]
        self.done_characters += len(self._text) - len(tail)
        self._text, self._joined = tail, True
        return done


def _lines(text: str) -> list[str]:
    """The lines with their ends; Markdown knows no other end than this one."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _starts(text: str) -> list[int]:
    """The line that each top-level block starts in."""
    return sorted({token.map[0] for token in _parser().parse(text) if token.level == 0 and token.map})


def _cut_fence(lines: Sequence[str], fence: Token) -> tuple[str, str]:
    """An open fence as one that is closed and one that goes on with the last lines."""
    opening, inner = lines[0], lines[1:]
    if fence.map is None or _closes(inner, fence.markup) or not lines[-1].endswith("\n"):
        return "", ""
    kept = len(inner) - _KEPT_OPEN_LINES
    indent = re.match(r" *", opening)
    closing = (indent[0] if indent else "") + fence.markup + "\n"
    return "".join([opening, *inner[:kept], closing]), "".join([opening, *inner[kept:]])


def _closes(inner: Sequence[str], markup: str) -> bool:
    return any(set(line.strip()) == {markup[0]} and len(line.strip()) >= len(markup) for line in inner)


def _cut_list(lines: Sequence[str], tokens: Sequence[Token]) -> tuple[str, str]:
    """A list as its finished items and the last, which may still grow; its number is written in it."""
    items = [token for token in tokens if token.type == "list_item_open" and token.level == 1 and token.map]
    if len(items) < 2 or items[-1].map is None:  # noqa: PLR2004 - one finished, one open
        return "", ""
    last = items[-1].map[0]
    head, tail = "".join(lines[:last]), "".join(lines[last:])
    if tokens[0].type == "bullet_list_open":
        return head, tail
    # "1." for every item is allowed, so the number is counted and not read.
    start = int(tokens[0].attrs.get("start", 1)) + len(items) - 1
    return head, re.sub(r"\d+", str(start), tail, count=1)


@cache
def _parser() -> MarkdownIt:
    return markdown_parser()


def markdown_parser() -> MarkdownIt:
    """CommonMark with tables, in which no written character is lost.

    Tags are text: a model's ``<think>`` or ``List<int>`` would vanish. So are link definitions and images,
    which a terminal cannot show.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
    return parser.disable(["html_block", "html_inline", "reference", "image"])

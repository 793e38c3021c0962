"""A model's thought apart from its answer, in a text that has both between tags, whole or as it streams.

R1 and its kin write ``<think>…</think>`` before they answer. The opening tag may be missing, because the chat
template puts it into the prompt, and the closing tag may never come, because the token limit did. Strings
only: where the text comes from is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

_OPENING: Final = "<think>"
_CLOSING: Final = "</think>"

# Not in quotes, and with nothing behind it on its line but JSON or another tag.
_CLOSED_AGAIN: Final = re.compile(rf"(?<![\"'“‘「]){_CLOSING}(?=[ \t]*[\n{{<\[])")

PieceKind = Literal["reasoning", "content"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a reply as it streams: part of the thought, or part of the answer; never empty."""

    kind: PieceKind
    text: str


def split_text(text: str) -> tuple[str, str]:
    """The thought and the answer of a whole text, both stripped; no thought where there is no tag.

    Example:
        >>> split_text("It is in Europe.</think>Paris."), split_text("<think>It is in"), split_text("Paris.")
        (('It is in Europe.', 'Paris.'), ('It is in', ''), ('', 'Paris.'))
    """
    text = text.strip()
    if _CLOSING in text:
        reasoning, answer = text.split(_CLOSING, 1)
        return reasoning.strip().removeprefix(_OPENING).strip(), answer.strip()
    if text.startswith(_OPENING):
        return text.removeprefix(_OPENING).strip(), ""
    return "", text


def split_later_thought(answer: str) -> tuple[str, str]:
    """What of an answer is still thought, where a model closed its thought and then went on with it.

    A tag that an answer speaks of is quoted, has an opening one before it, or words behind it on its line.

    Example:
        >>> split_later_thought('Rome?</think>{"city": "Paris"}'), split_later_thought("It is </think> then.")
        (('Rome?', '{"city": "Paris"}'), ('', 'It is </think> then.'))
    """
    end = begins = 0
    for found in _CLOSED_AGAIN.finditer(answer):
        between = answer[begins : found.start()]
        if _OPENING in between or "`" in between:
            break
        end, begins = found.start(), found.end()
    return answer[:end].strip(), answer[begins:].strip()


class Trimmed:
    """A text that streams, without the white space around it: what may be its end is held back."""

    def __init__(self) -> None:
        self._held = ""
        self._begun = False

    def feed(self, text: str) -> str:
        """What can be shown now."""
        text = self._held + text
        if not self._begun:
            text = text.lstrip()
        shown = text.rstrip()
        self._held = text[len(shown) :]
        self._begun = self._begun or bool(shown)
        return shown


class ReasoningSplitter:
    """Splits a text that comes in chunks, cut anywhere, tags included.

    What cannot be decided yet is held back: the beginning of a tag, and white space that may be the end.

    Args:
        opened: the prompt opened the thought, so that the text begins inside it. Without that, a text is
            only a thought if it begins with the opening tag: a closing tag that comes unannounced would
            turn what was shown already into a thought.

    Example:
        >>> splitter = ReasoningSplitter()
        >>> pieces = [p for chunk in ("<thi", "nk>Europe. </th", "ink> Paris") for p in splitter.feed(chunk)]
        >>> [(piece.kind, piece.text) for piece in pieces + splitter.finish()]
        [('reasoning', 'Europe.'), ('content', 'Paris')]
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._untagged: PieceKind = "reasoning" if opened else "content"
        self._kind: PieceKind | None = None  # not known before enough of the text has come
        self._buffer = ""
        self._trimmed = Trimmed()

    def feed(self, chunk: str) -> list[Piece]:
        """The pieces that are certain now."""
        self._buffer += chunk
        if self._kind is None and not self._begin():
            return []
        if self._kind == "reasoning":
            return self._reasoning()
        return self._emit(self._take(len(self._buffer)))

    def finish(self) -> list[Piece]:
        """What was held back, now that nothing comes any more."""
        if self._kind is None:
            self._kind = self._untagged
        return self._emit(self._take(len(self._buffer)))

    def _begin(self) -> bool:
        """Whether it is known by now with what the text begins."""
        start = self._buffer.lstrip()
        if len(start) < len(_OPENING) and _OPENING.startswith(start):
            return False
        if start.startswith(_OPENING):
            self._kind, self._buffer = "reasoning", start.removeprefix(_OPENING)
        else:
            self._kind = self._untagged
        return True

    def _reasoning(self) -> list[Piece]:
        thought, closing, rest = self._buffer.partition(_CLOSING)
        if not closing:
            return self._emit(self._take(len(self._buffer) - _overlap(self._buffer, _CLOSING)))
        pieces = self._emit(thought)
        self._kind, self._buffer, self._trimmed = "content", rest, Trimmed()
        return pieces + self._emit(self._take(len(rest)))

    def _take(self, length: int) -> str:
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _emit(self, text: str) -> list[Piece]:
        shown = self._trimmed.feed(text)
        return [Piece(self._kind, shown)] if shown and self._kind else []


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of the text may be the beginning of the tag."""
    return next((size for size in range(len(tag) - 1, 0, -1) if text.endswith(tag[:size])), 0)

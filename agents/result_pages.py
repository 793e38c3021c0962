"""Tool results that are too long for a model, kept so that it can page through them.

What is kept is of one conversation, in memory, and bounded: the oldest result gives way. It does not know
what the results are of.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field

from stillroom.errors import ToolError

# About 2,000 tokens of English or 5,000 of Chinese: several results fit a context of 8,192 tokens, and
# clients such as IDEs warn beyond 10,000 tokens of one result.
PAGE_CHARACTERS: Final = 8_000
# What stays in memory of a conversation's long results.
_MOST_KEPT_CHARACTERS: Final = 16_000_000


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Some of a long result.

    Attributes:
        start: offset of the first character.
        characters: of the whole result.
        next_start: offset of the next page; None at the end.
    """

    handle: str
    start: int
    characters: int
    next_start: int | None
    text: str

    def to_text(self) -> str:
        """The page, and how to go on."""
        if self.next_start is None:
            return f"{self.text}\n[end of {self.handle}: {self.characters} characters]"
        left = self.characters - self.next_start
        return f"{self.text}\n[{left} characters follow: handle {self.handle}, start {self.next_start}]"


@dataclass
class ResultPages:
    """The long results of one conversation."""

    _texts: dict[str, str] = field(default_factory=dict)
    _made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def first_page(self, text: str) -> str:
        """The text if it is short; else its beginning, and the handle under which the rest is kept."""
        if len(text) <= PAGE_CHARACTERS:
            return text
        with self._lock:
            self._made += 1
            handle = f"r{self._made}"
            self._texts[handle] = text[:_MOST_KEPT_CHARACTERS]
            while sum(map(len, self._texts.values())) > _MOST_KEPT_CHARACTERS:
                del self._texts[next(iter(self._texts))]
        left = len(text) - PAGE_CHARACTERS
        follows = f"read_result gives them: handle {handle}, start {PAGE_CHARACTERS}"
        return f"{text[:PAGE_CHARACTERS]}\n[{left} of {len(text)} characters follow; {follows}]"

    def read_result(
        self,
        handle: Annotated[str, Field(min_length=1, max_length=20)],
        start: Annotated[int, Field(ge=0)] = 0,
    ) -> ResultPage:
        """Read on in a tool's result that was too long.

        Args:
            handle: as the cut result names it.
            start: offset of the first character; next_start of the page before.
        """
        with self._lock:
            text = self._texts.get(handle)
            known = ", ".join(self._texts) or "none"
        if text is None:
            raise ToolError(f"there is no result {handle!r}; there are {known}", hint="call the tool again")
        end = start + PAGE_CHARACTERS
        return ResultPage(
            handle=handle,
            start=min(start, len(text)),
            characters=len(text),
            next_start=end if end < len(text) else None,
            text=text[start:end],
        )

"""Tool results that are too long for a model, kept so that it can page through them and search them.

What is kept is of one conversation, in memory, and bounded: the oldest result gives way. It does not know
what the results are of.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from agents.fence import closed, data_note, fenced
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

# About 2,000 tokens of English or 5,000 of Chinese: several results fit a context of 8,192 tokens, and
# clients such as IDEs warn beyond 10,000 tokens of one result.
PAGE_CHARACTERS: Final = 8_000
# For what is said beside a page's text, so that both together are no longer than a result may be.
_NOTE_CHARACTERS: Final = 300
_TEXT_CHARACTERS: Final = PAGE_CHARACTERS - _NOTE_CHARACTERS
# What stays in memory of a conversation's long results: at most 64 MB, as Python keeps characters.
_MOST_KEPT_CHARACTERS: Final = 16_000_000
# A place is shown with a sentence or two on both sides.
_AROUND_CHARACTERS: Final = 160
_PLACES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class ResultPage:
    """Some of a long result, in one piece or as places where words occur.

    Attributes:
        start: offset of the first character.
        characters: of the whole result.
        next_start: offset to go on at; None at the end.
        found: how many places are shown; None where none was searched for.
    """

    handle: str
    start: int
    characters: int
    next_start: int | None
    text: str
    found: int | None = None

    def to_text(self) -> str:
        """The page as data, whatever tool it is of, and how to go on."""
        if self.found == 0:
            return f"[not found in {self.handle} from {self.start} on]"
        page = f"{data_note('a tool result')}\n{fenced(self.text)}"
        if self.next_start is None:
            return f"{page}\n[end of {self.handle}: {self.characters} characters]"
        left = self.characters - self.next_start
        return f"{page}\n[{left} characters follow: handle {self.handle}, start {self.next_start}]"


@dataclass
class ResultPages:
    r"""The long results of one conversation; tools may run in several threads.

    Args:
        most_kept: characters kept in all.

    Example:
        >>> pages = ResultPages()
        >>> pages.first_page("a line\n" * 5_000).rpartition("\n")[2]
        '[27300 of 35000 characters follow; read_result gives them: handle r1, start 7700]'
        >>> pages.read_result("r1", start=34_993).text
        'a line\n'
    """

    most_kept: int = _MOST_KEPT_CHARACTERS
    _texts: dict[str, str] = field(default_factory=dict)
    _made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def first_page(self, text: str) -> str:
        """The text if it is short; else its beginning, and the handle under which the rest is kept."""
        if len(text) <= PAGE_CHARACTERS:
            return text
        kept = text[: self.most_kept]
        handle = self._keep(kept)
        end = _page_end(kept, 0)
        lost = f"; the last {len(text) - len(kept)} characters are lost" if len(kept) < len(text) else ""
        follow = f"{len(kept) - end} of {len(text)} characters follow"
        return f"{closed(text[:end])}\n[{follow}; read_result gives them: handle {handle}, start {end}{lost}]"

    def read_result(
        self,
        handle: Annotated[str, Field(min_length=1, max_length=20)],
        start: Annotated[int, Field(ge=0)] = 0,
        find: Annotated[str, Field(max_length=200)] = "",
    ) -> ResultPage:
        """Read on in a tool's result that was too long, or find words in it.

        Args:
            handle: as the cut result names it.
            start: offset of the first character.
            find: words; gives the places where they occur instead of a page.
        """
        text = self._kept(handle)
        start = min(start, len(text))
        if words := find.split():
            return _places(handle, text, start, words)
        end = _page_end(text, start)
        following = end if end < len(text) else None
        return ResultPage(handle, start, len(text), following, text[start:end])

    def _keep(self, text: str) -> str:
        with self._lock:
            self._made += 1
            handle = f"r{self._made}"
            self._texts[handle] = text
            while sum(map(len, self._texts.values())) > self.most_kept:
                del self._texts[next(iter(self._texts))]
        return handle

    def _kept(self, handle: str) -> str:
        with self._lock:
            text = self._texts.get(handle.strip())
            known = ", ".join(self._texts) or "none"
        if text is None:
            raise ToolError(f"there is no result {handle!r}; there are {known}", hint="call the tool again")
        return text


def _page_end(text: str, start: int) -> int:
    """Where a page ends that begins at ``start``: after a line, else after a word, in its second half."""
    end = start + _TEXT_CHARACTERS
    if end >= len(text):
        return len(text)
    middle = start + _TEXT_CHARACTERS // 2
    for mark in ("\n", " "):
        if (found := text.rfind(mark, middle, end)) >= 0:
            return found + 1
    return end


def _places(handle: str, text: str, start: int, words: list[str]) -> ResultPage:
    """Where the words stand one after the other; where they never do, where any of them stands."""
    escaped = [re.escape(word) for word in words]
    together = re.compile(r"\s+".join(escaped), re.IGNORECASE)
    pattern = together if together.search(text) else re.compile("|".join(escaped), re.IGNORECASE)
    shown: list[str] = []
    following: int | None = None
    room = _TEXT_CHARACTERS
    for begin, end in _surroundings(pattern, text, start):
        place = f"[at {begin}] {text[begin:end].strip()}"
        if len(shown) == _PLACES_SHOWN or len(place) >= room:
            following = begin
            break
        shown.append(place)
        room -= len(place) + 1
    return ResultPage(handle, start, len(text), following, "\n".join(shown), found=len(shown))


def _surroundings(pattern: re.Pattern[str], text: str, start: int) -> Iterator[tuple[int, int]]:
    """Stretches around matches from ``start`` on, each a place's own: near matches share one."""
    after = start
    for match in pattern.finditer(text, start):
        if match.start() < after:
            continue
        begin = max(after, match.start() - _AROUND_CHARACTERS)
        after = min(len(text), match.start() + 2 * _AROUND_CHARACTERS)
        yield begin, after

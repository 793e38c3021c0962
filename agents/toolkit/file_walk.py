"""A walk through folders, in the order of names, that comes to an end however many files there are.

Hidden entries, links, devices and pipes are passed over. It does not know which folders may be walked.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agents.call_context import current_call

if TYPE_CHECKING:
    from collections.abc import Iterator

# A large source tree has as many; who has more names a folder below.
_MOST_VISITED: Final = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file, or a folder, for which ``size_bytes`` is 0."""

    path: Path
    is_file: bool
    size_bytes: int


class FileWalk:
    """One walk; its limit holds for all that it visits together.

    Attributes:
        cut_short: the limit was reached, so something was not visited.
    """

    def __init__(self, most_visited: int = _MOST_VISITED) -> None:
        self._left = most_visited
        self.cut_short = False

    def children(self, folder: Path) -> Iterator[Found]:
        """What is in a folder; nothing where it cannot be read."""
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            return
        for entry in listed:
            if self._left == 0:
                self.cut_short = True
                return
            self._left -= 1
            if (found := _found(entry)) is not None:
                yield found

    def below(self, folder: Path) -> Iterator[Found]:
        """What is in a folder and in those below it, each folder before what is in it.

        Raises:
            ToolError: nobody waits for the result any more.
        """
        for found in self.children(folder):
            # At each: what is made of a file may take a second.
            current_call().check()
            yield found
            if not found.is_file:
                yield from self.below(found.path)


def _found(entry: os.DirEntry[str]) -> Found | None:
    if entry.name.startswith("."):
        return None
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    if stat.S_ISREG(status.st_mode):
        return Found(Path(entry.path), is_file=True, size_bytes=status.st_size)
    return Found(Path(entry.path), is_file=False, size_bytes=0) if stat.S_ISDIR(status.st_mode) else None

"""The tools that list, read and search files under the folders that a person named. They write nothing.

Where a path may lead is `agents.toolkit.file_roots`'s to say, what a file says `agents.toolkit.file_text`'s.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from agents.toolkit.file_results import FileEntry, FileList, FilePage, FoundLine, FoundLines
from agents.toolkit.file_text import file_text, searchable_text
from agents.toolkit.file_walk import FileWalk, Found
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.toolkit.file_roots import FileRoots

# A page of a file, with its head, stays within a tool's text limit of 8,000 characters.
PAGE_CHARACTERS: Final = 6_000
# So do so many entries and lines.
_ENTRIES_SHOWN: Final = 100
_LINES_SHOWN: Final = 40
_LINE_CHARACTERS: Final = 120
# Half a minute's reading on a slow disk.
_MOST_SEARCHED_BYTES: Final = 500_000_000

FilePath = Annotated[str, Field(max_length=1_000)]
Pattern = Annotated[str, Field(max_length=200)]


@dataclass(frozen=True, slots=True)
class FileTools:
    """The functions; each method's signature is a tool's schema and its docstring the description.

    Args:
        roots: the folders that may be read.
    """

    roots: FileRoots

    def list_files(self, folder: FilePath = "", pattern: Pattern = "") -> FileList:
        """List the user's files in a folder that may be read.

        Args:
            folder: left out for the topmost.
            pattern: only names such as *.md, in the folders below as well.
        """
        walk = FileWalk()
        found: Iterator[Found]
        if pattern:
            found = (entry for entry in self._below(walk, folder) if _is_file_named(entry, pattern))
        elif folder.strip() or len(self.roots.named) == 1:
            found = walk.children(self.roots.resolve_folder(folder))
        else:
            found = (Found(root, is_file=False, size_bytes=0) for root in self.roots.named.values())
        entries: list[FileEntry] = []
        for entry in found:
            if len(entries) == _ENTRIES_SHOWN:
                return FileList(folder.strip(), tuple(entries), more=True)
            entries.append(self._entry(entry))
        return FileList(folder.strip(), tuple(entries), more=walk.cut_short)

    def read_file(
        self,
        path: Annotated[str, Field(min_length=1, max_length=1_000)],
        start: Annotated[int, Field(ge=0)] = 0,
    ) -> FilePage:
        """Read one of the user's files, a page at a time: text, PDF, Word and others.

        Args:
            path: as list_files gives it.
            start: offset of the first character; next_start of the page before.
        """
        with self.roots.opened(path) as opened:
            read = file_text(opened.stream, opened.shown)
        end = start + PAGE_CHARACTERS
        return FilePage(
            path=opened.shown,
            format=read.format,
            start=min(start, len(read.text)),
            characters=len(read.text),
            next_start=end if end < len(read.text) else None,
            text=read.text[start:end],
            notes=read.notes,
        )

    def search_files(
        self,
        words: Annotated[str, Field(min_length=1, max_length=200)],
        folder: FilePath = "",
        pattern: Pattern = "*",
    ) -> FoundLines:
        """Find lines with these words in the user's text files; case does not count.

        Args:
            words: as they stand in the line.
            folder: only in this folder and below.
            pattern: only in files with names such as *.py.
        """
        walk, search = FileWalk(), _Search(words.casefold())
        for entry in self._below(walk, folder):
            if not _is_file_named(entry, pattern):
                continue
            search.look_into(self.roots.shown(entry.path), self._text(entry.path), entry.size_bytes)
            if search.full:
                break
        more = search.full or walk.cut_short
        return FoundLines(words, tuple(search.lines[:_LINES_SHOWN]), search.files, more=more)

    def _entry(self, found: Found) -> FileEntry:
        kind: Literal["file", "folder"] = "file" if found.is_file else "folder"
        return FileEntry(self.roots.shown(found.path), kind, found.size_bytes)

    def _below(self, walk: FileWalk, folder: str) -> Iterator[Found]:
        """All that is below a folder, or below every root."""
        if folder.strip():
            yield from walk.below(self.roots.resolve_folder(folder))
            return
        for root in self.roots.named.values():
            yield from walk.below(root)

    def _text(self, path: Path) -> str | None:
        """A text file's; None for another, and for one that cannot be read just now."""
        try:
            with self.roots.opened(str(path)) as opened:
                return searchable_text(opened.stream, opened.shown)
        except ToolError:
            return None


@dataclass
class _Search:
    """Lines with ``wanted`` in them, as they are found."""

    wanted: str
    lines: list[FoundLine] = field(default_factory=list)
    files: int = 0
    read_bytes: int = 0

    @property
    def full(self) -> bool:
        """Whether more is found than is shown, or enough was read."""
        return len(self.lines) > _LINES_SHOWN or self.read_bytes > _MOST_SEARCHED_BYTES

    def look_into(self, path: str, text: str | None, size_bytes: int) -> None:
        """Add what one file has of it."""
        self.read_bytes += size_bytes
        if text is None:
            return
        self.files += 1
        if self.wanted not in text.casefold():
            return
        for number, line in enumerate(text.splitlines(), 1):
            if (at := line.casefold().find(self.wanted)) >= 0:
                begin = max(0, at - _LINE_CHARACTERS // 2)
                self.lines.append(FoundLine(path, number, line[begin : begin + _LINE_CHARACTERS].strip()))
            if self.full:
                return


def _is_file_named(found: Found, pattern: str) -> bool:
    """Whether it is a file whose name is like the pattern; ``**/`` and folders before it say nothing new."""
    name = pattern.strip().rpartition("/")[2].casefold() or "*"
    return found.is_file and fnmatch.fnmatchcase(found.path.name.casefold(), name)

"""What the file tools return, and how a model reads it. Nothing here touches a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agents.fence import data_note, fenced
from rag.prompt_text import as_data


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file or folder; ``size_bytes`` is 0 for a folder."""

    path: str
    kind: Literal["file", "folder"]
    size_bytes: int

    def to_text(self) -> str:
        """One line; a folder ends with a slash."""
        return f"{self.path}/" if self.kind == "folder" else f"{self.path} ({self.size_bytes:,} bytes)"


@dataclass(frozen=True, slots=True)
class FileList:
    """What is in a folder.

    Attributes:
        more: something was left out: there is too much.
    """

    folder: str
    entries: tuple[FileEntry, ...]
    more: bool

    def to_text(self) -> str:
        """One line an entry. Names are whatever somebody called a file, so they are data too."""
        where = self.folder or "the folders that may be read"
        if not self.entries:
            return f"Nothing was found in {where}."
        lines = fenced("\n".join(entry.to_text() for entry in self.entries))
        more = "\n[more left out; name a folder below, or a pattern]" if self.more else ""
        return f"{data_note('a list of files')}\n{lines}{more}"


@dataclass(frozen=True, slots=True)
class FilePage:
    """A stretch of a file's text.

    Attributes:
        start: offset of the first character, from 0.
        characters: length of the whole text.
        next_start: what to ask for next; None at the end.
        notes: what a person should know of how it was read.
    """

    path: str
    format: str
    start: int
    characters: int
    next_start: int | None
    text: str
    notes: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The stretch fenced, with how to read on."""
        end = self.start + len(self.text)
        more = "This is the end." if self.next_start is None else f"Read on with start={self.next_start}."
        stretch = f"characters {self.start} to {end} of {self.characters}"
        head = f"{as_data(self.path)} ({self.format}), {stretch}. {more}"
        return "\n".join([head, *self.notes, data_note("a file"), fenced(self.text)])


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that has the words, shortened around them."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class FoundLines:
    """Lines of files in which words occur.

    Attributes:
        files_read: how many files were looked into.
        more: the search ended before all was looked into.
    """

    words: str
    lines: tuple[FoundLine, ...]
    files_read: int
    more: bool

    def to_text(self) -> str:
        """Path, line number and line."""
        if not self.lines:
            ended = "; not all files were looked into" if self.more else ""
            return f"{self.words!r} was not found in {self.files_read} text files{ended}."
        found = fenced("\n".join(f"{line.path}:{line.line}: {line.text}" for line in self.lines))
        more = "\n[more left out; name a folder, a pattern, or rarer words]" if self.more else ""
        return f"{data_note('files')}\n{found}{more}"

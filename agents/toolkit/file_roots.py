"""Which files the tools may read: regular ones under folders that a person named, wherever links lead.

A path is what a model wrote, so it is resolved first, links and ``..`` and all, and judged by where it leads.
A file is opened without waiting and looked at again once it is open. It does not know what is read for.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from agents.tool_result import encodable
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the kernel makes up as it is read: no documents, some of it secret, some of it without an end.
_KERNEL_FOLDERS: Final = ("/proc", "/sys", "/dev")
_SHOWN_CHARACTERS: Final = 100
# What ``encodable`` writes for a byte of a name that is no UTF-8.
_REPLACED: Final = "?"


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that is open for reading; ``shown`` is its path as a model reads it."""

    stream: BinaryIO
    shown: str


@dataclass(frozen=True)
class FileRoots:
    """Folders whose files may be read, with all below them that is not hidden.

    A path is written as the root's name and what is below it, ``notes/2026/may.md``; below a single root its
    name may be left out, and a full path may be written too.

    Args:
        folders: as a person named them.

    Raises:
        ToolError: from each method: the path leads outside, is hidden, is not there or cannot be read. What
            is outside is not said to exist.
    """

    folders: tuple[Path, ...]

    @cached_property
    def named(self) -> dict[str, Path]:
        """The folders, resolved, by the names that they go by here; one that is missing has one too."""
        names: dict[str, Path] = {}
        for folder in dict.fromkeys(Path(os.path.realpath(folder.expanduser())) for folder in self.folders):
            name = original = folder.name or "root"
            number = 1
            while name in names:
                number += 1
                name = f"{original}-{number}"
            names[name] = folder
        return names

    def resolve(self, path: str) -> Path:
        """Where a path leads: a file or a folder in one of the roots."""
        root, below = self._placed(path)
        below = self._as_named(path, root, below)
        # Not strictly at first: of what is outside, nobody learns whether it is there.
        try:
            real = Path(os.path.realpath(root / below))
        except ValueError as error:
            raise self._refused(path, "no path has such characters") from error
        if real != root and root not in real.parents:
            raise self._refused(path, "it leads out of the folders that may be read")
        if any(part.startswith(".") for part in real.relative_to(root).parts):
            raise self._refused(path, "hidden files and folders are not read")
        if any(real.is_relative_to(folder) for folder in _KERNEL_FOLDERS):
            raise self._refused(path, "it is a device or a file that the system makes up")
        try:
            return Path(os.path.realpath(real, strict=True))
        except OSError as error:
            raise self._refused(path, "there is no such file or folder") from error

    def resolve_folder(self, path: str) -> Path:
        """Where a path leads that has to be a folder."""
        real = self.resolve(path)
        if not real.is_dir():
            raise self._refused(path, "it is a file, not a folder")
        return real

    def shown(self, real: Path) -> str:
        """A resolved path as it is written here.

        Example: below the root ``/home/ada/notes`` it is ``notes/2026/may.md``.
        """
        for name, folder in self.named.items():
            if real.is_relative_to(folder):
                return str(encodable("/".join((name, *real.relative_to(folder).parts))))
        return str(encodable(real.name))

    @contextmanager
    def opened(self, path: str) -> Iterator[OpenedFile]:
        """The regular file at a path, open for reading."""
        real = self.resolve(path)
        # Neither waits for a pipe's other end nor follows a link that has come since.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(real, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise self._refused(path, f"it cannot be opened: {error.strerror}") from error
        try:
            self._require_file(path, os.fstat(descriptor))
        except ToolError:
            os.close(descriptor)
            raise
        with os.fdopen(descriptor, "rb") as stream:
            yield OpenedFile(stream, self.shown(real))

    def _require_file(self, path: str, found: os.stat_result) -> None:
        """What was opened is a regular file, and still the one that the path leads to."""
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, a pipe or a socket"
            raise self._refused(path, f"it is {kind}, not a file")
        # A folder on the way may have become a link between the two looks.
        if not os.path.samestat(found, self.resolve(path).stat()):
            raise self._refused(path, "it changed while it was opened")

    def _placed(self, path: str) -> tuple[Path, Path]:
        """The root that a path names, and the rest of it."""
        if not self.named:
            raise ToolError("no folder may be read", hint="agent_file_roots in stillroom.toml")
        asked = Path(path.strip() or ".")
        if asked.is_absolute():
            within = [root for root in self.named.values() if asked.is_relative_to(root)]
            if not within:
                raise self._refused(path, "it is outside the folders that may be read")
            return within[0], asked.relative_to(within[0])
        first, *rest = asked.parts or (".",)
        if len(self.named) == 1:
            name, root = next(iter(self.named.items()))
            # A folder in the root may have the root's own name.
            named = first == name and not os.path.lexists(root / asked)
            return root, Path(*rest) if named else asked
        if first not in self.named:
            raise self._refused(path, "it begins with none of the folders that may be read")
        return self.named[first], Path(*rest)

    def _as_named(self, path: str, root: Path, below: Path) -> Path:
        """The path as the system has it, where a name is no UTF-8 and is shown with question marks."""
        if _REPLACED not in path:
            return below
        found = Path()
        for part in below.parts:
            alike: list[str] = []
            if _REPLACED in part and not os.path.lexists(root / found / part):
                alike = [name for name in _names_in(root / found, root) if encodable(name) == part]
            if len(alike) > 1:
                raise self._refused(path, f"{len(alike)} names that are no UTF-8 are shown like this")
            found /= alike[0] if alike else part
        return found

    def _refused(self, path: str, why: str) -> ToolError:
        shown = encodable(repr(path[:_SHOWN_CHARACTERS]))
        return ToolError(f"{shown}: {why}", hint=f"folders that may be read: {', '.join(self.named)}")


def _names_in(folder: Path, root: Path) -> list[str]:
    """What is in a folder; nothing where it leads out of the root or cannot be read."""
    try:
        real = Path(os.path.realpath(folder))
        return [entry.name for entry in real.iterdir()] if real.is_relative_to(root) else []
    except (OSError, ValueError):
        return []

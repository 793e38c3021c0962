"""Which files and folders an ingest that a client asks for may reach: existing ones that make sense.

A path is what a model wrote, so it is judged by where it leads, links and ``..`` and all. A person may do
more in a terminal. Nothing here reads a file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agents.tool_result import encodable
from stillroom.errors import SettingsError, ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

# What the kernel makes up as it is read: no documents, some of it secret, some of it without an end.
_KERNEL_FOLDERS: Final = ("/proc", "/sys", "/dev")
_SHOWN_CHARACTERS: Final = 200
_NOBODY: Final = "nobody of that name has a home folder here"
_BY_HAND: Final = "a person can, in a terminal: stillroom ingest PATH"


def existing_roots(roots: Sequence[Path]) -> tuple[Path, ...]:
    """The folders below which files may be ingested, once it is sure that they are some.

    Raises:
        SettingsError: one is not an absolute path of a folder that exists.
    """
    folders = []
    for root in roots:
        try:
            folder = root.expanduser()
        except RuntimeError as error:
            raise _no_root(root, _NOBODY) from error
        if not folder.is_absolute():
            raise _no_root(root, "it is not an absolute path")
        if not folder.is_dir():
            raise _no_root(root, "there is no such folder")
        folders.append(folder)
    return tuple(folders)


def _no_root(root: Path, why: str) -> SettingsError:
    return SettingsError(
        f"mcp_ingest_roots names {str(root)!r}: {why}",
        hint=(
            f"STILLROOM_MCP_INGEST_ROOTS='/home/you/notes{os.pathsep}/home/you/work', without brackets or "
            'quotes in it; in stillroom.toml mcp_ingest_roots = ["/home/you/notes", "/home/you/work"]'
        ),
    )


@dataclass(frozen=True, slots=True)
class Folders:
    """Judges paths.

    Attributes:
        roots: only what is at and below these; None for anywhere on this machine.
    """

    roots: Sequence[Path] | None

    def checked(self, paths: Sequence[str]) -> list[str]:
        """The paths, absolute, as an ingest may be given them.

        Raises:
            ToolError: one is not absolute, leads nowhere or out of the roots, is hidden, or takes in the
                whole machine or a person's whole home. What is outside is not said to exist.
        """
        return [self._checked(path) for path in paths]

    def _checked(self, path: str) -> str:
        try:
            return self._judged(path)
        except OSError as error:  # a name that is too long, a folder that may not be looked into
            raise _refused(path, f"the system cannot look at it: {error.strerror or error}") from error

    def _judged(self, path: str) -> str:
        try:
            asked = Path(path.strip()).expanduser()
        except RuntimeError as error:  # "~name" of somebody whom this machine does not know
            raise _refused(path, _NOBODY) if self.roots is None else self._outside(path) from error
        if not asked.is_absolute():
            raise _refused(path, "it is not absolute, and the server's folder is not yours")
        try:
            real = Path(os.path.realpath(asked))
        except ValueError as error:
            raise _refused(path, "no path has such characters") from error
        below = self._below_a_root(real)
        if below is None:
            raise self._outside(path)
        if any(part.startswith(".") for part in below.parts):
            raise _refused(path, "what is hidden is not taken in", _BY_HAND)
        if any(real.is_relative_to(folder) for folder in _KERNEL_FOLDERS):
            raise _refused(path, "it is made up by the system")
        if not real.exists():
            raise _refused(path, "there is no such file or folder")
        if Path(os.path.realpath(Path.home())).is_relative_to(real):
            raise _refused(
                path, "it is your whole home folder, or more", "name folders of documents below it"
            )
        if not (real.is_dir() or real.is_file()):
            raise _refused(path, "it is neither a file nor a folder")
        return os.path.normpath(asked)

    def _below_a_root(self, real: Path) -> Path | None:
        """What of the path lies below its root; None where it lies below none."""
        if self.roots is None:
            return real
        for root in (Path(os.path.realpath(root.expanduser())) for root in self.roots):
            if real.is_relative_to(root):
                return real.relative_to(root)
        return None

    def _outside(self, path: str) -> ToolError:
        named = ", ".join(str(root) for root in self.roots or ())
        if named:
            return _refused(path, "it is outside the folders that may be ingested", f"they are {named}")
        return _refused(
            path, "no folder may be ingested over HTTP", "set mcp_ingest_roots where the server runs"
        )


def _refused(path: str, why: str, hint: str = "") -> ToolError:
    return ToolError(f"{encodable(repr(path[:_SHOWN_CHARACTERS]))}: {why}", hint=hint)

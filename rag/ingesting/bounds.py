"""Below which folders an ingest has to stay, wherever symbolic links lead.

Whoever walks asks it of each file and folder, and whoever reads asks it of the file that is open, since a
link may be exchanged in between. It reads no contents.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Linux names here what an open file is, whatever became of the path that it was opened by.
_OPEN_FILES = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Judges places, with all links followed.

    Attributes:
        roots: real folders; only what is at and below them is taken in, but for what is hidden there. None
            for no bounds at all.

    Example:
        >>> Bounds((Path("/srv/notes"),)).refusal(Path("/srv/notes/.git/config"))
        'it leads into a hidden folder'
    """

    roots: tuple[Path, ...] | None = None

    @classmethod
    def below(cls, roots: Iterable[Path]) -> Bounds:
        """Bounds by folders as a person names them; none named are no bounds."""
        real = tuple(Path(os.path.realpath(root.expanduser())) for root in roots)
        return cls(real or None)

    def refusal(self, real: Path) -> str:
        """Why a place, whose links are all followed, is not taken in; empty where it is.

        It does not say where a link leads: what is outside is nothing to whoever asked.
        """
        if self.roots is None:
            return ""
        inside = [real.relative_to(root).parts for root in self.roots if real.is_relative_to(root)]
        if not inside:
            return "it leads out of the folders that may be ingested"
        if all(any(part.startswith(".") for part in parts) for parts in inside):
            return "it leads into a hidden folder"
        return ""

    def refusal_of_open(self, path: Path, descriptor: int) -> str:
        """The same of a file that is open, by what it is and not by what its path leads to by now.

        Raises:
            OSError: its path leads nowhere any more.
        """
        if self.roots is None:
            return ""
        if _OPEN_FILES.is_dir():
            return self.refusal((_OPEN_FILES / str(descriptor)).readlink())
        real = Path(os.path.realpath(path, strict=True))
        if not os.path.samestat(real.stat(), os.fstat(descriptor)):
            return "it was exchanged while it was opened"
        return self.refusal(real)

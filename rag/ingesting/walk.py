"""Which files stand below the paths that a person names.

Hidden files and folders are passed over, symbolic links are followed but never in a circle, and what cannot
be looked into is reported. It reads names, not contents.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(slots=True)
class Found:
    """What a walk came by.

    Attributes:
        files: regular files, absolute, each real file once, in the order of their names.
        complete: directories below which every file was seen, so that what is missing there was deleted.
        unreadable: what could not be looked into, with the reason.
    """

    files: list[Path] = field(default_factory=list)
    complete: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)

    def deleted(self, paths: Iterable[Path]) -> Iterator[Path]:
        """Those of ``paths`` that the walk would have come by, had they still been there.

        A hidden one it would have passed over, and of an unreadable one it saw the name.
        """
        seen = {*self.files, *(path for path, _ in self.unreadable)}
        for path in paths:
            below = (path.relative_to(root).parts for root in self.complete if path.is_relative_to(root))
            if path not in seen and any(not any(map(_is_hidden, names)) for names in below):
                yield path


def find_files(paths: Sequence[Path]) -> Found:
    """The files at and below ``paths``; a path that is named itself may be hidden."""
    found = Found()
    seen_files: set[Path] = set()
    for path in paths:
        root = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would rename what a link points to)
        if root.is_dir():
            _walk(root, found, seen_files)
        elif root.exists():
            _add(root, found, seen_files)
        else:
            found.unreadable.append((root, "it does not exist"))
    return found


def _walk(root: Path, found: Found, seen_files: set[Path]) -> None:
    failures: list[OSError] = []
    seen_directories: set[Path] = set()
    for folder, folders, names in os.walk(root, onerror=failures.append, followlinks=True):
        here = Path(folder)
        real = here.resolve()
        if real in seen_directories:
            folders.clear()
            continue
        seen_directories.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            if not _is_hidden(name):
                _add(here / name, found, seen_files)
    for failure in failures:
        found.unreadable.append((Path(failure.filename), failure.strerror or str(failure)))
    if not failures:
        found.complete.append(root)


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _add(path: Path, found: Found, seen_files: set[Path]) -> None:
    try:
        # Path.resolve raises RuntimeError for a link to itself before Python 3.13; this is always an OSError.
        real = Path(os.path.realpath(path, strict=True))
    except FileNotFoundError:
        found.unreadable.append((path, "it is a link to nothing"))
        return
    except OSError as error:
        found.unreadable.append((path, f"it cannot be read: {error.strerror}"))
        return
    # Sockets, pipes and devices would block a reader for ever.
    if real.is_file() and real not in seen_files:
        seen_files.add(real)
        found.files.append(path)

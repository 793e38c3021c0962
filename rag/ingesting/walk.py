"""Which files stand below the paths that a person names.

Hidden files and folders are passed over, and so is what ignore files name; symbolic links are followed but
never in a circle nor out of the bounds that are set, and what cannot be looked into is reported. It reads
names and sizes, not contents.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rag.ingesting.bounds import Bounds
from rag.ingesting.ignoring import IgnoreRules, NoRules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What the file system says of a file's content without reading it.

    Attributes:
        mtime_ns: time of the last change of the content, which programs may set back.
        ctime_ns: time of the last change of anything, which they cannot.
    """

    size_bytes: int
    mtime_ns: int
    ctime_ns: int


@dataclass(slots=True)
class Found:
    """What a walk came by.

    Attributes:
        files: regular files, absolute, each real file once, in the order of their names.
        complete: directories below which every file was seen, so that what is missing there was deleted.
        unreadable: what could not be looked into, with the reason.
        ignored: files, and whole folders, that were left out because an ignore file or common sense says so.
        outside: files and folders that lead out of the bounds; the unreadable ones name them too.
    """

    files: dict[Path, FileStamp] = field(default_factory=dict)
    complete: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    ignored: list[Path] = field(default_factory=list)
    outside: set[Path] = field(default_factory=set)

    def deleted(self, paths: Iterable[Path], *, named: Collection[Path] = ()) -> Iterator[Path]:
        """Those of ``paths`` that are no longer wanted: gone from where the walk was, or ignored there now.

        Args:
            paths: files that the library has.
            named: what a person named itself, once: it stays although it is hidden or ignored.

        What lies where this walk had no business to look stays as well.
        """
        kept = {*self.files, *(path for path, _ in self.unreadable)}
        for path in paths:
            below = (path.relative_to(root).parts for root in self.complete if path.is_relative_to(root))
            wanted = any(not any(map(_is_hidden, names)) for names in below)
            seen = self.outside.isdisjoint((path, *path.parents))
            if path not in kept and wanted and seen and not (path in named and path.exists()):
                yield path

    def is_inside(self, path: Path, real: Path, bounds: Bounds) -> bool:
        """Whether a path leads to where the walk may look; it is noted where it does not."""
        if refusal := bounds.refusal(real):
            self.outside.add(path)
            self.unreadable.append((path, refusal))
        return not refusal


def find_files(
    paths: Sequence[Path],
    *,
    ignoring: bool = True,
    excluding: Path | None = None,
    bounds: Bounds | None = None,
) -> Found:
    """The files at and below ``paths``; a path that is named itself may be hidden or ignored.

    Args:
        paths: files and folders.
        ignoring: whether ``.gitignore``, ``.stillroomignore`` and the list of never wanted names count.
        excluding: a folder that is passed over: the library's own, where it stands among the documents.
        bounds: below which folders all of it has to lie, links followed; None for anywhere.
    """
    bounds = bounds or Bounds()
    found = Found()
    seen_files: set[Path] = set()
    seen_directories = {excluding.resolve()} if excluding else set()
    for path in paths:
        root = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would rename what a link points to)
        if not found.is_inside(root, Path(os.path.realpath(root)), bounds):
            continue
        if root.is_dir():
            _walk(root, found, seen_files, set(seen_directories), bounds, ignoring=ignoring)
        elif root.exists() and not root.is_file():
            found.unreadable.append((root, "it is neither a file nor a folder"))
        elif root.exists():
            _add(root, found, seen_files, bounds)
        else:
            found.unreadable.append((root, "it does not exist"))
    return found


def _walk(
    root: Path,
    found: Found,
    seen_files: set[Path],
    seen_directories: set[Path],
    bounds: Bounds,
    *,
    ignoring: bool,
) -> None:
    failures: list[OSError] = []
    rules: dict[Path, IgnoreRules | NoRules] = {root: IgnoreRules.above(root) if ignoring else NoRules()}
    for folder, folders, names in os.walk(root, onerror=failures.append, followlinks=True):
        here = Path(folder)
        own = rules.pop(here)
        real = here.resolve()
        if real in seen_directories or not found.is_inside(here, real, bounds):
            folders.clear()
            continue
        seen_directories.add(real)
        folders[:] = _wanted(here, folders, own, found, are_folders=True)
        rules |= {here / name: own.within(here / name) for name in folders}
        for name in _wanted(here, names, own, found, are_folders=False):
            _add(here / name, found, seen_files, bounds)
    for failure in failures:
        found.unreadable.append((Path(failure.filename), failure.strerror or str(failure)))
    if not failures:
        found.complete.append(root)


def _wanted(
    here: Path, names: list[str], rules: IgnoreRules | NoRules, found: Found, *, are_folders: bool
) -> list[str]:
    """The names that are neither hidden nor ignored, in order; the ignored ones are noted."""
    wanted: list[str] = []
    for name in sorted(names):
        if _is_hidden(name):
            continue
        if rules.ignores(name, is_folder=are_folders):
            found.ignored.append(here / name)
        else:
            wanted.append(name)
    return wanted


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def printable(path: Path) -> str:
    r"""The path as it may be stored and shown: bytes that are no UTF-8 and control characters spelled out.

    Example:
        >>> printable(Path("a\x1b[31m.txt"))
        'a\\x1b[31m.txt'
    """
    text = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(
        character if unicodedata.category(character) != "Cc" else ascii(character)[1:-1] for character in text
    )


def _add(path: Path, found: Found, seen_files: set[Path], bounds: Bounds) -> None:
    if printable(path) != str(path):
        found.unreadable.append((path, "its name is not UTF-8, or holds control characters; rename it"))
        return
    # Before anything says whether there is something outside.
    if not found.is_inside(path, Path(os.path.realpath(path)), bounds):
        return
    try:
        # Path.resolve raises RuntimeError for a link to itself before Python 3.13; this is always an OSError.
        real = Path(os.path.realpath(path, strict=True))
        status = real.stat()
    except FileNotFoundError:
        found.unreadable.append((path, "it is a link to nothing"))
        return
    except OSError as error:
        found.unreadable.append((path, f"it cannot be read: {error.strerror}"))
        return
    # Sockets, pipes and devices would block a reader for ever.
    if real.is_file() and real not in seen_files:
        seen_files.add(real)
        found.files[path] = FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)

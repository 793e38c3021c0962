"""What an ingest has to do: compares what a walk found with what the library holds. Pure.

A file whose size and times are those that were stored needs no look into it. Any other is read, and its hash
decides; a file that is gone may turn up there under another name.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from rag.ingesting.reading import ReadJob
from rag.parsers import parser_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from rag.ingesting.walk import FileStamp, Found
    from rag.store.records import KnownFile


@dataclass(frozen=True, slots=True)
class IngestPlan:
    """What is to be done.

    Attributes:
        jobs: files to read, in the order of their names; some of them will turn out to be unchanged.
        unchanged: files that need no look.
        removed: files of the library that are wanted no longer and cannot have been renamed.
        missing: files of the library that are wanted no longer, unless one of the jobs is the same file.
        bytes_total: of all files that the walk found.
    """

    jobs: tuple[ReadJob, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    missing: tuple[str, ...]
    bytes_total: int
    sizes: Mapping[str, int] = field(repr=False)


def plan_ingest(
    found: Found,
    known: Mapping[str, KnownFile],
    *,
    named: Collection[str] = (),
    failed: Collection[str] = (),
) -> IngestPlan:
    """Compare a walk with the library.

    Args:
        found: what the walk came by.
        known: what the library holds, by path.
        named: paths that a person gave to an ingest, once.
        failed: paths that could not be read the last time, members of archives among them.
    """
    again = {container_path(path) for path in failed} | _outdated(known.values())
    on_disk = [file for file in known.values() if file.container is None]
    gone = list(found.deleted((Path(file.path) for file in on_disk), named=frozenset(map(Path, named))))
    missing = [known[str(path)] for path in gone]
    unchanged: list[str] = []
    changed: dict[str, FileStamp] = {}
    for path, stamp in found.files.items():
        name = str(path)
        if name not in again and _is_same(known.get(name), stamp):
            unchanged.append(name)
        else:
            changed[name] = stamp
    by_look: dict[tuple[str, int], set[str]] = defaultdict(set)
    for file in on_disk:
        if file.path not in again and file.content_hash:
            by_look[_look(file.path, file.bytes)].add(file.content_hash)
    looks = {_look(name, stamp.size_bytes) for name, stamp in changed.items() if name not in known}
    candidates = {file.path: None for file in missing if _look(file.path, file.bytes) in looks}
    return IngestPlan(
        jobs=tuple(
            ReadJob(
                name,
                stamp.size_bytes,
                frozenset() if name in again else frozenset(by_look.get(_look(name, stamp.size_bytes), ())),
            )
            for name, stamp in changed.items()
        ),
        unchanged=tuple(unchanged),
        removed=tuple(file.path for file in missing if file.path not in candidates),
        missing=tuple(candidates),
        bytes_total=sum(stamp.size_bytes for stamp in found.files.values()),
        sizes={str(path): stamp.size_bytes for path, stamp in found.files.items()},
    )


def container_path(path: str) -> str:
    """The file on disk that a path leads into.

    Example:
        >>> container_path("/a/b.zip!/c/d.txt"), container_path("/a/d.txt")
        ('/a/b.zip', '/a/d.txt')
    """
    return path.split("!/", 1)[0]


def titled_by_name(file: KnownFile) -> bool:
    """Whether its document has no better title than the file's name, and so another after a renaming."""
    return file.title == PurePath(file.path).stem


def _look(path: str, size_bytes: int) -> tuple[str, int]:
    """What files of the same content share; the suffix, since it takes part in what a file is read as."""
    return PurePath(path).suffix.lower(), size_bytes


def _is_same(file: KnownFile | None, stamp: FileStamp) -> bool:
    if file is None or not file.content_hash or not file.changed_ns:
        return False
    return (file.bytes, file.modified_ns, file.changed_ns) == (
        stamp.size_bytes,
        stamp.mtime_ns,
        stamp.ctime_ns,
    )


def _outdated(files: Iterable[KnownFile]) -> set[str]:
    """The files on disk whose text, or whose members' text, another version of a parser made."""
    return {
        file.container or file.path
        for file in files
        if file.document_id is not None and file.parser_version != parser_version(file.format)
    }

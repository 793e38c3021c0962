"""What an ingest would do, without doing any of it: no lock, no embedder, nothing written.

Files are read and their formats recognized in the same processes as in an ingest, but not parsed: a file that
is damaged further inside is found out only by the ingest itself.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.document import ParsedDocument
from rag.ingesting.options import IngestOptions
from rag.ingesting.plan import plan_ingest
from rag.ingesting.pool import ReaderPool, usable_readers
from rag.ingesting.reading import FailedFile
from rag.ingesting.walk import find_files, printable
from rag.store.database import read_only
from rag.store.records import read_failures, read_files, read_sources

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path, PurePath

    from rag.ingesting.plan import IngestPlan
    from rag.ingesting.reading import FileRead
    from rag.ingesting.walk import Found
    from rag.parsers.options import ParseOptions
    from rag.store.records import KnownFile


@dataclass(slots=True)
class Preview:
    """What an ingest would do, by path; see `rag.ingesting.report.IngestReport`.

    Attributes:
        renamed: pairs of the path that the library has and the new one.
        ignored: files and whole folders that are left out.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    failed: list[FailedFile] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def preview(directory: Path, paths: Sequence[Path], *, options: IngestOptions | None = None) -> Preview:
    """Look at what stands at and below ``paths``, and at what the library in ``directory`` holds.

    Raises:
        LibraryError: the library was written by another version, and its next ingest will change its form.
        LibraryDamagedError: it cannot be read.
    """
    options = options or IngestOptions()
    found, known, plan = look(directory, paths, options)
    result = Preview(
        unchanged=list(plan.unchanged),
        removed=list(plan.removed),
        failed=[FailedFile(printable(path), reason) for path, reason in found.unreadable],
        ignored=[str(path) for path in found.ignored],
    )
    missing = {path: known[path] for path in plan.missing}
    if plan.jobs:
        readers = min(options.readers or usable_readers(), len(plan.jobs))
        recognizer = f"{__name__}:recognized"
        with ReaderPool(
            readers=readers, options=options.parse, limits=options.limits, parser=recognizer
        ) as pool:
            for read in sorted(pool.read(plan.jobs), key=lambda read: read.path):
                _sort(read, known, missing, result)
    result.removed += missing
    result.unchanged.sort()
    result.removed.sort()
    return result


def look(
    directory: Path, paths: Sequence[Path], options: IngestOptions
) -> tuple[Found, dict[str, KnownFile], IngestPlan]:
    """What stands on the disk, what the library holds, and what an ingest would have to do."""
    found = find_files(paths, ignoring=options.ignoring, excluding=directory, bounds=options.bounds)
    known: dict[str, KnownFile] = {}
    named: Collection[str] = ()
    failed: list[str] = []
    connection = read_only(directory)
    if connection is not None:
        with contextlib.closing(connection):
            known = read_files(connection)
            named = read_sources(connection)
            failed = [failure.path for failure in read_failures(connection)]
    return found, known, plan_ingest(found, known, named=named, failed=failed)


def recognized(content: bytes, path: PurePath, _options: ParseOptions) -> ParsedDocument:
    """A document without its text: what readers run in place of a parser.

    Raises:
        ParseError: the file is empty, or of no format that is read.
    """
    from rag.parsers import parse_document
    from rag.parsers.registry import find_format

    if not content:
        return parse_document(content, path)
    return ParsedDocument(path.stem, find_format(content, path).name, ())


def _sort(
    read: FileRead, known: dict[str, KnownFile], missing: dict[str, KnownFile], result: Preview
) -> None:
    result.failed += read.failed
    mine = known.get(read.path)
    if read.known:
        origin = next((file for file in missing.values() if file.content_hash == read.content_hash), None)
        if mine and mine.content_hash == read.content_hash:
            result.unchanged.append(read.path)
        elif origin:
            del missing[origin.path]
            result.renamed.append((origin.path, read.path))
        else:
            result.duplicates.append(read.path)
        return
    for document in read.documents:
        held = known.get(document.path)
        if held is None:
            result.added.append(document.path)
        elif held.content_hash != document.content_hash:
            result.replaced.append(document.path)
        else:
            result.unchanged.append(document.path)
    if read.container or read.documents:
        kept = {*(document.path for document in read.documents), *(failure.path for failure in read.failed)}
        result.removed += [
            file.path for file in known.values() if file.container == read.path and file.path not in kept
        ]

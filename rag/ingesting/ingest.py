"""Bring files into the library: only what changed is read, and what is gone or ignored leaves.

A file's identity is its path, and its content's is the SHA-256 of its bytes. Each batch is committed to the
truth first and to the indexes after that, so a process that dies at any instant leaves nothing that the next
open cannot finish, and the same ingest again goes on from there. A file that fails is reported, keeps what
the library had of it, and stops no other. Nothing here knows how a format is parsed or how an index works.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rag.ingesting.options import IngestOptions
from rag.ingesting.pipeline import Embedded, Pipeline, PreparedVectors
from rag.ingesting.plan import container_path, plan_ingest
from rag.ingesting.pool import ReaderPool, usable_readers
from rag.ingesting.reading import FailedFile, ReadJob
from rag.ingesting.report import IngestProgress, IngestReport, Meter
from rag.ingesting.storing import Storing
from rag.ingesting.walk import find_files, printable
from rag.store.changes import add_source, forget_failure, put_failure
from rag.store.database import transaction
from rag.store.records import read_failures, read_files, read_sources
from rag.store.writer import rebuild_indexes, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.ingesting.pipeline import Prepared
    from rag.ingesting.walk import Found
    from rag.library import Library
    from rag.store.writer import Writer

__all__ = ["FailedFile", "IngestOptions", "IngestProgress", "IngestReport", "ingest", "rebuild"]

# Passages committed together where they come faster than they are stored. Each commit of the indexes costs
# about a tenth of a second; a process that dies loses what was not committed, but for the cached vectors.
_PASSAGES_A_BATCH = 512

# A file that is to be read once more may be so again, where files change meanwhile; then the next ingest
# goes on.
_ROUNDS = 4


def ingest(
    library: Library,
    paths: Sequence[Path],
    *,
    options: IngestOptions | None = None,
    on_progress: Callable[[IngestProgress], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> IngestReport:
    """Bring the library to what stands at and below ``paths`` now.

    Files that were deleted below an ingested directory are removed, and so are those that are ignored now; a
    named path that does not exist is a failed file, and what the library has of it is kept (a disk may only
    be unplugged).

    Args:
        library: where to.
        paths: files and folders.
        options: how files are found, read and marked.
        on_progress: told of each step.
        stop: once it is set, the batch that is at work is finished, and the report says ``stopped``.

    Raises:
        LibraryBusyError: another process writes.
        LibraryOutdatedError: the library was indexed with another embedder or version.
        EnvironmentUnfitError: no space or no permission in the library's directory.
    """
    started = time.monotonic()
    options = options or IngestOptions()
    found = find_files(paths, ignoring=options.ignoring, excluding=library.directory, bounds=options.bounds)
    with writing(library.directory, library.embedder, library.chroma, mend=False) as writer:
        run = _Run(writer, found, options, stop or threading.Event(), on_progress)
        run.begin(paths)
        run.read()
        return run.report(time.monotonic() - started)


def rebuild(
    library: Library,
    *,
    on_progress: Callable[[IngestProgress], None] = lambda _: None,
) -> int:
    """Cut and index all stored text again with the library's embedder; the number of passages.

    No file is read. Searches use the old indexes until the new ones are complete.

    Raises:
        LibraryBusyError: another process writes.
    """
    documents = library.documents()
    done = 0

    def report(passages: int) -> None:
        nonlocal done
        done += passages
        on_progress(IngestProgress("indexing", "", 0, len(documents), done))

    rebuild_indexes(library.directory, library.embedder, on_indexed=report, chroma=library.chroma)
    return done


class _Run:
    """One ingest under way."""

    def __init__(
        self,
        writer: Writer,
        found: Found,
        options: IngestOptions,
        stop: threading.Event,
        on_progress: Callable[[IngestProgress], None],
    ) -> None:
        self._writer = writer
        self._found = found
        self._options = options
        self._stop = stop
        self._vectors = PreparedVectors(writer.embedder)
        # What follows the truth asks for vectors that are ready.
        writer.embedder = self._vectors
        known = read_files(writer.connection)
        failed = [failure.path for failure in read_failures(writer.connection)]
        self._plan = plan_ingest(found, known, named=read_sources(writer.connection), failed=failed)
        self._failed_before = failed
        self._meter = Meter(len(found.files), self._plan.bytes_total, on_progress)
        self._storing = Storing(
            writer=writer,
            vectors=self._vectors,
            known=known,
            missing={path: known[path] for path in self._plan.missing},
            metadata=options.metadata,
            meter=self._meter,
            sizes=self._plan.sizes,
        )

    def begin(self, paths: Sequence[Path]) -> None:
        """What needs no reading: sources, files that are gone, files that are as they were."""
        gone = {
            str(path) for path in self._found.deleted(Path(container_path(f)) for f in self._failed_before)
        }
        with transaction(self._writer.connection, self._writer.directory):
            for path in filter(self._is_source, paths):
                add_source(self._writer.connection, str(path.absolute()))
            for failed in self._failed_before:
                if container_path(failed) in gone:
                    forget_failure(self._writer.connection, failed)
            for path, reason in self._found.unreadable:
                put_failure(self._writer.connection, printable(path), reason, "")
        self._storing.failed += [
            FailedFile(printable(path), reason) for path, reason in self._found.unreadable
        ]
        self._storing.remove(self._plan.removed)
        self._storing.keep(self._plan.unchanged)
        self._meter.skip(
            len(self._plan.unchanged), sum(self._plan.sizes[path] for path in self._plan.unchanged)
        )

    def _is_source(self, path: Path) -> bool:
        return path.exists() and path.absolute() not in self._found.outside

    def read(self) -> None:
        """Read what is new or changed, and once more what that made necessary."""
        jobs: Sequence[ReadJob] = self._plan.jobs
        for _ in range(_ROUNDS):
            self._round(self._with_again(jobs))
            if self._stop.is_set():
                # A file that is missing may be among those that were not read.
                return
            self._storing.remove(list(self._storing.missing))
            jobs = ()
            if not self._storing.again:
                return

    def report(self, seconds: float) -> IngestReport:
        """What was done."""
        counts = self._storing.counts
        return IngestReport(
            added=counts.added,
            replaced=counts.replaced,
            unchanged=counts.unchanged,
            removed=counts.removed,
            renamed=counts.renamed,
            duplicates=counts.duplicates,
            failed=tuple(sorted(self._storing.failed, key=lambda failure: failure.path)),
            notes=tuple(sorted(self._storing.notes, key=lambda note: note.path)),
            passages=counts.passages,
            seconds=seconds,
            embed_seconds=self._vectors.seconds,
            stopped=self._stop.is_set(),
        )

    def _with_again(self, jobs: Sequence[ReadJob]) -> list[ReadJob]:
        again, self._storing.again = self._storing.again, {}
        return [*(job for job in jobs if job.path not in again), *again.values()]

    def _round(self, jobs: Sequence[ReadJob]) -> None:
        if not jobs:
            return
        options = self._options
        readers = min(options.readers or usable_readers(), len(jobs))
        with ReaderPool(
            readers=readers,
            options=options.parse,
            limits=options.limits,
            bounds=options.bounds,
            parser=options.parser,
        ) as pool:
            stored = {file.document_id for file in self._storing.known.values() if file.document_id}
            pipeline = Pipeline(pool, self._vectors, options.metadata, stored, self._stop)
            with pipeline.running(jobs) as prepared:
                batch: list[Prepared] = []
                for item in prepared:
                    if isinstance(item, Embedded):
                        self._meter.passages += item.texts
                        self._meter.tell("embedding", item.path)
                        continue
                    batch.append(item)
                    if not prepared.ready or _passages(batch) >= _PASSAGES_A_BATCH:
                        self._storing.store(batch)
                        batch = []
                self._storing.store(batch)


def _passages(batch: Sequence[Prepared]) -> int:
    return sum(len(document.cuts) for prepared in batch for _, document in prepared.documents)

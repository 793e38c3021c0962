"""Several processes that read files at once; their answers come as they are ready.

A reader that dies, hangs or outgrows its limits costs the file it was at, and another takes its place. All of
them end with the pool, and with our own process, however that ends. It knows no library.
"""

from __future__ import annotations

import os
import queue
import tempfile
import threading
from typing import TYPE_CHECKING, Self

from rag.ingesting.bounds import Bounds
from rag.ingesting.reader_process import ReaderProcess
from rag.ingesting.reading import FailedFile, FileRead, ReaderSetup, ReadLimits
from rag.parsers.options import ParseOptions
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from rag.ingesting.reading import ReadJob

# How often whoever waits for an answer looks whether the pool was closed meanwhile.
_LOOK_SECONDS = 0.2

# Parsers keep caches and memory comes back in pieces: after so many files a reader is started anew.
_FILES_A_READER = 200

# Answers that wait for each reader: enough that none stands still, few enough that memory is bounded.
_WAITING_A_READER = 4


def usable_readers() -> int:
    """One reader a processor core, less the one that embeds; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


class ReaderPool:
    """Reads files in processes of their own; use it as a context manager.

    Args:
        readers: how many processes at most; fewer are started for fewer files.
        options: what a person said about how files are read.
        limits: what one file may cost.
        bounds: below which folders every file has to lie; None for anywhere.
        parser: ``module:function``; see `rag.ingesting.reading.ReaderSetup`.

    Example:
        >>> with ReaderPool(readers=2) as pool:  # doctest: +SKIP
        ...     [read.path for read in pool.read([ReadJob("/tmp/a.pdf", 1024)])]
    """

    def __init__(
        self,
        *,
        readers: int,
        options: ParseOptions | None = None,
        limits: ReadLimits | None = None,
        bounds: Bounds | None = None,
        parser: str = "rag.parsers:parse_document",
    ) -> None:
        self._most_readers = readers
        self._directory = tempfile.TemporaryDirectory(prefix="stillroom-", ignore_cleanup_errors=True)
        self._setup = ReaderSetup(
            os.getpid(),
            self._directory.name,
            options or ParseOptions(),
            limits or ReadLimits(),
            bounds or Bounds(),
            parser,
        )
        self._answers: queue.Queue[FileRead | None] = queue.Queue(_WAITING_A_READER * readers)
        self._taking = threading.Lock()
        self._closed = threading.Event()
        self._running: set[ReaderProcess] = set()
        self._threads: list[threading.Thread] = []

    def read(self, jobs: Iterable[ReadJob], *, stop: threading.Event | None = None) -> Iterator[FileRead]:
        """Have files read; an answer a job, in the order in which they are ready. Once a pool.

        Args:
            jobs: taken one after the other, as readers become free.
            stop: once it is set, nothing more is waited for.
        """
        waiting = iter(jobs)
        readers = self._most_readers
        # A thread a reader: Linux ends a process with the thread that started it, if it is asked to.
        self._threads = [
            threading.Thread(target=self._serve, args=(waiting,), name=f"reader-{number}", daemon=True)
            for number in range(readers)
        ]
        for thread in self._threads:
            thread.start()
        ended = 0
        while ended < readers:
            try:
                answer = self._answers.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                # Whoever closes the pool takes the answers that nobody waits for, and so the last ones.
                if self._closed.is_set() or (stop and stop.is_set()):
                    return
                continue
            if answer is None:
                ended += 1
            else:
                yield answer

    def close(self) -> None:
        """End all readers, whatever they are at."""
        self._closed.set()
        for process in tuple(self._running):
            process.close()
        while any(thread.is_alive() for thread in self._threads):
            self._empty()
            for thread in self._threads:
                thread.join(timeout=0.05)
        self._directory.cleanup()

    def __enter__(self) -> Self:
        """The pool itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all readers."""
        self.close()

    def _serve(self, jobs: Iterator[ReadJob]) -> None:
        process: ReaderProcess | None = None
        try:
            while (job := self._next(jobs)) is not None:
                process = process or self._start()
                answer, usable = self._read(process, job)
                if not usable and (process.died or answer.exhausted) and process.files_read > 1:
                    # What earlier files left in its memory may have been the cause.
                    process = self._start()
                    answer, usable = self._read(process, job)
                process = process if usable else None
                self._answers.put(answer)
        finally:
            if process is not None:
                self._end(process)
            self._answers.put(None)

    def _next(self, jobs: Iterator[ReadJob]) -> ReadJob | None:
        with self._taking:
            return None if self._closed.is_set() else next(jobs, None)

    def _read(self, process: ReaderProcess, job: ReadJob) -> tuple[FileRead, bool]:
        """The answer, and whether the process may read another file; it has ended where not."""
        try:
            answer = process.read(job)
        except ParseError as error:
            self._end(process)
            return FileRead(job.path, failed=(FailedFile(job.path, error.message, error.hint),)), False
        usable = process.files_read < _FILES_A_READER and not answer.exhausted
        if not usable:
            self._end(process)
        return answer, usable

    def _start(self) -> ReaderProcess:
        process = ReaderProcess(self._setup)
        self._running.add(process)
        if self._closed.is_set():
            process.close()
        return process

    def _end(self, process: ReaderProcess) -> None:
        self._running.discard(process)
        process.release()

    def _empty(self) -> None:
        """Make room for the answers of readers that are ending."""
        while True:
            try:
                self._answers.get_nowait()
            except queue.Empty:
                return

"""The process that reads and parses files for the pool: ``python -P -m rag.ingesting.reader``.

Parsers work through files that nobody vouches for, so they work here: in a process that has a limit of
memory, that can be killed at any time, and that ends when its parent does. It writes nothing but its answers,
and what its parsers need in a temporary directory of its own. It knows neither library nor embedder.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO

from rag.ingesting.reading import (
    GIB,
    FailedFile,
    FileRead,
    ReadDocument,
    ReaderSetup,
    ReadJob,
    StillReading,
    receive,
    send,
)
from rag.ingesting.walk import FileStamp
from rag.parsers import MAX_FILE_BYTES
from rag.parsers.containers import has_text, holds_members, members
from stillroom.errors import ParseError, StillroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rag.document import ParsedDocument
    from rag.ingesting.bounds import Bounds
    from rag.parsers.options import ParseOptions

    Parse = Callable[[bytes, PurePath, ParseOptions], ParsedDocument]

# File systems keep times in steps: ext4's of 4 ms, FAT's of 2 s. A file that was changed within the last step
# before it was read may change again and keep its stamp.
_COARSEST_STEP_NS = 2_000_000_000

# No parser of ours writes more than pictures of pages for Tesseract, and its own warnings.
_FILE_BYTES = GIB

_SAVE_AGAIN = "open it in its own program and save it again"

# Linux's prctl.h.
_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


def main() -> None:
    """Answer jobs until the parent says no more."""
    answers, jobs = _own_streams()
    setup = receive(jobs)
    if not isinstance(setup, ReaderSetup):
        return
    _end_with(setup.parent_pid)
    _limit(setup.limits.memory_bytes)
    tempfile.tempdir = setup.temporary_directory
    os.environ["TMPDIR"] = setup.temporary_directory
    # Each reader is one of several; Tesseract would start a thread a core in each of them.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    module, _, function = setup.parser.partition(":")
    parse = getattr(importlib.import_module(module), function)
    reading = _Reading(parse, setup, lambda: send(answers, StillReading()))
    # A file's time begins here: what this process needed to start is not its own.
    reading.progress()
    while isinstance(job := receive(jobs), ReadJob):
        try:
            result = reading.read(job)
        except MemoryError:
            # What the file left behind in memory is not worth finding out: a new process is started.
            send(answers, _too_much_memory(job.path, setup.limits.memory_bytes))
            return
        send(answers, result)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, moved to where nothing that a library prints or reads gets at them."""
    answers, jobs = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return answers, jobs


def _end_with(parent_pid: int) -> None:
    """Let this process be killed when its parent dies, also while a library holds the interpreter."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent_pid,), daemon=True).start()
    # It may have died before it could be watched.
    if os.getppid() != parent_pid:
        os._exit(1)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(1)
    os._exit(1)


def _limit(memory_bytes: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY:
        memory_bytes = min(memory_bytes, most)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    except (ValueError, OSError):
        # macOS refuses a limit below what the process has mapped already, which is always more.
        return


@dataclass(frozen=True, slots=True)
class _Reading:
    """How this process reads: with which parser, within which limits, and how it says that it goes on."""

    parse: Parse
    setup: ReaderSetup
    progress: Callable[[], None]

    def read(self, job: ReadJob) -> FileRead:
        """The answer to a job; only memory that runs out is an error."""
        try:
            content, stamp, settled = _content(Path(job.path), self.setup.bounds)
        except StillroomError as error:
            return FileRead(job.path, failed=(FailedFile(job.path, error.message, error.hint),))
        content_hash = hashlib.sha256(content).hexdigest()
        if content_hash in job.known_hashes:
            return FileRead(job.path, stamp, settled, content_hash, known=True)
        path = PurePath(job.path)
        results = tuple(self._results(content, path, content_hash))
        return FileRead(
            job.path,
            stamp,
            settled,
            content_hash,
            container=holds_members(content, path),
            documents=tuple(result for result in results if isinstance(result, ReadDocument)),
            failed=tuple(result for result in results if isinstance(result, FailedFile)),
        )

    def _results(
        self, content: bytes, path: PurePath, content_hash: str
    ) -> Iterator[ReadDocument | FailedFile]:
        """The file's own text, if it is not only a container, and that of every member."""
        room = self.setup.limits.text_characters
        if has_text(content, path):
            result = self._document(content, path, content_hash, room)
            yield result
            room -= _characters(result)
        for member in members(content, path, self.setup.options):
            self.progress()
            if member.error:
                yield FailedFile(str(member.path), member.error.message, member.error.hint)
                continue
            inner_hash = hashlib.sha256(member.content).hexdigest()
            result = self._document(member.content, member.path, inner_hash, room)
            yield result
            room -= _characters(result)

    def _document(
        self, content: bytes, path: PurePath, content_hash: str, room: int
    ) -> ReadDocument | FailedFile:
        """One document; ``room`` is how many characters may yet come out of the file."""
        try:
            parsed = self.parse(content, path, self.setup.options)
        except StillroomError as error:
            return FailedFile(str(path), error.message, error.hint)
        except RecursionError:
            return FailedFile(str(path), f"{path} is nested too deep to be read", _SAVE_AGAIN)
        except MemoryError:
            raise
        # This is the outermost call of a process that runs other people's parsers on other people's files.
        except Exception as error:  # noqa: BLE001
            reason = f"{path} cannot be read: its parser failed ({type(error).__name__}: {error})"
            return FailedFile(str(path), reason, _SAVE_AGAIN)
        found = ReadDocument(str(path), content_hash, parsed)
        if (characters := _characters(found)) > room:
            reason = f"{path} holds {characters:,} characters; at most {room:,} are taken"
            return FailedFile(str(path), reason, "split it into parts")
        return found


def _content(path: Path, bounds: Bounds) -> tuple[bytes, FileStamp, bool]:
    """A file's bytes, its stamp, and whether a later change must show in that stamp.

    Raises:
        ParseError: it is too large, cannot be read, lies out of the bounds, or its name cannot be stored.
    """
    try:
        str(path).encode("utf-8")
        with path.open("rb") as file:
            if refusal := bounds.refusal_of_open(path, file.fileno()):
                raise ParseError(f"{path} is not read: {refusal}")
            before = os.fstat(file.fileno())
            if before.st_size > MAX_FILE_BYTES:
                raise ParseError(
                    f"{path} has {before.st_size:,} bytes; at most {MAX_FILE_BYTES:,} are read",
                    hint="split it into parts",
                )
            content = file.read(MAX_FILE_BYTES + 1)
            after = os.fstat(file.fileno())
    except UnicodeEncodeError as error:
        raise ParseError(f"the name of {path!r} is not valid UTF-8", hint="rename the file") from error
    except OSError as error:
        raise ParseError(f"{path} cannot be read: {error.strerror or error}", hint=f"ls -l {path}") from error
    stamp = FileStamp(after.st_size, after.st_mtime_ns, after.st_ctime_ns)
    unchanged = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, len(content))
    newest = max(after.st_mtime_ns, after.st_ctime_ns)
    return content, stamp, unchanged and newest + _COARSEST_STEP_NS < time.time_ns()


def _characters(result: ReadDocument | FailedFile) -> int:
    return (
        sum(len(section.text) for section in result.parsed.sections)
        if isinstance(result, ReadDocument)
        else 0
    )


def _too_much_memory(path: str, memory_bytes: int) -> FileRead:
    reason = f"{path} needs more than {memory_bytes / GIB:.1f} GiB of memory to be read"
    failed = FailedFile(path, reason, "split it into parts, or set STILLROOM_PARSE_MEMORY_MIB higher")
    return FileRead(path, failed=(failed,), exhausted=True)


if __name__ == "__main__":
    main()

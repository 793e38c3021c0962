"""What is asked of a process that reads files, and what it answers: plain values that cross a pipe.

Both sides import this module: the pool in our own process, and the reader in a process of its own. It starts
nothing and parses nothing.
"""

from __future__ import annotations

import io
import pickle
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from rag.document import ParsedDocument, Section
from rag.ingesting.bounds import Bounds
from rag.ingesting.walk import FileStamp
from rag.parsers.options import ParseOptions

if TYPE_CHECKING:
    from collections.abc import Callable

GIB: Final = 1024**3
MIB: Final = 1024**2

# A frame is its length, then a pickle of one of the values below.
_LENGTH = struct.Struct(">Q")
LENGTH_BYTES: Final = _LENGTH.size


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What one file may cost before it is given up.

    Attributes:
        memory_bytes: address space of the process that reads it; macOS does not hold a process to it.
        seconds: without a sign of progress: a member of an archive, or a page given to Tesseract, is one.
        seconds_a_mib: added for each MiB of the file.
        text_characters: of all text together that comes out of one file.
    """

    memory_bytes: int = 2 * GIB
    seconds: float = 120.0
    seconds_a_mib: float = 5.0
    text_characters: int = 64 * 1000**2

    def seconds_for(self, size_bytes: int) -> float:
        """How long a file of that size may take."""
        return self.seconds + self.seconds_a_mib * size_bytes / MIB


@dataclass(frozen=True, slots=True)
class ReaderSetup:
    """What a reading process is told once, when it starts.

    Attributes:
        parent_pid: it ends when that process does.
        temporary_directory: for whatever its parsers write; deleted with the pool.
        bounds: below which folders each file has to lie when it is open.
        parser: ``module:function`` that turns bytes into a document, as `rag.parsers.parse_document` does.
    """

    parent_pid: int
    temporary_directory: str
    options: ParseOptions = field(default_factory=ParseOptions)
    limits: ReadLimits = field(default_factory=ReadLimits)
    bounds: Bounds = field(default_factory=Bounds)
    parser: str = "rag.parsers:parse_document"


@dataclass(frozen=True, slots=True)
class ReadJob:
    """A file to read.

    Attributes:
        size_bytes: as the walk saw it; it gives the time limit.
        known_hashes: SHA-256 of contents that need no parsing, because the library has their text.
    """

    path: str
    size_bytes: int
    known_hashes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document that was read: a file, or a member of an archive or a mail.

    Attributes:
        path: the file's, or ``archive.zip!/inner.txt``.
        content_hash: SHA-256 of the bytes that it was read from, in hex.
    """

    path: str
    content_hash: str
    parsed: ParsedDocument


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file, or a member of one, that was not ingested, why, and what to do about it."""

    path: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FileRead:
    """All that came of a job.

    Attributes:
        path: the file's, as the job had it.
        stamp: the file's when it was read; None where it could not be.
        settled: whether the stamp is old enough that a later change must show in it.
        content_hash: SHA-256 of the file's bytes, in hex; empty where it could not be read.
        known: the hash is one of the job's known ones, so nothing was parsed.
        container: it holds files, an archive or a mail with attachments, and their paths begin with its own.
        documents: one for a file, one a member for an archive.
        failed: the file, or those of its members, that yielded nothing.
        exhausted: memory ran out, and the process that answers this has ended.
    """

    path: str
    stamp: FileStamp | None = None
    settled: bool = False
    content_hash: str = ""
    known: bool = False
    container: bool = False
    documents: tuple[ReadDocument, ...] = ()
    failed: tuple[FailedFile, ...] = ()
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class StillReading:
    """A sign of progress, the first when the process has loaded: the time limit starts again."""


# What may come out of a reader: its parsers handle hostile files, and a pickle can name any function.
_ANSWERS: Final = (FileRead, StillReading, FileStamp, ReadDocument, FailedFile, ParsedDocument, Section)


def send(stream: BinaryIO, value: object) -> None:
    """Write one frame."""
    body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def receive(stream: BinaryIO) -> ReaderSetup | ReadJob | None:
    """Read one frame from our own process; None where it has ended."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    value: ReaderSetup | ReadJob = pickle.loads(stream.read(body_bytes(head)))  # noqa: S301 (from our parent)
    return value


def body_bytes(head: bytes) -> int:
    """The length that a frame's head announces."""
    length: int = _LENGTH.unpack(head)[0]
    return length


def answer(body: bytes) -> FileRead | StillReading:
    """A reader's answer.

    Raises:
        ValueError: it is nothing that a reader answers.
    """
    try:
        value = _AnswerUnpickler(io.BytesIO(body)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, TypeError, KeyError) as error:
        raise ValueError(f"no answer of a reader: {error}") from error
    if not isinstance(value, FileRead | StillReading):
        raise TypeError(f"a reader answered with a {type(value).__name__}")  # pragma: no cover
    return value


class _AnswerUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., object]:
        for kind in _ANSWERS:
            if (kind.__module__, kind.__qualname__) == (module, name):
                return kind
        raise pickle.UnpicklingError(f"{module}.{name} is nothing that a reader answers with")

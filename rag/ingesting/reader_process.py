"""Our side of one process that reads files: start it, ask it, and give it up when it dies or takes too long.

It knows limits of time and the ways in which a process ends. What the process does is `rag.ingesting.reader`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from typing import BinaryIO

import psutil

from rag.ingesting.reading import (
    GIB,
    LENGTH_BYTES,
    FileRead,
    ReaderSetup,
    ReadJob,
    StillReading,
    answer,
    body_bytes,
    send,
)
from stillroom.errors import ParseError

# How often a silent reader is looked at: whether its time is up, and whether Tesseract works for it.
_LOOK_SECONDS = 1.0

# A new interpreter loads for a second, and far longer on a busy machine; no file is to blame for that.
_START_SECONDS = 120.0

# A character takes at most four bytes in UTF-8, and sections repeat little else.
_BYTES_A_CHARACTER = 6

_HINT = "open it in its own program and save it again, or name it in .stillroomignore"
_HINT_TIME = "STILLROOM_PARSE_SECONDS=600 stillroom ingest PATH, or name it in .stillroomignore"


class ReaderProcess:
    """A running reader; one thread uses it, the same that made it.

    Linux kills it when that thread ends, so the thread has to live as long as the reader is wanted.

    Attributes:
        files_read: jobs that it was given.
        died: it ended by itself or was killed by others: an earlier file may have been the cause.
    """

    def __init__(self, setup: ReaderSetup) -> None:
        self._limits = setup.limits
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rag.ingesting.reader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            # A group of its own: Ctrl-C is ours to hear, and Tesseract is killed together with it.
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.files_read = 0
        self.died = False
        self._ready = False
        with contextlib.suppress(BrokenPipeError):
            send(self._stdin, setup)

    def read(self, job: ReadJob) -> FileRead:
        """Have one file read.

        Raises:
            ParseError: the process died, took too long or answered too much; it is gone then.
        """
        try:
            send(self._stdin, job)
        except BrokenPipeError:
            raise self._ended(job) from None
        self.files_read += 1
        while True:
            given = self._receive(job)
            self._ready = True
            if isinstance(given, FileRead):
                return given

    def close(self) -> None:
        """End it and whatever it started; safe to call twice, and from another thread."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def release(self) -> None:
        """End it and let go of its pipes; only from the thread that uses it."""
        self.close()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    @property
    def _stdin(self) -> BinaryIO:
        stream = self._process.stdin
        assert stream is not None  # noqa: S101 (Popen was asked for a pipe)
        return stream  # type: ignore[return-value]

    def _receive(self, job: ReadJob) -> FileRead | StillReading:
        """The next answer, or the error that the process's end or silence is."""
        allowed = self._limits.seconds_for(job.size_bytes)
        if not self._ready:
            allowed = max(allowed, _START_SECONDS)
        most_bytes = self._limits.text_characters * _BYTES_A_CHARACTER
        received = bytearray()
        wanted = LENGTH_BYTES
        deadline = time.monotonic() + allowed
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 (Popen was asked for a pipe)
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while len(received) < wanted:
                if selector.select(_LOOK_SECONDS):
                    some = os.read(stdout.fileno(), wanted - len(received))
                    if not some:
                        raise self._ended(job)
                    received += some
                    if wanted == LENGTH_BYTES == len(received):
                        wanted += body_bytes(bytes(received))
                        if wanted > most_bytes:
                            reason = f"{job.path} yields {wanted:,} bytes; at most {most_bytes:,} are taken"
                            raise self._given_up(reason)
                elif self._has_children():
                    deadline = time.monotonic() + allowed
                elif time.monotonic() > deadline:
                    raise self._given_up(f"{job.path} was not read within {allowed:.0f} s", _HINT_TIME)
        try:
            return answer(bytes(received[LENGTH_BYTES:]))
        except (ValueError, TypeError) as error:
            raise self._given_up(f"{job.path} broke the process that read it ({error})") from error

    def _has_children(self) -> bool:
        """Whether a program works for it: Tesseract reads a page a call, and has its own time limit."""
        try:
            return bool(psutil.Process(self.pid).children())
        except psutil.NoSuchProcess:
            return False

    def _given_up(self, reason: str, hint: str = _HINT) -> ParseError:
        self.release()
        return ParseError(reason, hint=hint)

    def _ended(self, job: ReadJob) -> ParseError:
        """What the end of the process says of the file."""
        self.died = True
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return self._given_up(f"{job.path} made the process that read it close its pipes")
        last_words = self._last_words()
        self.release()
        memory = f"{self._limits.memory_bytes / GIB:.1f} GiB"
        if code < 0:
            by = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return ParseError(
                f"{job.path} was not read: the process that read it was ended by {by} (it may use {memory})",
                hint=_HINT,
            )
        said = f": {last_words}" if last_words else ""
        return ParseError(
            f"{job.path} was not read: the process that read it ended with code {code}{said}", hint=_HINT
        )

    def _last_words(self) -> str:
        self._stderr.seek(0)
        lines = self._stderr.read()[-4096:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""

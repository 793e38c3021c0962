"""Runs a Python program in a child process with limits, and collects what it prints.

The process gets nothing of our environment and no stdin; it has a time on the clock and on the processor, a
largest memory and file, and is killed with its whole group in the end, whatever comes. It may read and write
what the user may: that is what the person is asked about.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agents.call_context import current_call
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_CHILD: Final = Path(__file__).with_name("python_child.py")
# How soon it is noticed that the process ended while others hold its output, or that nobody waits.
_LOOK_SECONDS: Final = 0.05
_READ_BYTES: Final = 65_536
# The most that Linux lets a pipe hold.
_PIPE_BYTES: Final = 1_048_576
# As shells do, the child's child tells by which signal it ended.
_BY_A_SIGNAL: Final = 128


@dataclass(frozen=True, slots=True)
class PythonLimits:
    """What one program may take.

    Attributes:
        seconds: on the clock.
        cpu_seconds: on the processor.
        memory_bytes: of address space; not held on macOS.
        file_bytes: of each file that it writes.
        processes: that this user may have in all when it starts another one; the administrator is not held
            to it.
        open_files: at once.
        output_bytes: kept of what it prints, from the beginning.
    """

    seconds: float = 30.0
    cpu_seconds: int = 20
    memory_bytes: int = 2 * 1024**3
    file_bytes: int = 100_000_000
    processes: int = 0
    open_files: int = 128
    output_bytes: int = 100_000

    def as_json(self) -> str:
        """As the child reads it: the names are the operating system's."""
        return json.dumps(
            {
                "RLIMIT_CPU": self.cpu_seconds,
                "RLIMIT_AS": self.memory_bytes,
                "RLIMIT_FSIZE": self.file_bytes,
                "RLIMIT_NPROC": self.processes,
                "RLIMIT_NOFILE": self.open_files,
                "RLIMIT_CORE": 0,
            }
        )


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """What came of a program.

    Attributes:
        output: what it printed, errors included, at most as long as the limit.
        exit_code: 0 for success, negative for the signal that killed it.
        cut: it printed more.
        timed_out: it was killed because its time on the clock was over.
        cut_off: it had no network, and what it started ended with it: namespaces of Linux, where they may
            be made.
    """

    output: str
    exit_code: int
    seconds: float
    cut: bool
    timed_out: bool
    cut_off: bool


def run_program(source: str, limits: PythonLimits) -> ProgramRun:
    """Run a program to its end or to a limit.

    Raises:
        ToolError: this system has no such limits (Windows), or nobody waits for the result any more.
    """
    if os.name != "posix":
        raise ToolError("Python programs are run on Linux and macOS only: elsewhere nothing limits them")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stillroom-", ignore_cleanup_errors=True) as folder:
        Path(folder, "program.py").write_text(source, encoding="utf-8", errors="replace")
        heard, told = os.pipe()
        with os.fdopen(heard, "rb") as telling:
            try:
                process = _started(folder, limits, told)
            finally:
                os.close(told)
            with process:
                output = _Output(_pipe(process), limits.output_bytes)
                with _killed(process):
                    in_time = _ends_in_time(process, output, limits)
                exit_code = process.wait()
                output.close()
            cut_off = telling.read(1) == b"1"
    seconds = round(time.monotonic() - began, 2)
    if cut_off and exit_code > _BY_A_SIGNAL:
        exit_code = _BY_A_SIGNAL - exit_code
    return ProgramRun(output.text, exit_code, seconds, output.cut, not in_time, cut_off)


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise AssertionError("it was started with a pipe")
    return process.stdout


def _started(folder: str, limits: PythonLimits, told: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-B", "-u", "-X", "utf8", str(_CHILD), limits.as_json(), str(told)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        # Nothing of ours. Threads of numerical libraries count as processes.
        env={"HOME": folder, "TMPDIR": folder, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        pass_fds=(told,),
        start_new_session=True,
    )


@contextlib.contextmanager
def _killed(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the process's group at the end of the block: what it started goes with it."""
    try:
        yield
    finally:
        # A group's number is not given to another while anyone of it lives; without one, nothing is found.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


class _Output:
    """What a process prints, the first of it kept.

    Args:
        stream: read without waiting.
        limit_bytes: what is kept; the rest is read all the same, so that the process goes on.
    """

    def __init__(self, stream: IO[bytes], limit_bytes: int) -> None:
        os.set_blocking(stream.fileno(), False)
        self._stream = stream
        self._limit_bytes = limit_bytes
        self._printed_bytes = 0
        self._kept = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(stream, selectors.EVENT_READ)
        self._ended = False

    @property
    def text(self) -> str:
        """What is kept."""
        return self._kept.decode("utf-8", "replace")

    @property
    def cut(self) -> bool:
        """Whether more was printed."""
        return self._printed_bytes > len(self._kept)

    def read(self, seconds: float) -> bool:
        """Take what comes within a time; whether anything came."""
        if self._ended:
            time.sleep(seconds)
            return False
        if not self._selector.select(seconds):
            return False
        try:
            data = os.read(self._stream.fileno(), _READ_BYTES)
        except BlockingIOError:  # nothing there after all
            return False
        self._ended = not data
        self._printed_bytes += len(data)
        self._kept += data[: self._limit_bytes - len(self._kept)]
        return bool(data)

    def close(self) -> None:
        """Read what is there already, and no more: whoever left the group may go on writing."""
        for _ in range(_PIPE_BYTES // _READ_BYTES):
            if not self.read(0):
                break
        self._selector.close()


def _ends_in_time(process: subprocess.Popen[bytes], output: _Output, limits: PythonLimits) -> bool:
    """Read along until the process ends or its time is over; whether it ended."""
    call, deadline = current_call(), time.monotonic() + limits.seconds
    while process.poll() is None:
        call.check()
        if time.monotonic() > deadline:
            return False
        output.read(_LOOK_SECONDS)
    return True

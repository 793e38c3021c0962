"""A pseudo-terminal that a test types on and reads, as a person would.

A command runs in it as on a real one; what it draws is kept as a terminal shows it, scrollback included.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from typing import TYPE_CHECKING, Self

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

CTRL_C, CTRL_D, CTRL_J, CTRL_T, ALT_RETURN, RETURN, TAB, UP = (
    "\x03",
    "\x04",
    "\n",
    "\x14",
    "\x1b\r",
    "\r",
    "\t",
    "\x1b[A",
)
PROMPT = "›"
# On a busy machine the first start of a command imports for seconds.
PATIENCE_SECONDS = 240.0


def pasted(text: str) -> str:
    """What a terminal sends for pasted text where bracketed paste is on."""
    return f"\x1b[200~{text}\x1b[201~"


class Terminal:
    """``stillroom ARGUMENTS`` on a terminal of its own.

    Args:
        arguments: of the command.
        environment: all of its variables.
        folder: where it runs.
        columns: cells of a line.
        rows: lines of the screen.
    """

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        folder: Path,
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=10_000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            # Before the command looks at it, however late the tests' process comes to run again.
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.chdir(folder)
            os.execvpe(sys.executable, [sys.executable, "-m", "stillroom", *arguments], dict(environment))  # noqa: S606
        self._code: int | None = None

    @property
    def text(self) -> str:
        """Everything that was shown and not erased, oldest first, without blanks at ends of lines."""
        columns = range(self._screen.columns)
        above = ["".join(line[column].data for column in columns) for line in self._screen.history.top]
        return "\n".join(line.rstrip() for line in [*above, *self._screen.display]).rstrip()

    @property
    def lines(self) -> list[str]:
        """The same, line by line."""
        return self.text.split("\n")

    def press(self, keys: str | bytes) -> None:
        """Press keys; bytes are sent as they are."""
        os.write(self._descriptor, keys.encode() if isinstance(keys, str) else keys)

    def sees(self, wanted: str | Callable[[str], bool], seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether a text appears in time, or what is shown becomes true of a condition."""
        holds = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + seconds
        while not holds(self.text):
            if time.monotonic() > deadline or not self._read():
                return holds(self.text)
        return True

    def ready(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether the prompt stands at the end, with nothing typed."""
        return self.sees(lambda text: text.split("\n")[-1].startswith(PROMPT), seconds)

    def ends(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for the command's end; its exit code."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, f"it did not end:\n{self.text}"
        return self._wait()

    def _read(self) -> bool:
        """Take what comes within a moment; False at the end."""
        readable, _, _ = select.select([self._descriptor], [], [], 0.05)
        if not readable:
            return True
        try:
            data = os.read(self._descriptor, 65_536)
        except OSError as error:
            if error.errno == errno.EIO:  # Linux: the other side is closed
                return False
            raise
        self.raw += data
        self._stream.feed(data)
        if b"\x1b[6n" in data:  # prompt_toolkit asks where the cursor is
            cursor = self._screen.cursor
            os.write(self._descriptor, f"\x1b[{cursor.y + 1};{cursor.x + 1}R".encode())
        return bool(data)

    def _wait(self) -> int:
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def __enter__(self) -> Self:
        """Be typed on."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the command, if it did not end itself."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._wait()
        os.close(self._descriptor)

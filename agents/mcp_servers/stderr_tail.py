"""The last lines that a server wrote to stderr: what a person needs to see when it failed.

A server may write without end, and one that nobody reads would block: all is read, little is kept. It does
not know what the lines mean, nor which hold secrets.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_MOST_LINES: Final = 20
_LINE_CHARACTERS: Final = 500
_JOIN_SECONDS: Final = 1.0


@dataclass
class StderrTail:
    """A pipe that a process writes into, and a thread that reads it. A context manager.

    Attributes:
        writer: what the process is given as its stderr.
    """

    writer: TextIO = field(init=False)
    _lines: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))
    _reader: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        """Open the pipe and begin to read."""
        read_end, write_end = os.pipe()
        self.writer = os.fdopen(write_end, "w", encoding="utf-8")
        self._reader = threading.Thread(target=self._read, args=(read_end,), name="mcp-stderr", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close our end; a process that lives on may go on writing until it ends."""
        self.writer.close()

    @property
    def ended(self) -> bool:
        """Whether nobody can write any more."""
        return self.writer.closed and not self._reader.is_alive()

    def last_lines(self) -> tuple[str, ...]:
        """What came last, oldest first. After the process ended it waits a moment for what is on the way."""
        if self.writer.closed:
            self._reader.join(_JOIN_SECONDS)
        return tuple(self._lines)

    def _read(self, read_end: int) -> None:
        with os.fdopen(read_end, "rb") as file:
            # Bounded: a line may have no end.
            while line := file.readline(_LINE_CHARACTERS):
                if text := line.decode("utf-8", errors="replace").strip():
                    self._lines.append(text)

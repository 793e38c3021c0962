"""How far an ingest is, for a program that started it: one JSON object a line, on stderr.

stdout stays the result's. It does not know who reads it.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from rag.ingesting.report import IngestProgress

# A step may take a millisecond; nobody looks more often than this.
_EVERY_SECONDS: Final = 0.25


class JsonProgress:
    """Writes ``{"progress": …}`` lines, the fields those of ``IngestProgress``, and ``{"waiting": …}`` ones.

    Args:
        stream: where to.
        clock: seconds that only ever grow.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._next_at = clock()

    def tell(self, progress: IngestProgress) -> None:
        """A step, unless one was told just before."""
        now = self._clock()
        if now >= self._next_at:
            self._next_at = now + _EVERY_SECONDS
            self._write({"progress": asdict(progress)})

    def wait(self, why: str) -> None:
        """It waits for another process, which the sentence names."""
        self._write({"waiting": why})

    def _write(self, said: dict[str, object]) -> None:
        # File names come as they are: half a surrogate pair stays an escape.
        self._stream.write(json.dumps(said) + "\n")
        self._stream.flush()

"""What an ingest says of itself: how far it is, and in the end what it did.

Values only, and the arithmetic of rates. It prints nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.ingesting.reading import FailedFile

Step = Literal["unchanged", "failed", "embedding", "indexing"]

# An estimate from less than this time and this share of the bytes is a guess.
_SECONDS_TO_JUDGE_BY = 2.0
_SHARE_TO_JUDGE_BY = 0.02


@dataclass(frozen=True, slots=True)
class IngestProgress:
    """How far an ingest is.

    Attributes:
        step: a file was found unchanged or has failed; passages were embedded, or are in the indexes now.
        path: the file that the step is about, or the last one of many.
        files_done: files that nothing more is to be done for, of ``files_total``.
        passages: passages embedded so far, those from the cache of vectors among them.
        passages_per_s: of them, since the first file was read.
        seconds_left: at the rate so far, by the files' bytes; None while nothing can be said.
    """

    step: Step
    path: str
    files_done: int
    files_total: int
    passages: int
    passages_per_s: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know of how a file was read: pages without text, text from OCR."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did.

    A member of an archive counts as a file.

    Attributes:
        added: new files with a text of their own.
        replaced: files with another text than before.
        unchanged: files that are as the library has them.
        removed: files that are gone, or ignored now.
        renamed: files that the library had under another path.
        duplicates: files whose text the library has from another file; it is stored once, with both.
        failed: what yielded no text, by path, with the reason; the library keeps what it had of them.
        notes: what a person should know of what was read.
        passages: passages indexed.
        seconds: all together.
        embed_seconds: in which the embedder worked; reading, cutting and storing go on beside it.
        stopped: it was stopped before it was done; the same ingest again goes on from here.
    """

    added: int
    replaced: int
    unchanged: int
    removed: int
    failed: tuple[FailedFile, ...]
    passages: int
    seconds: float
    renamed: int = 0
    duplicates: int = 0
    notes: tuple[Note, ...] = ()
    embed_seconds: float = 0.0
    stopped: bool = False

    @property
    def changed(self) -> int:
        """Files that are held in another way than before."""
        return self.added + self.replaced + self.removed + self.renamed + self.duplicates


class Meter:
    """Counts while an ingest runs, and tells a listener.

    Args:
        files_total: files that the walk found.
        bytes_total: of all of them.
        on_progress: told of each step.
        clock: seconds that only ever grow.
    """

    def __init__(
        self,
        files_total: int,
        bytes_total: int,
        on_progress: Callable[[IngestProgress], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files_total = files_total
        self._bytes_total = bytes_total
        self._on_progress = on_progress
        self._clock = clock
        self._started = clock()
        self._bytes_done = 0
        self._bytes_free = 0
        self.files_done = 0
        self.passages = 0

    def skip(self, files: int, size_bytes: int) -> None:
        """So many files took no time at all, and say nothing of the rate."""
        self.files_done += files
        self._bytes_free += size_bytes

    def finish(self, files: int, size_bytes: int) -> None:
        """So many files are done."""
        self.files_done += files
        self._bytes_done += size_bytes

    def tell(self, step: Step, path: str) -> None:
        """Say how far it is."""
        seconds = self._clock() - self._started
        self._on_progress(
            IngestProgress(
                step,
                path,
                self.files_done,
                self._files_total,
                self.passages,
                self.passages / seconds if seconds > 0 else 0.0,
                self._seconds_left(seconds),
            )
        )

    def _seconds_left(self, seconds: float) -> float | None:
        total = self._bytes_total - self._bytes_free
        if seconds < _SECONDS_TO_JUDGE_BY or self._bytes_done <= _SHARE_TO_JUDGE_BY * total:
            return None
        return seconds * max(0, total - self._bytes_done) / self._bytes_done

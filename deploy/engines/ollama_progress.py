"""How far a pull, an upload or a quantization is, as a sentence a second. Pure: the clock is the caller's.

Ollama tells sixteen times a second, layer by layer, and counts what it had from an earlier pull as done.
"""

from __future__ import annotations

from collections import deque
from typing import Final

_SENTENCE_SECONDS: Final = 1.0
# A rate over fewer seconds jumps with every burst; over more it is late.
_RATE_SECONDS: Final = 5.0
_FEWEST_SAMPLES: Final = 2
_SUCCESS: Final = "success"
_MB: Final = 1_000_000
_GB: Final = 1_000_000_000


class Transfer:
    """Counts bytes, and says so at most once a second.

    Args:
        label: what is done, as the beginning of the sentence.

    Example:
        >>> transfer = Transfer("pulls deepseek-r1:7b")
        >>> transfer.at(0, 4_700_000_000, now=0.0), transfer.at(23_000_000, 4_700_000_000, now=1.0)
        ('pulls deepseek-r1:7b: 0.0 of 4.7 GB', 'pulls deepseek-r1:7b: 0.0 of 4.7 GB, 23 MB/s')
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._seen: deque[tuple[float, int]] = deque()
        self._said_at: float | None = None

    def at(self, done_bytes: int, total_bytes: int, *, now: float) -> str | None:
        """The sentence where one is due: a second after the last, and at the very end.

        Args:
            done_bytes: so far, with what was there before.
            total_bytes: in all, as far as it is known.
            now: seconds on any clock that does not go back.
        """
        self._seen.append((now, done_bytes))
        while len(self._seen) > _FEWEST_SAMPLES and now - self._seen[1][0] >= _RATE_SECONDS:
            self._seen.popleft()
        if self._said_at is not None and now - self._said_at < _SENTENCE_SECONDS and done_bytes < total_bytes:
            return None
        self._said_at = now
        return f"{self._label}: {_amount(done_bytes, total_bytes)}{self._rate()}"

    def _rate(self) -> str:
        (began, before), (now, done) = self._seen[0], self._seen[-1]
        if now <= began:
            return ""
        # What arrived damaged is taken off again.
        return f", {max(0, done - before) / (now - began) / _MB:.0f} MB/s"


class Steps:
    """What Ollama says while it pulls or makes a model, put into sentences.

    Args:
        label: what is done, as the beginning of each sentence.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._transfer = Transfer(label)
        self._layers: dict[str, tuple[int, int]] = {}
        self._status = ""

    @property
    def done(self) -> bool:
        """Ollama's last word was that it succeeded: a stream that ends before was broken off."""
        return self._status == _SUCCESS

    @property
    def amount(self) -> str:
        """The bytes so far; empty where none were counted."""
        done, total = self._sums()
        return _amount(done, total) if total else ""

    def heard(
        self, status: str, digest: str | None, completed: int | None, total: int | None, *, now: float
    ) -> str | None:
        """The sentence for one line of the stream; None where there is nothing new to say."""
        if total:
            self._layers[digest or status] = (completed or 0, total)
            return self._transfer.at(*self._sums(), now=now)
        if status == self._status:
            return None
        self._status = status
        return None if self.done else f"{self._label}: {status}"

    def _sums(self) -> tuple[int, int]:
        return sum(done for done, _ in self._layers.values()), sum(of for _, of in self._layers.values())


def _amount(done_bytes: int, total_bytes: int) -> str:
    """Both in the unit of the whole.

    Example:
        >>> _amount(1_230_000_000, 4_700_000_000), _amount(3_000_000, 98_362_432)
        ('1.2 of 4.7 GB', '3 of 98 MB')
    """
    if total_bytes < _GB:
        return f"{done_bytes / _MB:.0f} of {total_bytes / _MB:.0f} MB"
    return f"{done_bytes / _GB:.1f} of {total_bytes / _GB:.1f} GB"

"""Ends a run from outside: when somebody cancels it, and when its time is up, whatever it is waiting for.

A thread watches the clock and the caller's event; then requests are hung up, and tools are told. What is made
of the run so far is the agent's business.
"""

from __future__ import annotations

import contextvars
import threading
import time
from concurrent.futures import wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from agents.background import start_in_background
from deploy.hanging_up import HangUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

# How often the clock and the caller's event are looked at: a person does not notice that delay.
_LOOK_SECONDS: Final = 0.05
# A tool or a thread that was told to stop gets this long to hand over what it has.
GRACE_SECONDS: Final = 1.0

Outside = Literal["cancelled", "time_limit"]


class RunStopped(Exception):  # noqa: N818 - no error, and no caller of the agent sees it
    """Unwinds the agent's loop where the run has to end now."""


class Ending:
    """Whether the run was ended from outside.

    Args:
        seconds: that the run may take.
        cancelled: set by whoever wants it to end.

    Attributes:
        stopped: set when it has to end.
        why: what ended it; None as long as nothing did.
        hang_up: ends the model's requests.
    """

    def __init__(self, seconds: float, cancelled: threading.Event) -> None:
        self.stopped = threading.Event()
        self.why: Outside | None = None
        self.hang_up = HangUp()
        self._cancelled = cancelled
        self._seconds = seconds
        self._started = time.monotonic()
        self._waited_seconds = 0.0
        self._asking_since: float | None = None
        self._lock = threading.Lock()

    @property
    def elapsed_seconds(self) -> float:
        """Wall clock so far, less what a person took to decide."""
        since = self._asking_since
        asking = time.monotonic() - since if since is not None else 0.0
        return time.monotonic() - self._started - self._waited_seconds - asking

    @property
    def remaining_seconds(self) -> float:
        """Wall clock left, 0 at least."""
        return max(0.0, self._seconds - self.elapsed_seconds)

    def look(self) -> bool:
        """Whether the run has to end; ends it where that is so."""
        if not self.stopped.is_set():
            if self._cancelled.is_set():
                self.stop("cancelled")
            elif self.remaining_seconds <= 0:
                self.stop("time_limit")
        return self.stopped.is_set()

    def stop(self, why: Outside) -> None:
        """End the run."""
        with self._lock:
            if self.why is None:
                self.why = why
        self.stopped.set()
        self.hang_up.now()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the clock and the event for the length of a ``with`` block."""
        finished = threading.Event()

        def watch() -> None:
            while not self.look() and not finished.wait(_LOOK_SECONDS):
                pass

        threading.Thread(target=watch, name="stillroom-ending", daemon=True).start()
        try:
            yield
        finally:
            finished.set()

    @contextmanager
    def person_decides(self) -> Iterator[None]:
        """Stop the clock for the length of a ``with`` block; one at a time."""
        self._asking_since = time.monotonic()
        try:
            yield
        finally:
            self._waited_seconds += time.monotonic() - self._asking_since
            self._asking_since = None


def outcome(work: Callable[[], T], *, until: Callable[[], bool], grace_seconds: float = GRACE_SECONDS) -> T:
    """The value of ``work()``, which runs in a thread of its own and is left there when it has to end.

    Args:
        work: what may hang.
        until: looked at again and again; true where nobody waits any longer.
        grace_seconds: what the work has left then.

    Raises:
        TimeoutError: it did not end in that time.
        Exception: whatever the work raised.
    """
    context = contextvars.copy_context()
    running = start_in_background(lambda: context.run(work))
    while not until():
        # Not by result(): its TimeoutError would be the work's own, or that of a work that ended right then.
        if wait([running], _LOOK_SECONDS).done:
            return running.result()
    return running.result(timeout=grace_seconds)

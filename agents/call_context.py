"""What a tool may know of the call that it serves: whether it is still wanted, how long it has, whom to tell.

A tool that takes long asks ``current_call()``; one that does not need it takes no notice. Outside an agent's
run there is a call that is always wanted and tells nobody.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _tell_nobody(_message: str, _done: float | None) -> None:
    """Progress that nobody wants to see."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """One call's.

    Attributes:
        cancelled: set when nobody waits for the result any more; a tool stops its work then.
        ends_at: ``time.monotonic()`` when the caller gives up; None for never.
        progress: takes a message and, if it is known, how much is done, from 0 to 1; cheap, any thread.
    """

    cancelled: threading.Event = field(default_factory=threading.Event)
    ends_at: float | None = None
    progress: Callable[[str, float | None], None] = _tell_nobody

    @property
    def remaining_seconds(self) -> float | None:
        """Time until the caller gives up, 0 at least; None for any."""
        return None if self.ends_at is None else max(0.0, self.ends_at - time.monotonic())

    def check(self) -> None:
        """Return if the result is still wanted.

        Raises:
            ToolError: it is not.
        """
        if self.cancelled.is_set() or self.remaining_seconds == 0:
            raise ToolError("stopped: nobody waits for the result any more")


_CURRENT: ContextVar[CallContext] = ContextVar("current_call")


def current_call() -> CallContext:
    """The call that this thread serves."""
    return _CURRENT.get(None) or CallContext()


@contextmanager
def serving(call: CallContext) -> Iterator[None]:
    """Make ``call`` the current one for the length of a ``with`` block."""
    token = _CURRENT.set(call)
    try:
        yield
    finally:
        _CURRENT.reset(token)

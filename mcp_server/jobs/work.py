"""One job under way in this process: its thread, who still wants it, and who is told how far it is.

It does not know where jobs are kept.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from agents.background import start_in_background
from agents.call_context import CallContext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from typing import Any

    from agents.tool_result import ToolResult

    Kind = Callable[[Mapping[str, Any], CallContext], ToolResult]

# How soon whoever waits notices that nobody wants the result any more. A result is noticed at once.
_LOOK_SECONDS: Final = 0.05


class Work:
    """A kind's function in a thread of its own, from the moment this is made.

    Args:
        kind: called with the arguments and a call; what it raises is kept for whoever asks.
        arguments: as they are kept.
        tell: told what the work is at; from the work's thread.
    """

    def __init__(
        self, kind: Kind, arguments: Mapping[str, Any], tell: Callable[[str, float | None], None]
    ) -> None:
        self._tell = tell
        self._call = CallContext(progress=self._told)
        self.future: Future[ToolResult] = start_in_background(partial(kind, arguments, self._call))

    @property
    def cancelled(self) -> bool:
        """Whether the work was told that nobody wants it."""
        return self._call.cancelled.is_set()

    def cancel(self) -> None:
        """Tell the work that nobody wants it any more; it ends by itself, soon."""
        self._call.cancelled.set()

    def tell_instead(self, tell: Callable[[str, float | None], None]) -> None:
        """From now on somebody else is told."""
        self._tell = tell

    def wait(self, seconds: float, caller: CallContext) -> bool:
        """Whether it ends within that time; less time where the caller goes away."""
        done = threading.Event()
        self.future.add_done_callback(lambda _: done.set())
        deadline = time.monotonic() + seconds
        while not done.wait(max(0.0, min(_LOOK_SECONDS, deadline - time.monotonic()))):
            if caller.cancelled.is_set() or time.monotonic() >= deadline:
                return self.future.done()
        return True

    def _told(self, message: str, progress: float | None) -> None:
        # Whoever is told may change meanwhile.
        self._tell(message, progress)

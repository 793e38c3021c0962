"""Gets a server on stdin and stdout to its first answer: imports the SDK quickly, and lets all else wait.

Most of the time from exec to that answer goes into importing the SDK, which builds 550 classes. What the
search needs beyond it is opened afterwards, when the client has what it asked for and is quiet. Nothing here
knows what that is. The figures are in docs/mcp.md, measured by bench/mcp_start.py.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from agents.background import start_in_background

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

# Clients ask for tools, prompts and resources one after the other; a person takes longer to type.
QUIET_SECONDS: Final = 2.0
LATEST_SECONDS: Final = 30.0
_HANDSHAKES: Final = ("initialize", "server/discover", "notifications/", "ping")


@contextmanager
def importing_quickly() -> Iterator[None]:
    """Import the SDK and build the server in a ``with`` block: a fifth sooner than without.

    The collector finds nothing there, since classes are not let go of, and looks at all of them again and
    again. ``sse_starlette`` imports uvicorn and click to end streams of HTTP, if uvicorn is there: on stdin
    it need not be. Both are as before once the block ends; what was made is left alone by the collector.
    """
    collected = gc.isenabled()
    hidden = "uvicorn" not in sys.modules
    gc.disable()
    if hidden:
        # The documented way to make an import fail.
        sys.modules["uvicorn"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules["uvicorn"]
        gc.freeze()
        if collected:
            gc.enable()


class Afterwards:
    """A middleware of the SDK's that begins work once the client was answered and is quiet.

    Not at a lower priority of the system's: a thread that holds the interpreter and is not given a core would
    hold up every request.

    Args:
        due: is done then, or when a client asked for nothing until ``latest_seconds`` after the start.
        wanted: is done then, after ``due``; never for a client that asks for nothing.
        quiet_seconds: without a request, after one was answered.
    """

    def __init__(
        self,
        due: Sequence[Callable[[], None]],
        wanted: Sequence[Callable[[], None]] = (),
        *,
        quiet_seconds: float = QUIET_SECONDS,
        latest_seconds: float = LATEST_SECONDS,
    ) -> None:
        self._due = tuple(due)
        self._wanted = tuple(wanted)
        self._quiet_seconds = quiet_seconds
        self._latest_seconds = latest_seconds
        self._quiet: asyncio.TimerHandle | None = None

    @contextmanager
    def while_served(self) -> Iterator[None]:
        """Count from now on; within the event loop."""
        latest = asyncio.get_running_loop().call_later(self._latest_seconds, self._begin, False)  # noqa: FBT003
        try:
            yield
        finally:
            latest.cancel()
            self._disarm()

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Serve a message, and wait for quiet after it."""
        try:
            return await call_next(ctx)
        finally:
            # A handshake alone is no sign that somebody will ask.
            if (self._due or self._wanted) and not ctx.method.startswith(_HANDSHAKES):
                self._disarm()
                self._quiet = asyncio.get_running_loop().call_later(
                    self._quiet_seconds,
                    self._begin,
                    True,  # noqa: FBT003
                )

    def _disarm(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()

    def _begin(self, wanted: bool) -> None:  # noqa: FBT001
        work, self._due = self._due, ()
        if wanted:
            work, self._wanted = (*work, *self._wanted), ()
        if work:
            start_in_background(lambda: [do() for do in work])

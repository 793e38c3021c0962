"""Tells a client that waits for a call what the tool does, and that it still works.

Clients that show progress also count it as a sign of life. It does not know what the tool is.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from mcp_server.client_log import log_to_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mcp.server.mcpserver import Context

# Most clients give up after 60 s of silence.
PROGRESS_SECONDS: Final = 5.0
_MOST_WAITING_MESSAGES: Final = 100


@asynccontextmanager
async def signs_of_life(
    context: Context[Any, Any] | None, name: str, interval_seconds: float
) -> AsyncIterator[Callable[[str, float | None], None]]:
    """Report the seconds that went by, again and again, to a client that asked for progress.

    What the block is given reports at once, from any thread, what the tool says it does.

    Args:
        context: of the request; None where nobody listens.
        name: of the tool.
        interval_seconds: between two reports where the tool says nothing.
    """
    if context is None:
        yield lambda *_: None
        return
    began = time.monotonic()
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(message: str, done: float | None) -> None:
        share = "" if done is None else f" ({done:.0%})"
        # A loop that is gone wants no message; a client that is slow gets the first ones.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_put, told, f"{name}: {message}{share}")

    async def report() -> None:
        logged = ""
        while True:
            message: str | None = ""
            with suppress(TimeoutError):
                message = await asyncio.wait_for(told.get(), interval_seconds)
            if message is None:
                return
            elapsed = time.monotonic() - began
            if message and message != logged:
                logged = message
                await log_to_client(context.request_context, "info", message)
            await context.report_progress(elapsed, message=message or f"{name}: {elapsed:.0f} s")

    reporter = asyncio.create_task(report())
    try:
        yield tell
        # What was said last goes out before the answer.
        told.put_nowait(None)
        await asyncio.wait([reporter])
    finally:
        reporter.cancel()


def _put(told: asyncio.Queue[str | None], message: str) -> None:
    if told.qsize() < _MOST_WAITING_MESSAGES:
        told.put_nowait(message)

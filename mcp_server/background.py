"""Runs blocking work beside the event loop, in threads that never keep the server alive.

The loop's own worker threads are joined when the process ends, so a client that closes its end would wait for
whatever a model is still writing. Nothing here knows what the work is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from agents.background import start_in_background

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_background(work: Callable[[], T]) -> T:
    """The value of ``work()``, computed in a thread of its own.

    Where the waiting task is cancelled, the thread finishes unheard. Needs asyncio's loop, which anyio
    uses unless told otherwise.
    """
    return await asyncio.wrap_future(start_in_background(work))

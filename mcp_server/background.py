"""Runs blocking work beside the event loop, in threads that never keep the process alive.

A client that closes its end expects the server to be gone, whatever a model is still writing. The loop's own
worker threads are joined when the process ends; daemon threads are not. Nothing here knows what the work is.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_background(work: Callable[[], T]) -> T:
    """The value of ``work()``, computed in a thread of its own.

    Where the waiting task is cancelled, the thread finishes unheard. Needs asyncio's loop, which anyio
    uses unless told otherwise.
    """
    return await asyncio.wrap_future(start_in_background(work))


def start_in_background(work: Callable[[], T]) -> Future[T]:
    """A future of ``work()``, which runs in a thread of its own and cannot be cancelled."""
    future: Future[T] = Future()
    # Running from the start: a cancelled wait must not make the future refuse the thread's result.
    future.set_running_or_notify_cancel()
    Thread(target=_fulfil, args=(future, work), name="stillroom-tool", daemon=True).start()
    return future


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    try:
        value = work()
    except BaseException as error:  # noqa: BLE001 -- carried to the task that waits, not swallowed
        future.set_exception(error)
    else:
        future.set_result(value)

"""Runs blocking work in a thread that never keeps the process alive.

A person who presses Ctrl-C, or a client that closes its end, expects an end, whatever a model still writes.
Threads of a pool are joined when the process ends; daemon threads are not. It does not know what the work is.
"""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def start_in_background(work: Callable[[], T]) -> Future[T]:
    """A future of ``work()``, which runs in a thread of its own and cannot be cancelled.

    Waiting for it in the main thread ends at once with Ctrl-C; waiting for LangGraph there does not.
    """
    future: Future[T] = Future()
    # Running from the start: a cancelled wait must not make the future refuse the thread's result.
    future.set_running_or_notify_cancel()
    Thread(target=_fulfil, args=(future, work), name="stillroom-work", daemon=True).start()
    return future


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    try:
        value = work()
    except BaseException as error:  # noqa: BLE001 -- carried to whoever waits, not swallowed
        future.set_exception(error)
    else:
        future.set_result(value)

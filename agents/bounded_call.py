"""Runs a tool's function in a thread of its own, and waits no longer than somebody wants its result.

A thread cannot be killed: one that hangs is left behind, told so through ``current_call().cancelled``, and
what it gives after all is dropped. A coroutine is cancelled. A model that it asks is hung up on, so that the
engine is free at once. Nothing here knows arguments or results.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

from agents.background import start_in_background
from agents.call_context import CallContext, serving
from deploy.hanging_up import HangUp, hung_up_by
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Future

T = TypeVar("T")

# How soon a waiting caller notices that nobody wants the result any more. A result is noticed at once.
_LOOK_SECONDS: Final = 0.05


def ended_call(name: str, work: Callable[[], T], *, context: CallContext, seconds: float) -> Future[T]:
    """``work`` done in another thread, which sees a call of its own there: a future that is done.

    Args:
        name: of the tool, for messages.
        work: what it raises is in the future.
        context: the caller's: when it is cancelled or over, the waiting ends.
        seconds: what the call may take.

    Raises:
        ToolError: there is no result in time, the caller was cancelled, or the system has no thread left.
    """
    ends_at = time.monotonic() + seconds
    if context.ends_at is not None:
        ends_at = min(ends_at, context.ends_at)
    context.check()
    given_up = threading.Event()

    def tell(message: str, done: float | None) -> None:
        if not given_up.is_set():
            context.progress(message, done)

    call = CallContext(given_up, ends_at, tell)
    hang_up = HangUp()
    # The thread sees the caller's context variables: a trace's current span is one.
    running = contextvars.copy_context()
    try:
        future = start_in_background(lambda: running.run(_serve, work, call, hang_up))
    except RuntimeError as error:
        raise ToolError(f"{name} was not run: {error}") from error
    try:
        _wait(name, future, context, call, seconds)
    finally:
        given_up.set()
        if not future.done():
            hang_up.now()
    return future


def _serve(work: Callable[[], T], call: CallContext, hang_up: HangUp) -> T:
    with serving(call), hung_up_by(hang_up):
        return work()


def _wait(name: str, future: Future[T], context: CallContext, call: CallContext, seconds: float) -> None:
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    while not done.wait(min(_LOOK_SECONDS, call.remaining_seconds or 0.0)):
        if context.cancelled.is_set():
            raise ToolError(f"{name} was stopped: nobody waits for its result any more")
        if call.remaining_seconds == 0:
            late = context.remaining_seconds == 0
            raise ToolError(
                f"{name} gave no result {'before the run was over' if late else f'within {seconds:g} s'}"
            )


def awaited(value: Awaitable[T], call: CallContext) -> T:
    """What a coroutine gives, run to its end in this thread; it is cancelled once the call is.

    Raises:
        ToolError: the call was cancelled.
    """
    return asyncio.run(_unless_cancelled(value, call))


async def _unless_cancelled(value: Awaitable[T], call: CallContext) -> T:
    task = asyncio.ensure_future(value)
    while not task.done():
        await asyncio.wait({task}, timeout=_LOOK_SECONDS)
        if call.cancelled.is_set() and task.cancel():
            await asyncio.wait({task})
            call.check()
    return task.result()

"""Ends what goes on for a token that was revoked: a call that nobody may hear of keeps the machine busy else.

It asks again and again; who ends what is the other layers'.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

LOOK_SECONDS: Final = 1.0


@asynccontextmanager
async def looking_for_revoked(
    end: Callable[[], Awaitable[None]], *, seconds: float = LOOK_SECONDS
) -> AsyncIterator[None]:
    """Call ``end`` every so many seconds for the length of a block.

    Args:
        end: ends what belongs to tokens that are no longer good; quick where there is nothing.
        seconds: from one call to the next.
    """

    async def look() -> None:
        while True:
            await anyio.sleep(seconds)
            await end()

    async with anyio.create_task_group() as looking:
        looking.start_soon(look)
        try:
            yield
        finally:
            looking.cancel_scope.cancel()

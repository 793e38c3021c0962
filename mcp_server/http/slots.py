"""How many requests are at work at once: further ones wait a while for a place, then are sent away.

Streams on which a client only listens take places of another kind, so that they never crowd out calls. What
the tools do with a place is theirs; they have limits of their own.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from mcp_server.http.exchange import exchange_of
from mcp_server.http.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send

AT_ONCE: Final = 64
MOST_WAITING: Final = 512
WAIT_SECONDS: Final = 20.0
MOST_STREAMS: Final = 128
_RETRY_SECONDS: Final = 5


class Slots:
    """ASGI layer that keeps the number.

    Args:
        app: what is served.
        at_once: requests at work.
        most_waiting: for a place; one more is sent away at once.
        wait_seconds: for a place, at most.
        most_streams: on which clients listen.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
        wait_seconds: float = WAIT_SECONDS,
        most_streams: int = MOST_STREAMS,
    ) -> None:
        self._app = app
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._most_waiting = most_waiting
        self._wait_seconds = wait_seconds
        self._streams = 0
        self._most_streams = most_streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say that it is too busy here."""
        place = self._stream() if exchange_of(scope).stays_open else self._place()
        async with place as has_one:
            if has_one:
                await self._app(scope, receive, send)
                return
        response = refusal(
            503,
            "too many requests are at work; come again in a few seconds",
            headers={"Retry-After": str(_RETRY_SECONDS)},
        )
        await response(scope, receive, send)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[bool]:
        if not await self._came_free():
            yield False
            return
        try:
            yield True
        finally:
            self._places.release()

    async def _came_free(self) -> bool:
        if self._waiting >= self._most_waiting:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await self._places.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[bool]:
        if self._streams >= self._most_streams:
            yield False
            return
        self._streams += 1
        try:
            yield True
        finally:
            self._streams -= 1

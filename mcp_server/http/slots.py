"""How many requests are at work at once: further ones wait a while for a place, then are sent away.

One caller holds a share of the places at most, so that nobody's calls keep another's waiting. Streams on
which a client only listens take places of another kind, so that they never crowd out calls. What the tools do
with a place is theirs; they have limits of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_server.http.exchange import exchange_of
from mcp_server.http.rates import caller_of
from mcp_server.http.refusals import refusal
from mcp_server.places import Places

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

AT_ONCE: Final = 64
MOST_WAITING: Final = 512
WAIT_SECONDS: Final = 20.0
MOST_STREAMS: Final = 128
# Of the places: what one of several callers may hold.
SLOTS_SHARE: Final = 0.25
_RETRY_SECONDS: Final = 5


class Slots:
    """ASGI layer that keeps the number.

    Args:
        app: what is served.
        at_once: requests at work.
        most_waiting: for a place; one more is sent away at once, or in its stead the newest of
            whoever waits with the most.
        wait_seconds: for a place, at most.
        most_streams: on which clients listen.
        share: of the places, those at work and those of streams, that one caller may hold.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
        wait_seconds: float = WAIT_SECONDS,
        most_streams: int = MOST_STREAMS,
        share: float = 1.0,
    ) -> None:
        self._app = app
        self._places = Places(at_once, share=max(1, int(at_once * share)), most_waiting=most_waiting)
        self._streams = Places(most_streams, share=max(1, int(most_streams * share)))
        self._wait_seconds = wait_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say that it is too busy here."""
        caller = caller_of(scope)
        places = self._streams if exchange_of(scope).stays_open else self._places
        if await places.take(caller, seconds=self._wait_seconds):
            try:
                await self._app(scope, receive, send)
            finally:
                places.give_back(caller)
            return
        response = refusal(
            503,
            "too many requests are at work; come again in a few seconds",
            headers={"Retry-After": str(_RETRY_SECONDS)},
        )
        await response(scope, receive, send)

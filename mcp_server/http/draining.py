"""Ends what is open when the server ends: calls get a moment to be answered, streams end as streams do.

A client that sees its stream end connects again; one whose connection breaks reports an error. A call whose
answer had begun as a stream gets an error as its last message. Whose token was revoked or expired while a
stream is open hears nothing more on it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import anyio

from mcp_server.http.exchange import exchange_of
from mcp_server.http.refusals import bad_token, error_body, refusal

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from mcp.server.auth.provider import AccessToken
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# From the signal until open calls are cut; a service manager waits 10 s or more before it kills.
GRACE_SECONDS: Final = 2.0
_ENDING: Final = "the server is ending"
_NOT_GOOD: Final = "the token was revoked or has expired"


class Draining:
    """ASGI layer that knows what is open.

    Args:
        app: what is served.
        still_holds: whether a token that was verified is good now; None where none is asked for.
    """

    def __init__(self, app: ASGIApp, *, still_holds: Callable[[AccessToken], bool] | None = None) -> None:
        self._app = app
        self._still_holds = still_holds
        self._open: dict[anyio.CancelScope, Scope] = {}
        self.ending = False

    def begin(self, loop: AbstractEventLoop, *, grace_seconds: float = GRACE_SECONDS) -> None:
        """Serve nothing new, and end what is open; from any thread, and from a signal's handler."""
        loop.call_soon_threadsafe(self._begin, loop, grace_seconds)

    def _begin(self, loop: AbstractEventLoop, grace_seconds: float) -> None:
        if self.ending:
            return
        self.ending = True
        for cancel, scope in list(self._open.items()):
            if exchange_of(scope).stays_open:
                cancel.cancel()
        loop.call_later(grace_seconds, self._cut)

    def end_revoked(self) -> None:
        """End what is open for tokens that are no longer good."""
        for cancel, scope in list(self._open.items()):
            if not self._may_hear(scope):
                cancel.cancel()

    def _cut(self) -> None:
        for cancel in list(self._open):
            cancel.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request until it is answered, or until the server ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self.ending:
            await _ending()(scope, receive, send)
            return
        started = ended = revoked = False

        async def watched(message: Message) -> None:
            nonlocal started, ended, revoked
            revoked = revoked or not self._may_hear(scope)
            if revoked:
                cancel.cancel()
                return
            started = started or message["type"] == "http.response.start"
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        with anyio.CancelScope() as cancel:
            self._open[cancel] = scope
            try:
                await self._app(scope, receive, watched)
            finally:
                del self._open[cancel]
        if not cancel.cancelled_caught or ended:
            return
        revoked = revoked or not self._may_hear(scope)
        if started:
            last = b"" if revoked else _last_event(scope)
            await send({"type": "http.response.body", "body": last, "more_body": False})
        else:
            response = bad_token(_NOT_GOOD) if revoked else _ending()
            await response(scope, receive, send)

    def _may_hear(self, scope: Scope) -> bool:
        token = exchange_of(scope).token
        return self._still_holds is None or token is None or self._still_holds(token)


def _ending() -> ASGIApp:
    return refusal(503, _ENDING, headers={"Retry-After": "5", "Connection": "close"})


def _last_event(scope: Scope) -> bytes:
    """What a call hears on its stream in the place of its result; nothing where no result is waited for."""
    exchange = exchange_of(scope)
    if exchange.stays_open or exchange.message_id is None:
        return b""
    return f"event: message\r\ndata: {json.dumps(error_body(_ENDING, exchange.message_id))}\r\n\r\n".encode()

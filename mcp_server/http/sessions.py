"""How many sessions a caller has: beyond its share, the one that it used longest ago is ended.

Sessions are the SDK's, which keeps each for half an hour after its last request and counts them all together;
so one client that opens them in a loop would keep everybody else out. What is said in a session is not known
here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from mcp_server.http.exchange import exchange_of
from mcp_server.http.rates import caller_of
from mcp_server.http.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.auth.provider import AccessToken
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Each is a task of the loop and some memory.
MOST_SESSIONS: Final = 512
SESSIONS_SHARE: Final = 64
IDLE_SECONDS: Final = 30 * 60
HEADER: Final = "mcp-session-id"
_OPENS: Final = "initialize"
_REFUSED: Final = 400
_OK: Final = 200
_NOT_FOUND: Final = 404
_RETRY_SECONDS: Final = 60
# What the SDK needs to know of a request that ends a session.
_KEPT_HEADERS: Final = frozenset({b"host", b"origin"})


@dataclass(slots=True)
class _Session:
    """One that is open.

    Attributes:
        caller: whose it is.
        ending: the request that ends it, as the caller would send it to the SDK.
        token: that it was opened with; None without one.
        used_at: when a request of it began or ended, on the clock.
        requests: that are being served, streams among them.
    """

    caller: str
    ending: Scope
    token: AccessToken | None
    used_at: float
    requests: int = 0


class Sessions:
    """ASGI layer over the SDK's sessions; it stands behind the verification of tokens.

    Args:
        app: the SDK's.
        most: sessions of all callers; one more is refused.
        share: sessions of one caller.
        idle_seconds: after which the SDK ends one that is not used.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        most: int = MOST_SESSIONS,
        share: int = SESSIONS_SHARE,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._most = most
        self._share = share
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._open: dict[str, _Session] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse to open a session."""
        session_id = Headers(scope=scope).get(HEADER)
        if session_id is not None:
            await self._go_on(session_id, scope, receive, send)
            return
        refused = self._no_room(caller_of(scope)) if exchange_of(scope).message == _OPENS else ""
        if refused:
            response = refusal(429, refused, headers={"Retry-After": str(_RETRY_SECONDS)})
            await response(scope, receive, send)
            return
        await self._app(scope, receive, self._noting(scope, send))
        await self._end_what_is_too_many(caller_of(scope))

    async def _go_on(self, session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        session = self._open.get(session_id)
        if session is None or session.caller != caller_of(scope):
            await self._app(scope, receive, send)
            return
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        session.requests += 1
        session.used_at = self._clock()
        try:
            await self._app(scope, receive, noted)
        finally:
            session.requests -= 1
            session.used_at = self._clock()
        if status == _NOT_FOUND or (scope["method"] == "DELETE" and status == _OK):
            self._open.pop(session_id, None)

    def _noting(self, scope: Scope, send: Send) -> Send:
        """A ``send`` that keeps the id of a session that was opened, and takes one off a refusal."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                session_id = headers.get(HEADER)
                if message["status"] >= _REFUSED:
                    del headers[HEADER]
                elif session_id is not None:
                    self._open[session_id] = _Session(
                        caller_of(scope), _ending(scope, session_id), exchange_of(scope).token, self._clock()
                    )
            await send(message)

        return noted

    def _no_room(self, caller: str) -> str:
        """Why the caller may open no session now; empty if it may."""
        self._forget_expired()
        own = [session for session in self._open.values() if session.caller == caller]
        if len(own) >= self._share:
            busy = all(session.requests for session in own)
            return f"all {len(own)} sessions that one caller may have are in use" if busy else ""
        if len(self._open) >= self._most:
            return f"all {self._most} sessions are taken"
        return ""

    def _forget_expired(self) -> None:
        oldest = self._clock() - self._idle_seconds
        for session_id, session in tuple(self._open.items()):
            if not session.requests and session.used_at < oldest:
                del self._open[session_id]

    async def end_revoked(self, still_holds: Callable[[AccessToken], bool]) -> None:
        """End the sessions of tokens that are no longer good, and the calls that are made in them."""
        for session_id, session in tuple(self._open.items()):
            if session.token is not None and not still_holds(session.token):
                await self._end(session_id)

    async def _end_what_is_too_many(self, caller: str) -> None:
        """End the caller's sessions that it used longest ago, until no more are left than its share."""
        own = [one for one in self._open.items() if one[1].caller == caller]
        idle = sorted((one for one in own if not one[1].requests), key=lambda one: one[1].used_at)
        for session_id, _ in idle[: max(0, len(own) - self._share)]:
            await self._end(session_id)

    async def _end(self, session_id: str) -> None:
        """End a session as its client would: the SDK is asked to delete it."""
        session = self._open.pop(session_id, None)
        if session is not None:
            await self._app(session.ending, _nothing, _drop)


def _ending(scope: Scope, session_id: str) -> Scope:
    kept = [(name, value) for name, value in scope["headers"] if name in _KEPT_HEADERS]
    headers = [*kept, (HEADER.encode(), session_id.encode())]
    return {**scope, "method": "DELETE", "headers": headers, "state": {}}


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _drop(_message: Message) -> None:
    """Take the SDK's answer, for which nobody waits."""

"""Turns away requests that no honest client sends, before anything of them is believed.

A foreign ``Host`` or ``Origin`` is a web page that reaches for a local server (DNS rebinding); a header that
is there twice may mean one thing to a proxy and another to us; and a proxy before a server that asks nobody
for a token would open it to the world.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mcp.server.transport_security import TransportSecurityMiddleware
from starlette.datastructures import Headers
from starlette.requests import Request

from mcp_server.http.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

_ONCE: Final = frozenset(
    {
        b"host",
        b"origin",
        b"authorization",
        b"content-type",
        b"content-length",
        b"transfer-encoding",
        b"mcp-session-id",
        b"mcp-protocol-version",
        b"mcp-method",
        b"mcp-name",
    }
)
_HOSTS: Final = frozenset({b"host", b"origin"})
_WAYS_OUT: Final = {
    421: "the server may not be called by this name; it takes those of --allow-host NAME, or the setting"
    " mcp_allowed_hosts",
    403: "pages of this origin may not call the server; it takes those of --allow-origin ORIGIN",
}
# The SDK lets anything stand where a port should; what is told to a client is made of it.
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_LAST_PORT: Final = 65_535
_OF_PROXIES: Final = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


class Guard:
    """ASGI layer that refuses them.

    Args:
        app: what is served.
        security: the hosts and origins, which the SDK's own check looks at.
        asks_for_tokens: whether the server does.
        open_paths: served whatever the ``Host`` is: a health check may call a container by any address.
    """

    def __init__(
        self,
        app: ASGIApp,
        security: TransportSecuritySettings,
        *,
        asks_for_tokens: bool,
        open_paths: Collection[str] = (),
    ) -> None:
        self._app = app
        self._security = TransportSecurityMiddleware(security)
        self._asks_for_tokens = asks_for_tokens
        self._open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in self._open_paths:
            scope = {**scope, "headers": _in_small_letters(scope["headers"])}
            refused = self._twice(scope) or self._proxied(scope) or await self._foreign(scope)
            if refused is not None:
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _foreign(self, scope: Scope) -> Response | None:
        """What the SDK refuses, in words that name the way out; also what is no name and port at all."""
        refused = await self._security.validate_request(Request(scope))
        if refused is not None:
            return refusal(refused.status_code, _WAYS_OUT[refused.status_code])
        named = _HOST.fullmatch(Headers(scope=scope)["host"])
        sound = named is not None and int(named["port"] or 0) <= _LAST_PORT
        return None if sound else refusal(421, _WAYS_OUT[421])

    def _twice(self, scope: Scope) -> Response | None:
        names = [name for name, _ in scope["headers"] if name in _ONCE]
        if len(names) == len(set(names)):
            return None
        twice = next(name for name in names if names.count(name) > 1).decode("ascii")
        return refusal(400, f"the header {twice} stands there more than once")

    def _proxied(self, scope: Scope) -> Response | None:
        if self._asks_for_tokens or not any(name in _OF_PROXIES for name, _ in scope["headers"]):
            return None
        return refusal(
            403, "a proxy stands before a server that asks for no token; try: stillroom mcp token add NAME"
        )


def _in_small_letters(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers with hosts as they are compared: their case means nothing, and the SDK's check minds it."""
    return [(name, value.lower() if name in _HOSTS else value) for name, value in headers]

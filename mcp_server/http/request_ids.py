"""Gives each request a name: the client's own ``X-Request-Id`` where it is harmless, else a new one.

The same goes back in the response and into the access log. It comes first of all layers, so that a refusal
has one as well.
"""

from __future__ import annotations

import re
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from mcp_server.http.exchange import exchange_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER: Final = "x-request-id"
# What fits into a log without quoting; anything else is the client's text, and not repeated.
_HARMLESS: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BYTES: Final = 8


class RequestIds:
    """ASGI layer that names the requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under its name."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _HARMLESS.fullmatch(given) else token_hex(_BYTES)
        exchange_of(scope).request_id = request_id

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, named)

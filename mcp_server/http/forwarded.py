"""Believes a trusted proxy about who its client is: an address, and whether it came encrypted.

What a client wrote itself may stand in those headers as well, so only what is an address is taken over: the
others go into a log, and into the count of who asks how often.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send


class Forwarded:
    """ASGI layer that reads ``X-Forwarded-For`` and ``X-Forwarded-Proto``.

    Args:
        app: what is served.
        trusted: addresses and networks of the proxies; of nobody else the headers are read.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[str]) -> None:
        self._app = app
        # uvicorn knows whom to believe. It notes that in the scope, and calls nothing of ours.
        self._note: Any = ProxyHeadersMiddleware(cast("Any", _nothing), list(trusted))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as its client's."""
        if scope["type"] == "http":
            proxy = scope.get("client")
            await self._note(scope, receive, send)
            if scope.get("client") != proxy and not is_address(scope["client"][0]):
                scope["client"] = proxy
        await self._app(scope, receive, send)


def is_address(text: str) -> bool:
    """Whether it is one of IPv4 or IPv6; one with a zone, which may be any text, is none.

    Example:
        >>> is_address("2001:db8::7"), is_address("unknown"), is_address("fe80::1%eth0")
        (True, False, False)
    """
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    pass

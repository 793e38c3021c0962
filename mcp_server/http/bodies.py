"""Reads a request's body whole, so large and so slow at most; a larger one that is announced is not awaited.

Behind it every layer finds a body that is there, in one piece; what is in it they know. A client that sends
one byte a minute would otherwise hold whatever it was let into.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers

from mcp_server.http.refusals import refusal

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The longest argument that a tool takes is a question of 2,000 characters.
MOST_BYTES: Final = 1024 * 1024
BODY_SECONDS: Final = 30.0


class Bodies:
    """ASGI layer that reads bodies.

    Args:
        app: gets the body in one piece.
        most_bytes: of a body.
        seconds: for all of it.
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int = MOST_BYTES, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        read = self._too_large() if self._announced(scope) > self._most_bytes else await self._read(receive)
        if isinstance(read, bytes):
            await self._app(scope, replayed(read, receive), send)
        elif read is not None:
            await read(scope, receive, send)

    def _announced(self, scope: Scope) -> int:
        """The body's length as the head has it; 0 where it has none. What is no number the parser refused."""
        return int(Headers(scope=scope).get("content-length", "0"))

    def _too_large(self) -> Response:
        return refusal(413, f"a request may have {self._most_bytes:,} bytes at most")

    async def _read(self, receive: Receive) -> bytes | Response | None:
        """The body, or why it is not taken; None where the client went away."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self._most_bytes:
                        return self._too_large()
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            return refusal(408, f"a request must be there within {self._seconds:.0f} s")


def replayed(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body once, and then what the real one gives."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give

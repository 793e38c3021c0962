"""Looks which JSON-RPC message a request carries: for the access log, and for the scope that it needs.

Whether the message is a good one is the SDK's to say; here only its method and its tool's name are read. The
tool server asks for the scope as well: this layer gives the refusal its status, by which clients know that
another token would do.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mcp_server.callers import current_caller, scope_of
from mcp_server.http.bodies import replayed
from mcp_server.http.exchange import exchange_of
from mcp_server.http.refusals import refusal
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

# What goes into a log; the names of methods and tools are of such characters.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./$-]{1,64}")
_LISTEN: Final = "subscriptions/listen"
_INVALID_REQUEST: Final = -32_600


@dataclass(frozen=True, slots=True)
class Peeked:
    """What of a JSON-RPC message decides who may send it.

    Attributes:
        request_id: of the message; None where it has none that is one.
        method: or empty.
        tool: that it calls, or empty.
        bad_id: the message has an id, and it is none: neither a text nor a whole number.
    """

    request_id: str | int | None = None
    method: str = ""
    tool: str = ""
    bad_id: bool = False

    @property
    def shown(self) -> str:
        """Method and tool for a log; what is not of plain characters is left out."""
        return " ".join(word for word in (self.method, self.tool) if _PLAIN.fullmatch(word))


def peek(body: bytes) -> Peeked:
    """What a body asks for; nothing where it is no message.

    Example:
        >>> peek(b'{"id": 1, "method": "tools/call", "params": {"name": "ingest"}}').tool
        'ingest'
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return Peeked()
    if not isinstance(message, dict):
        return Peeked()
    given, method, params = message.get("id"), message.get("method"), message.get("params")
    tool = params.get("name") if method == "tools/call" and isinstance(params, dict) else ""
    request_id = given if isinstance(given, str | int) and not isinstance(given, bool) else None
    return Peeked(
        request_id,
        method if isinstance(method, str) else "",
        tool if isinstance(tool, str) else "",
        bad_id="method" in message and "id" in message and request_id is None,
    )


class Messages:
    """ASGI layer that looks at them, and refuses a call whose scope the caller lacks.

    It stands behind the layer that reads bodies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        body: bytes = (await receive()).get("body", b"")
        peeked = peek(body) if scope["method"] == "POST" else Peeked()
        exchange = exchange_of(scope)
        exchange.message = peeked.shown
        exchange.message_id = peeked.request_id
        exchange.stays_open = scope["method"] == "GET" or peeked.method == _LISTEN
        refused = _refused(peeked)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, replayed(body, receive), send)


def _refused(peeked: Peeked) -> Response | None:
    if peeked.bad_id:
        # The SDK would take it for a notification, and its sender would wait for an answer.
        return refusal(400, "the id of a request is a text or a whole number", code=_INVALID_REQUEST)
    if not peeked.tool:
        return None
    try:
        current_caller().require(peeked.tool)
    except ToolError as error:
        needed = f'Bearer error="insufficient_scope", scope="read {scope_of(peeked.tool)}"'
        return refusal(
            403,
            f"{error.message}; try: {error.hint}",
            headers={"WWW-Authenticate": needed},
            request_id=peeked.request_id,
        )
    return None

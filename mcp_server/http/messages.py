"""Looks which JSON-RPC message a request carries: for the access log, and for the scope that it needs.

What is no message is refused. Whether a message is a good one is the SDK's to say, and of it only the method
and the tool's name are read here. The tool server asks for the scope as well: this layer gives the refusal
its status, by which clients know that another token would do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mcp.server.streamable_http import check_accept_headers
from starlette.requests import Request

from mcp_server.callers import current_caller, scope_of
from mcp_server.http.bodies import replayed
from mcp_server.http.exchange import exchange_of
from mcp_server.http.refusals import refusal
from mcp_server.message_text import mended, read_message
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from mcp.types import JSONRPCError
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

# What goes into a log; the names of methods and tools are of such characters.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./$-]{1,64}")
_LISTEN: Final = "subscriptions/listen"


@dataclass(frozen=True, slots=True)
class Peeked:
    """What of a JSON-RPC message decides who may send it.

    Attributes:
        request_id: of the message; None where it has none that is one.
        method: or empty.
        tool: that it calls, or empty.
        trouble: why the body holds no message; None where it does.
    """

    request_id: str | int | None = None
    method: str = ""
    tool: str = ""
    trouble: JSONRPCError | None = None

    @property
    def shown(self) -> str:
        """Method and tool for a log; what is not of plain characters is left out."""
        return " ".join(word for word in (self.method, self.tool) if _PLAIN.fullmatch(word))


def peek(body: str) -> Peeked:
    """What a body asks for; nothing where it is an answer, or no message.

    Example:
        >>> peek('{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ingest"}}').tool
        'ingest'
    """
    message, trouble = read_message(body)
    if trouble is not None or "method" not in message:
        return Peeked(trouble=trouble)
    method, params = message["method"], message.get("params") or {}
    tool = params.get("name") if method == "tools/call" else ""
    return Peeked(message.get("id"), method, tool if isinstance(tool, str) else "")


class Messages:
    """ASGI layer that looks at them, and refuses a call whose scope the caller lacks.

    It stands behind the layer that reads bodies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        # As on stdin: what is no UTF-8, and half a pair of UTF-16, is replaced.
        body = mended((await receive()).get("body", b"").decode(errors="replace"))
        peeked = peek(body) if scope["method"] == "POST" else Peeked()
        exchange = exchange_of(scope)
        exchange.message = peeked.shown
        exchange.message_id = peeked.request_id
        exchange.stays_open = scope["method"] == "GET" or peeked.method == _LISTEN
        refused = _unfit(scope) or _refused(peeked)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, replayed(body.encode(), receive), send)


def _unfit(scope: Scope) -> Response | None:
    """What the SDK refuses without saying what it needs."""
    if scope["method"] != "POST":
        return None
    request = Request(scope)
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        return refusal(400, "the header Content-Type must be application/json")
    if not all(check_accept_headers(request)):
        return refusal(406, "the header Accept must name both application/json and text/event-stream")
    return None


def _refused(peeked: Peeked) -> Response | None:
    if peeked.trouble is not None:
        error = peeked.trouble.error
        return refusal(400, error.message, request_id=peeked.trouble.id, code=error.code)
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

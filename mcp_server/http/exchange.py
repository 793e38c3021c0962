"""What the layers of the HTTP server tell each other of one request; it goes into the access log.

Nothing that a client sends is kept here as it came, but for what is known to be harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from mcp.server.auth.provider import AccessToken

_KEY = "stillroom"


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    Attributes:
        request_id: by which a client and a log speak of it.
        token: that was verified, its digest in the token's place; None without one.
        token_trouble: why the token that came is not good; empty where none came.
        message: the JSON-RPC method, and a tool's name after a blank; empty where it is not known.
        message_id: of the JSON-RPC request; None where there is none that is one.
        stays_open: its answer is a stream that lasts as long as the client listens.
    """

    request_id: str = ""
    token: AccessToken | None = None
    token_trouble: str = ""
    message: str = ""
    message_id: str | int | None = None
    stays_open: bool = False


def exchange_of(scope: MutableMapping[str, Any]) -> Exchange:
    """The exchange that this ASGI scope belongs to, or a copy of it; the first layer that asks makes it."""
    state: dict[str, Any] = scope.setdefault("state", {})
    made: Exchange = state.setdefault(_KEY, Exchange())
    return made

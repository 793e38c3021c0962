"""Log messages to the client that a request is of, at the level that it asked for.

The protocol's own way is deprecated from 2026-07-28 on and served while clients use it. What is logged is of
the client's own request, never of anybody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mcp.types import LoggingMessageNotification, LoggingMessageNotificationParams

from mcp_server.clients import wants

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.types import LoggingLevel

LOGGER: Final = "stillroom"


async def log_to_client(context: ServerRequestContext[Any, Any], level: LoggingLevel, message: str) -> None:
    """Send a message on the request's own stream, if the client wants messages of that level."""
    if not wants(context, level):
        return
    params = LoggingMessageNotificationParams(level=level, data=message, logger=LOGGER)
    await context.session.send_notification(
        LoggingMessageNotification(params=params), related_request_id=context.request_id
    )

"""A body of an MCP server's answer that is given up at a size, so that one without end fills no memory.

It knows bytes, not what they say. Importing this module imports the HTTP client:
``agents.mcp_servers.transport`` does it when a server is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class BoundedBody(httpx2.AsyncByteStream):
    """The same body.

    Args:
        stream: of a response that was not read yet.
        most_bytes: that may come.

    Raises:
        httpx2.StreamError: while it is read: more came. The SDK makes that the answer to the request.
    """

    def __init__(self, stream: httpx2.AsyncByteStream, *, most_bytes: int) -> None:
        self._stream = stream
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces, as they come."""
        left = self._most_bytes
        async for piece in self._stream:
            left -= len(piece)
            if left < 0:
                raise httpx2.StreamError(
                    f"it has more than {self._most_bytes:,} bytes, the most that is read"
                )
            yield piece

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._stream.aclose()

"""Why a request through the raw client failed, in a few words.

The toolkit's failures come in words already: ``deploy.chat_errors`` finds them.
"""

from __future__ import annotations

from deploy.benchmark.timing import Failed


def failed(error: Exception) -> Failed:
    """A failure in words; whatever is no failure of a connection is one of reading what came."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return Failed("the server sent nothing for too long")
    if isinstance(error, httpx.ConnectError):
        return Failed(f"no connection: {error}", reached=False)
    if isinstance(error, httpx.HTTPError):
        return Failed(f"the connection broke: {error}")
    return Failed(f"what the server sent cannot be read: {error}")

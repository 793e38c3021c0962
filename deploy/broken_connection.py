"""A connection to a model's server that could not be opened, or that broke, as an error of ours.

It knows the exceptions of the HTTP client, and nothing of what was asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillroom.errors import ModelError

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint


def broken_connection(endpoint: Endpoint, error: Exception, *, hint: str = "stillroom status") -> ModelError:
    """The error for a connection that could not be opened, that broke, or of which nothing can be read."""
    import httpx

    # OpenAI's client and Ollama's say little themselves; the HTTP client's exception lies below theirs.
    cause: BaseException = error
    while not isinstance(cause, httpx.RequestError) and (cause.__cause__ or cause.__context__):
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, httpx.ConnectError | ConnectionError | httpx.ProxyError):
        return ModelError(f"no model answers at {endpoint.address}: {cause}", hint=hint)
    if isinstance(cause, httpx.DecodingError):
        return unreadable_answer(endpoint, cause)
    return ModelError(
        f"{endpoint.model} at {endpoint.address} broke off before its answer was complete: {cause}",
        hint=hint,
    )


def unreadable_answer(endpoint: Endpoint, error: Exception) -> ModelError:
    """The error for an answer that came, and cannot be read."""
    return ModelError(
        f"the answer of {endpoint.model} at {endpoint.address} cannot be read: {error}",
        hint="stillroom logs",
    )

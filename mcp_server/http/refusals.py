"""Says no in a way that MCP clients show: an HTTP status, and a JSON-RPC error that says what to do.

The SDK's own refusals (no token, a wrong session, a wrong revision) are the SDK's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

# Of the range that JSON-RPC leaves to servers.
REFUSED: Final = -32_000


def refusal(
    status: int,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    request_id: str | int | None = None,
    code: int = REFUSED,
) -> JSONResponse:
    """A response that refuses.

    Args:
        status: of HTTP.
        message: for whoever set up the client; names nothing that the client sent.
        headers: such as ``Retry-After``.
        request_id: of the JSON-RPC request, where it was read.
        code: of the error.
    """
    return JSONResponse(
        error_body(message, request_id, code),
        status_code=status,
        headers=None if headers is None else dict(headers),
    )


def bad_token(message: str, metadata_url: str = "") -> JSONResponse:
    """A response that refuses a token, as RFC 6750 has it.

    Args:
        message: for whoever set up the client; without quotes.
        metadata_url: where RFC 9728's document is; empty for none to be named.
    """
    said = ['error="invalid_token"', f'error_description="{message}"']
    said += [f'resource_metadata="{metadata_url}"'] if metadata_url else []
    return refusal(401, message, headers={"WWW-Authenticate": f"Bearer {', '.join(said)}"})


def error_body(message: str, request_id: str | int | None, code: int = REFUSED) -> dict[str, Any]:
    """A JSON-RPC error.

    Example:
        >>> error_body("no", 7)["error"]
        {'code': -32000, 'message': 'no'}
    """
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}

"""Says no in a way that MCP clients show: an HTTP status, and a JSON-RPC error that says what to do.

The SDK's own refusals (a wrong session, a wrong revision) are the SDK's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from mcp_server.http.exposure import MCP_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

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


def no_token(metadata_url: str) -> JSONResponse:
    """A response to who brought no token: without an error's code, as RFC 6750 has it (section 3.1).

    Args:
        metadata_url: where RFC 9728's document is.
    """
    message = "a token is needed, as Authorization: Bearer TOKEN; to make one: stillroom mcp token add NAME"
    return refusal(401, message, headers={"WWW-Authenticate": f'Bearer resource_metadata="{metadata_url}"'})


async def not_here(_request: Request, _error: Exception) -> JSONResponse:
    """A response to who called another path than those that are served."""
    return refusal(404, f"nothing is served at this path; MCP is at {MCP_PATH}")


async def wrong_method(_request: Request, error: Exception) -> JSONResponse:
    """A response to who called a path by a method of HTTP that it does not take."""
    allowed = (error.headers or {}).get("Allow", "") if isinstance(error, HTTPException) else ""
    return refusal(405, f"this path takes {allowed} and no other method", headers={"Allow": allowed})


def error_body(message: str, request_id: str | int | None, code: int = REFUSED) -> dict[str, Any]:
    """A JSON-RPC error.

    Example:
        >>> error_body("no", 7)["error"]
        {'code': -32000, 'message': 'no'}
    """
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}

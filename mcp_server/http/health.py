"""``/healthz``: whether the server takes requests. It says nothing else.

It asks nobody who they are, and whoever runs a container calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request

HEALTH_PATH: Final = "/healthz"


async def healthy(_request: Request) -> JSONResponse:
    """The answer of a server that works; one that ends refuses before it comes here."""
    return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

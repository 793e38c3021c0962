"""Says which tokens the server takes, as RFC 9728 has it: in the name of the very address that was called.

A client compares the address that it called with the one that the document names, and a server is called by
many: by each of its machine's addresses, by names, through a proxy. Who may call it how is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp.server.auth.handlers.metadata import ProtectedResourceMetadataHandler
from mcp.server.auth.routes import build_resource_metadata_url, cors_middleware
from mcp.shared.auth import ProtectedResourceMetadata
from pydantic import AnyHttpUrl
from starlette.datastructures import Headers
from starlette.routing import Route

from mcp_server.callers import SCOPES
from mcp_server.http.exposure import MCP_PATH

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

_METHODS = ["GET", "OPTIONS"]


@dataclass(frozen=True, slots=True)
class ResourceMetadata:
    """The document, and where it is.

    Attributes:
        public_url: where clients reach the server, ending in its path; empty for the address that they call,
            whose name was checked before.
    """

    public_url: str = ""

    @property
    def route(self) -> Route:
        """Serves the document."""
        path = urlsplit(_document_of(self.public_url or f"http://localhost{MCP_PATH}")).path
        return Route(path, endpoint=cors_middleware(self._answer, _METHODS), methods=_METHODS)

    def url(self, scope: Scope) -> str:
        """Where the document is, for whoever sent this request."""
        return _document_of(self._resource(scope))

    def _resource(self, scope: Scope) -> str:
        return self.public_url or f"{scope['scheme']}://{Headers(scope=scope)['host']}{MCP_PATH}"

    async def _answer(self, request: Request) -> Response:
        url = self._resource(request.scope)
        document = ProtectedResourceMetadata(
            resource=AnyHttpUrl(url),
            # One must be named: it is the server itself, whose owner makes the tokens by a command. There is
            # no page to log in at.
            authorization_servers=[AnyHttpUrl(url.removesuffix(MCP_PATH))],
            scopes_supported=list(SCOPES),
            resource_name="Stillroom",
        )
        return await ProtectedResourceMetadataHandler(document).handle(request)


def _document_of(url: str) -> str:
    return str(build_resource_metadata_url(AnyHttpUrl(url)))

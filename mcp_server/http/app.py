"""The HTTP application: the SDK's MCP endpoint behind layers that say who may ask, how often and how much.

Each layer is one module and knows only the next. Tokens are verified by the SDK's own parts, and sessions and
streams are the SDK's; it does not listen.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from mcp_server.http.access_log import AccessLog
from mcp_server.http.bodies import MOST_BYTES, Bodies
from mcp_server.http.draining import Draining
from mcp_server.http.exposure import MCP_PATH
from mcp_server.http.guard import Guard
from mcp_server.http.health import HEALTH_PATH, healthy
from mcp_server.http.messages import Messages
from mcp_server.http.rates import RateLimit, Rates
from mcp_server.http.refusals import not_here, wrong_method
from mcp_server.http.request_ids import HEADER, RequestIds
from mcp_server.http.resource_metadata import ResourceMetadata
from mcp_server.http.revocation import looking_for_revoked
from mcp_server.http.sessions import IDLE_SECONDS, MOST_SESSIONS, SESSIONS_SHARE, Sessions
from mcp_server.http.slots import AT_ONCE, SLOTS_SHARE, Slots
from mcp_server.http.verifier import RequiredToken, TokenBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from mcp.server import MCPServer
    from starlette.types import ASGIApp

    from mcp_server.http.access_log import AccessEntry
    from mcp_server.http.verifier import FileTokenVerifier


_METHODS = ("GET", "POST", "DELETE")


@dataclass(frozen=True, slots=True)
class HttpApp:
    """What is served, and how its end is begun."""

    serve: ASGIApp
    draining: Draining


def build_app(
    server: MCPServer[Any],
    *,
    hosts: Sequence[str],
    origins: Sequence[str],
    tell: Callable[[AccessEntry], None],
    verifier: FileTokenVerifier | None = None,
    public_url: str = "",
    pages: Sequence[str] = (),
    requests_per_minute: int = 0,
) -> HttpApp:
    """The application over an MCP server.

    Args:
        server: whose tools are served.
        hosts: that ``Host`` may name.
        origins: that ``Origin`` may name, where there is one.
        tell: takes an entry of the access log.
        verifier: of tokens; None where nobody is asked for one.
        public_url: where clients reach it, ending in the path, if that is not where they call it.
        pages: origins whose scripts may read the answers.
        requests_per_minute: of one caller; 0 for any number.
    """
    security = TransportSecuritySettings(allowed_hosts=list(hosts), allowed_origins=list(origins))
    # Called for the session manager that it makes; its routes know nothing of our limits.
    server.streamable_http_app(
        streamable_http_path=MCP_PATH,
        transport_security=security,
        max_request_body_size=MOST_BYTES,
        session_idle_timeout=IDLE_SECONDS,
        # Our own layer counts them; requests that are about to fail count in the SDK's number too.
        max_sessions=MOST_SESSIONS + AT_ONCE,
    )
    sessions = server.session_manager
    # Callers without a token cannot be told apart: whatever there is, is theirs.
    alone = verifier is None
    shared = Sessions(sessions.handle_request, share=MOST_SESSIONS if alone else SESSIONS_SHARE)
    endpoint: ASGIApp = Bodies(Messages(Slots(shared, share=1.0 if alone else SLOTS_SHARE)))
    metadata = ResourceMetadata(public_url)
    if verifier is not None:
        endpoint = RequiredToken(endpoint, metadata.url)
    if requests_per_minute:
        endpoint = RateLimit(endpoint, Rates(requests_per_minute))
    if verifier is not None:
        endpoint = AuthContextMiddleware(endpoint)
        endpoint = AuthenticationMiddleware(endpoint, backend=TokenBackend(verifier))
    # Both ways to write it: a redirect from one to the other would name an address behind a proxy.
    paths = (MCP_PATH, f"{MCP_PATH}/")
    routes = [Route(path, endpoint=endpoint, methods=list(_METHODS)) for path in paths]
    routes.append(Route(HEALTH_PATH, endpoint=healthy))
    if verifier is not None:
        routes.append(metadata.route)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with sessions.run():
            if verifier is None:
                yield
                return
            async with looking_for_revoked(partial(_end_revoked, draining, shared, verifier)):
                yield

    served = Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={404: not_here, 405: wrong_method}
    )
    served.router.redirect_slashes = False
    app: ASGIApp = served
    if pages:
        app = _readable_by(pages, app)
    app = Guard(app, security, asks_for_tokens=verifier is not None, open_paths=(HEALTH_PATH,))
    draining = Draining(app, still_holds=None if verifier is None else verifier.still_holds)
    known = [route.path for route in routes]
    return HttpApp(RequestIds(AccessLog(draining, tell, paths=known, quiet_paths=(HEALTH_PATH,))), draining)


async def _end_revoked(draining: Draining, sessions: Sessions, verifier: FileTokenVerifier) -> None:
    draining.end_revoked()
    await sessions.end_revoked(verifier.still_holds)


def _readable_by(pages: Sequence[str], app: ASGIApp) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=pages,
        allow_methods=_METHODS,
        allow_headers=["*"],
        expose_headers=["Mcp-Session-Id", "WWW-Authenticate", HEADER],
    )

"""Verifies bearer tokens for the SDK, against the file and the environment as they are at that moment.

A token that was revoked or has expired is refused from the next request on: file and clock are looked at with
each. It does not know what a request asks for.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend
from mcp.server.auth.provider import AccessToken

from mcp_server.http.exchange import exchange_of
from mcp_server.http.expiry import is_over
from mcp_server.http.refusals import bad_token, no_token
from mcp_server.http.tokens import holder
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.authentication import AuthCredentials
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mcp_server.http.tokens import TokenFile, TokenRecord

_LOGGER = logging.getLogger(__name__)

# What tells one state of a file from another: a change makes a new file, so its number alone would do but for
# a person's editor, which may write into the same one.
_State = tuple[int, ...] | None
_SCHEME: Final = "bearer "
_EXPIRED: Final = "the token has expired"
_UNKNOWN: Final = "there is no such token: it is mistyped, or was revoked"


def _now() -> datetime:
    return datetime.now(UTC)


class FileTokenVerifier:
    """The SDK's ``TokenVerifier`` over a token file, and one token of the environment.

    Args:
        file: read again whenever it changed; where it cannot be read none of its tokens is good.
        environment: the token that the environment gives, if it gives one.
        clock: the time, with its zone.
    """

    def __init__(
        self,
        file: TokenFile,
        environment: TokenRecord | None = None,
        *,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._file = file
        self._clock = clock
        self._environment = () if environment is None else (environment,)
        self._records: tuple[TokenRecord, ...] = ()
        self._seen: _State = None

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who holds the token; what is returned has its digest in the token's place."""
        record = holder(token, self.records())
        if record is None or self._is_over(record):
            return None
        return AccessToken(token=record.sha256, client_id=record.name, scopes=list(record.scopes))

    def has_expired(self, token: str) -> bool:
        """Whether the token was good once, and its time is over."""
        record = holder(token, self.records())
        return record is not None and self._is_over(record)

    def still_holds(self, verified: AccessToken) -> bool:
        """Whether a token that was verified before is good now."""
        return any(record.sha256 == verified.token and not self._is_over(record) for record in self.records())

    def records(self) -> tuple[TokenRecord, ...]:
        """The tokens that are kept now, also those that have expired: with these alone nobody is let in."""
        state = self._state()
        if state != self._seen:
            self._seen, self._records = state, self._read()
        return (*self._environment, *self._records)

    def _is_over(self, record: TokenRecord) -> bool:
        return is_over(record.expires_at, self._clock())

    def _read(self) -> tuple[TokenRecord, ...]:
        try:
            return self._file.read()
        except McpError as error:
            _LOGGER.warning("no token of the file is good: %s", error.message)
            return ()

    def _state(self) -> _State:
        try:
            found = self._file.path.stat()
        except OSError:
            return None
        # The mode is among them: a file that others may read is refused, and taken again once mended.
        return (found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode)


class TokenBackend(BearerAuthBackend):
    """The SDK's reading of the ``Authorization`` header, which tells the other layers whose token it was."""

    def __init__(self, verifier: FileTokenVerifier) -> None:
        super().__init__(verifier)
        self._verifier = verifier

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, AuthenticatedUser] | None:
        """Who sent the request, if its token is good."""
        found: tuple[AuthCredentials, AuthenticatedUser] | None = await super().authenticate(conn)
        if found is not None:
            exchange_of(conn.scope).token = found[1].access_token
            return found
        given = conn.headers.get("authorization", "")
        if given.lower().startswith(_SCHEME):
            expired = self._verifier.has_expired(given[len(_SCHEME) :])
            exchange_of(conn.scope).token_trouble = _EXPIRED if expired else _UNKNOWN
        return None


class RequiredToken:
    """ASGI layer that refuses whoever has no good token, and says which of three that is.

    It came with none; with one that was good once; or with one that is unknown. Whether that was mistyped or
    revoked is nowhere kept. It stands behind ``TokenBackend``.

    Args:
        app: what is served.
        metadata_url: where RFC 9728's document is, for a request of that scope.
    """

    def __init__(self, app: ASGIApp, metadata_url: Callable[[Scope], str]) -> None:
        self._app = app
        self._metadata_url = metadata_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        exchange = exchange_of(scope)
        if exchange.token is not None:
            await self._app(scope, receive, send)
            return
        url = self._metadata_url(scope)
        refused = bad_token(exchange.token_trouble, url) if exchange.token_trouble else no_token(url)
        await refused(scope, receive, send)

"""Serves MCP over HTTP until a signal: opens the socket, runs uvicorn on it, and ends without a break.

What is served is ``mcp_server.http.app``'s, and by whom it may be used is decided before anything listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

import uvicorn
from sse_starlette.sse import AppStatus

from mcp_server.http.access_log import LogFormat, log_writer
from mcp_server.http.addresses import DEFAULT_PORT, listening_socket, own_names, reached_at, server_url
from mcp_server.http.app import build_app
from mcp_server.http.connections import PatientProtocol
from mcp_server.http.exposure import (
    Exposure,
    accepted_hosts,
    accepted_origins,
    require_sound,
    require_token,
)
from mcp_server.http.forwarded import Forwarded
from mcp_server.http.tls import Certificate, out_of_time, server_context

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    from mcp.server import MCPServer
    from starlette.types import ASGIApp

    from mcp_server.http.draining import Draining
    from mcp_server.http.verifier import FileTokenVerifier

# After the grace of calls: what does not end then is cut by uvicorn, which says so.
_LAST_SECONDS: Final = 4
REQUESTS_PER_MINUTE: Final = 600
# Loggers whose warnings repeat what a stranger sent; the access log has each refusal.
_REPEATING: Final = ("mcp.server.transport_security", "mcp.server.streamable_http_manager")


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How it is served.

    Attributes:
        exposure: to whom.
        port: 0 for one that is free.
        certificate: for TLS; None for plain HTTP.
        requests_per_minute: of one caller; 0 for any number.
        access_log: a file; None for stderr.
        log_format: of its lines.
    """

    exposure: Exposure = field(default_factory=Exposure)
    port: int = DEFAULT_PORT
    certificate: Certificate | None = None
    requests_per_minute: int = REQUESTS_PER_MINUTE
    access_log: Path | None = None
    log_format: LogFormat = "text"


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that takes connections.

    Attributes:
        url: where clients reach it.
        host: that it listens on.
        port: likewise.
        asks_for_tokens: whether clients need one.
        encrypted: whether it speaks TLS itself.
        certificate_trouble: why clients will refuse its certificate; empty where they will not for its dates.
    """

    url: str
    host: str
    port: int
    asks_for_tokens: bool
    encrypted: bool
    certificate_trouble: str = ""


def serve_http(
    make_server: Callable[[], MCPServer[Any]],
    options: HttpOptions,
    *,
    verifier: FileTokenVerifier,
    on_listening: Callable[[Listening], None],
) -> None:
    """Serve until SIGTERM, SIGHUP or Ctrl-C, then answer what is open and return.

    Call it from the main thread.

    Args:
        make_server: makes what is served; called once the socket is open.
        options: how.
        verifier: of tokens; where it knows none at this moment, nobody is asked for one as long as this runs.
        on_listening: told once connections are taken.

    Raises:
        McpError: it may not listen there without a token, cannot, or the certificate is no good.
    """
    exposure = options.exposure
    asks = bool(verifier.records())
    require_sound(exposure)
    require_token(exposure, has_token=asks)
    context = server_context(options.certificate) if options.certificate else None
    secure = context is not None
    trouble = out_of_time(options.certificate, datetime.now(UTC)) if options.certificate else ""
    _quiet()
    with (
        log_writer(options.access_log, options.log_format) as tell,
        listening_socket(exposure.host, options.port) as listening,
    ):
        port = listening.getsockname()[1]
        url = exposure.public_url or server_url(reached_at(exposure.host), port, secure=secure)
        app = build_app(
            make_server(),
            hosts=accepted_hosts(exposure, own_names()),
            origins=accepted_origins(exposure),
            tell=tell,
            verifier=verifier if asks else None,
            public_url=exposure.public_url,
            pages=exposure.allowed_origins,
            requests_per_minute=options.requests_per_minute,
        )
        config = _config(app.serve, exposure.trusted_proxies, context)
        with _until_a_signal():
            on_listening(Listening(url, exposure.host, port, asks, secure, trouble))
            # What libraries print is no result of the command's.
            with contextlib.redirect_stdout(sys.stderr):
                asyncio.run(_Server(config, app.draining).serve([listening]))


def _config(serve: ASGIApp, trusted_proxies: Sequence[str], context: ssl.SSLContext | None) -> uvicorn.Config:
    """Uvicorn with nothing of its own: its environment variables, logs and headers are not asked for."""
    if trusted_proxies:
        serve = Forwarded(serve, trusted_proxies)
    return uvicorn.Config(
        serve,
        http=PatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        workers=1,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_SECONDS,
        ssl_context_factory=None if context is None else lambda *_: context,
    )


class _Server(uvicorn.Server):
    """Tells the application that the end begins."""

    def __init__(self, config: uvicorn.Config, draining: Draining) -> None:
        super().__init__(config)
        self._draining = draining
        # The SDK's streams would break off in the moment of the signal, without an end or an answer; ours is
        # the layer that ends them.
        AppStatus.enable_automatic_graceful_drain = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the terminal's hanging up as well: uvicorn would be torn by what it does not know."""
        kept = {number: signal.signal(number, self.handle_exit) for number in _hang_up()}
        try:
            with super().capture_signals():
                yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._draining.begin(self._loop)
        super().handle_exit(sig, frame)


@contextlib.contextmanager
def _until_a_signal() -> Iterator[None]:
    """Leave the block with SIGTERM, SIGHUP or Ctrl-C, and go on behind it.

    They are taken by uvicorn's server while it serves, and raised again once it has ended.
    """
    ending = (signal.SIGTERM, signal.SIGINT, *_hang_up())
    before = {number: signal.signal(number, _interrupt) for number in ending}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _hang_up() -> tuple[signal.Signals, ...]:
    """What a closed terminal sends, where there is such a signal, and nobody had it ignored as nohup does."""
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return ()
    return (signal.SIGHUP,)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _quiet() -> None:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    for name in _REPEATING:
        logging.getLogger(name).setLevel(logging.ERROR)

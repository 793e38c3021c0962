"""What the SDK logs of our servers: without secrets, and nothing on a terminal that nobody asked for.

The SDK prints a traceback for each line of rubbish on a server's stdout, with that line in it.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.mcp_servers.redaction import Secrets

# A filter sees only what is logged with its own logger, never what comes from one below.
_LOGGERS: Final = (
    "httpx2",
    "mcp.client.client",
    "mcp.client.session",
    "mcp.client.stdio",
    "mcp.client.streamable_http",
    "mcp.shared.jsonrpc_dispatcher",
)


@contextmanager
def quiet_logs(secrets: Sequence[Secrets]) -> Iterator[None]:
    """Hide secrets in what those loggers write, and keep it from stderr where no handler was set up."""
    hide = _HideSecrets(secrets)
    nowhere = logging.NullHandler()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addFilter(hide)
        logger.addHandler(nowhere)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(hide)
            logger.removeHandler(nowhere)


class _HideSecrets(logging.Filter):
    """Rewrites each record with the values hidden; tracebacks quote a server's text, so they go."""

    def __init__(self, secrets: Sequence[Secrets]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            message = f"{message} ({record.exc_info[0].__name__})"
        for secrets in self._secrets:
            message = secrets.redact(message)
        record.msg, record.args, record.exc_info = message, (), None
        return True

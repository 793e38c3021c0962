"""One line a request: who, what, how it went, how long it took. Never a token, a query or an argument.

What a client sends is in it only where it is one of a few known words: a path that is served, a method of
HTTP, a JSON-RPC method or tool's name of plain characters.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import TYPE_CHECKING, Final, Literal

from mcp_server.http.exchange import exchange_of
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from io import TextIOWrapper
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LogFormat = Literal["text", "json"]

_OTHER: Final = "other"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """What is written of a request.

    Attributes:
        at: when it came, ISO 8601 in UTC.
        address: where it came from.
        caller: the name of its token; empty without one.
        method: of HTTP; ``other`` for an unknown one.
        path: that is served; ``other`` for any other.
        message: JSON-RPC method and tool.
        status: of HTTP; 0 where the client went away before there was one.
        sent_bytes: of the response's body.
        milliseconds: until the last byte was handed to the system.
    """

    at: str
    request_id: str
    address: str
    caller: str
    method: str
    path: str
    message: str
    status: int
    sent_bytes: int
    milliseconds: int

    def to_text(self) -> str:
        """The line for a person."""
        words = (
            self.at,
            self.address,
            self.caller or "-",
            self.method,
            self.path,
            self.message or "-",
            str(self.status),
            f"{self.sent_bytes} B",
            f"{self.milliseconds} ms",
            self.request_id,
        )
        return " ".join(words)

    def to_json(self) -> str:
        """The line for a program."""
        return json.dumps(asdict(self), ensure_ascii=False)


class AccessLog:
    """ASGI layer that tells of each request once it ended.

    Args:
        app: what is served.
        tell: takes an entry; quick.
        paths: that are served.
        quiet_paths: of those, the ones that are told only if they fail: health checks come twice a minute.
    """

    def __init__(
        self,
        app: ASGIApp,
        tell: Callable[[AccessEntry], None],
        *,
        paths: Collection[str],
        quiet_paths: Collection[str] = (),
    ) -> None:
        self._app = app
        self._tell = tell
        self._paths = frozenset(paths)
        self._quiet_paths = frozenset(quiet_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="milliseconds")
        status, sent_bytes = 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            if status != _OK or scope["path"] not in self._quiet_paths:
                self._tell(self._entry(scope, at, status, sent_bytes, time.monotonic() - began))

    def _entry(self, scope: Scope, at: str, status: int, sent_bytes: int, seconds: float) -> AccessEntry:
        exchange = exchange_of(scope)
        return AccessEntry(
            at=at,
            request_id=exchange.request_id,
            address=scope["client"][0] if scope.get("client") else "-",
            caller=exchange.token.client_id if exchange.token else "",
            method=scope["method"] if scope["method"] in _METHODS else _OTHER,
            path=scope["path"] if scope["path"] in self._paths else _OTHER,
            message=exchange.message,
            status=status,
            sent_bytes=sent_bytes,
            milliseconds=round(seconds * 1000),
        )


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _PrivateFile(WatchedFileHandler):
    """A file that is made for its owner alone, also after a log rotation."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_for_its_owner)


@contextmanager
def log_writer(path: Path | None, log_format: LogFormat) -> Iterator[Callable[[AccessEntry], None]]:
    """A function that writes entries to a file, or to stderr where none is named, for the length of a block.

    The file is appended to, read by its owner alone, and opened again after a log rotation took it away.

    Raises:
        McpError: the file cannot be written.
    """
    handler: logging.Handler
    if path is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            handler = _PrivateFile(path, encoding="utf-8")
        except OSError as error:
            raise McpError(f"the access log {path} cannot be written: {error.strerror}") from error
    handler.setFormatter(logging.Formatter("%(message)s"))

    def tell(entry: AccessEntry) -> None:
        line = entry.to_json() if log_format == "json" else entry.to_text()
        # No logger of the process's tree: what other parts log has other readers.
        handler.handle(logging.makeLogRecord({"msg": "%s", "args": (line,)}))

    try:
        yield tell
    finally:
        handler.close()

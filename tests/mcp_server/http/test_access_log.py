"""One line a request, which holds nothing that a client made up."""

from __future__ import annotations

import asyncio
import json
import stat
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.responses import PlainTextResponse

from mcp_server.http.access_log import AccessEntry, AccessLog, log_writer
from mcp_server.http.exchange import exchange_of
from mcp_server.http.messages import peek
from stillroom.errors import McpError

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

ENTRY = AccessEntry(
    "2026-11-26T12:00:00.000+00:00", "r-1", "127.0.0.1", "ci", "POST", "/mcp", "tools/call ingest", 200, 12, 7
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/broken":
        raise ZeroDivisionError
    exchange_of(scope).request_id = "r-1"
    await PlainTextResponse("twelve bytes")(scope, receive, send)


def told(method: str, path: str) -> list[AccessEntry]:
    """What is told of one request."""
    entries: list[AccessEntry] = []
    app = AccessLog(application, entries.append, paths=["/mcp", "/healthz"], quiet_paths=["/healthz"])

    async def ask() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.request(method, path)

    asyncio.run(ask())
    return entries


def test_entry_says_who_what_how_it_went_and_how_long_it_took() -> None:
    (entry,) = told("POST", "/mcp")
    assert (entry.request_id, entry.method, entry.path) == ("r-1", "POST", "/mcp")
    assert (entry.status, entry.sent_bytes, entry.caller, entry.message) == (200, 12, "", "")
    assert entry.milliseconds >= 0


def test_what_a_client_made_up_is_not_in_it() -> None:
    (entry,) = told("CANARY", "/canary?token=canary#canary")
    assert "canary" not in entry.to_json().lower()
    assert (entry.method, entry.path) == ("other", "other")


def test_health_is_told_of_only_where_it_fails() -> None:
    assert told("GET", "/healthz") == []
    (entry,) = told("GET", "/broken")
    assert entry.status == 0


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ingest"}}',
            "tools/call ingest",
        ),
        (
            b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a b\\n127.0.0.1"}}',
            "tools/call",
        ),
        (b'{"id": 1, "method": "tools/list\\nx"}', ""),
        (b'{"id": 1, "method": "' + b"x" * 65 + b'"}', ""),
        (b'{"id": 1, "method": 7, "params": [1]}', ""),
        (b"[]", ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_message_is_shown_where_it_is_of_plain_characters(body: bytes, shown: str) -> None:
    whole = body.replace(b"{", b'{"jsonrpc": "2.0", ', 1)
    assert peek(whole.decode(errors="replace")).shown == shown


def test_lines_are_text_or_json() -> None:
    assert ENTRY.to_text() == (
        "2026-11-26T12:00:00.000+00:00 127.0.0.1 ci POST /mcp tools/call ingest 200 12 B 7 ms r-1"
    )
    assert json.loads(ENTRY.to_json())["milliseconds"] == 7


def test_file_is_its_owners_and_is_made_again_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with log_writer(path, "json") as tell:
        tell(ENTRY)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.rename(tmp_path / "access.log.1")
        tell(ENTRY)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for file in (path, tmp_path / "access.log.1"):
        (line,) = file.read_text(encoding="utf-8").splitlines()
        assert json.loads(line)["request_id"] == "r-1"


def test_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    writer = log_writer(tmp_path / "missing" / "access.log", "text")
    with pytest.raises(McpError, match="cannot be written: No such file"), writer:
        pass

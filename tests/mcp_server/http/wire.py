"""Requests as a client of revision 2026-07-28 sends them, to be sent by hand and spoilt by tests."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from mcp.shared.inbound import encode_header_value

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "2026-07-28"
_NUMBERS = itertools.count(1)
_NAMED_BY = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}


def message(method: str, /, **params: object) -> dict[str, Any]:
    """One JSON-RPC request."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {
        "jsonrpc": "2.0",
        "id": next(_NUMBERS),
        "method": method,
        "params": {"_meta": meta, **params},
    }


def headers_for(sent: Mapping[str, Any]) -> dict[str, str]:
    """The headers that go with it."""
    named = {}
    if key := _NAMED_BY.get(sent["method"]):
        named["Mcp-Name"] = encode_header_value(str(sent["params"].get(key, "")))
    return {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Mcp-Protocol-Version": VERSION,
        "Mcp-Method": sent["method"],
        **named,
    }


def bearer(token: str) -> dict[str, str]:
    """The header that a token travels in."""
    return {"Authorization": f"Bearer {token}"}


def call(name: str, /, **given: object) -> dict[str, Any]:
    """A request that calls a tool."""
    return message("tools/call", name=name, arguments=given)


def raw(sent: Mapping[str, Any], port: int, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of an HTTP request that carries the message."""
    body = json.dumps(sent).encode()
    every = {"Host": f"127.0.0.1:{port}", **headers_for(sent), "Content-Length": str(len(body))}
    lines = [f"{name}: {value}" for name, value in {**every, **(headers or {})}.items()]
    return "\r\n".join(["POST /mcp HTTP/1.1", *lines, "", ""]).encode() + body

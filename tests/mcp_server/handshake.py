"""The first message of a client of the revisions before 2026-07-28, as it stands on the wire."""

from __future__ import annotations

from typing import Any


def initialize(version: str = "2025-11-25", *, client: str = "t") -> dict[str, Any]:
    """The request that begins a session.

    Args:
        version: the revision that the client speaks.
        client: its name.
    """
    return {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": client, "version": "1"},
        },
    }

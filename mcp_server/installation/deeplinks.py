"""Links that make a client ask its person whether to add a server: nothing is written before a yes."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mcp_server.installation.entries import Address, entry, token_input

if TYPE_CHECKING:
    from mcp_server.installation.client import Client
    from mcp_server.installation.entries import Server


def deeplink(client: Client, name: str, server: Server) -> str:
    """The client's install link; empty where it has none, or where a token would stand in it.

    Example:
        >>> from mcp_server.installation.entries import Command
        >>> from mcp_server.installation.registry import find_client
        >>> deeplink(find_client("vscode"), "s", Command(("/bin/s",)))[:49]
        'vscode:mcp/install?%7B%22name%22%3A%22s%22%2C%22t'
    """
    if not client.deeplink or (isinstance(server, Address) and server.token):
        return ""
    body = entry(client, name, server)
    if client.deeplink in {"vscode", "vscode-insiders"}:
        asks = isinstance(server, Address) and server.token_variable
        inputs = {"inputs": [token_input(name)]} if asks else {}
        return f"{client.deeplink}:mcp/install?{quote(_json({'name': name, **inputs, **body}), safe='')}"
    start = {
        "cursor": "cursor://anysphere.cursor-deeplink/mcp/install",
        "lmstudio": "lmstudio://add_mcp",
    }[client.deeplink]
    config = base64.b64encode(_json(body).encode()).decode()
    return f"{start}?name={quote(name, safe='')}&config={quote(config, safe='')}"


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

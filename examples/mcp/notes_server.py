# ruff: noqa: INP001  (a program of its own, not a package)
"""An MCP server in one file, without any package: two tools over notes that it keeps in memory.

It shows what goes over the wire: one JSON object a line on stdin and stdout. For a server of your own take
the SDK (``pip install mcp``), which does all of this.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

NOTES = [note for note in os.environ.get("NOTES", "").split("|") if note]
TOOLS = [
    {
        "name": "find_note",
        "description": "Find the notes that hold a word.",
        "inputSchema": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
        # It changes nothing and reaches nowhere, so Stillroom does not ask before it runs.
        "annotations": {"readOnlyHint": True, "openWorldHint": False},
    },
    {
        "name": "add_note",
        "description": "Add a note. It is gone when the server ends.",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        "annotations": {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False},
    },
]


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A tool's result; a failure is a result too, which the model reads."""
    if name == "find_note":
        found = [note for note in NOTES if arguments["word"].lower() in note.lower()]
        return text("\n".join(found) or "There is no such note.")
    if name == "add_note":
        NOTES.append(arguments["text"])
        return text(f"There are {len(NOTES)} notes now.")
    return {**text(f"There is no tool {name}."), "isError": True}


def text(words: str) -> dict[str, Any]:
    """A result that is one text."""
    return {"content": [{"type": "text", "text": words}]}


def result_of(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """What a request asks for; None where this server does not know the method."""
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "notes", "version": "1.0"},
        }
    if method == "tools/list":
        return {"tools": TOOLS}
    return call(params["name"], params.get("arguments") or {}) if method == "tools/call" else None


def main() -> None:
    """Answer each request until stdin ends; a message without an id is a notice and has no answer."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        result = result_of(message["method"], message.get("params") or {})
        unknown = {"error": {"code": -32601, "message": f"unknown method {message['method']}"}}
        answer = unknown if result is None else {"result": result}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

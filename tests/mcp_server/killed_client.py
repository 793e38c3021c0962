"""A client that starts the server that its arguments name, asks something of it, and waits to be killed.

Prints the server's process id once it has asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


def main() -> None:
    asked, *command = sys.argv[1:]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None

    def send(method: str, params: object, **number: int) -> None:
        assert server.stdin is not None
        line = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **number})
        server.stdin.write(line.encode() + b"\n")
        server.stdin.flush()

    send("initialize", HELLO, id=0)
    server.stdout.readline()
    send("notifications/initialized", {})
    if asked:
        send("tools/call", json.loads(asked), id=1)
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()

"""How long an IDE waits for ``tools/list``: Stillroom's server against the SDK's smallest one, paired.

Prints milliseconds from exec to the answer of ``tools/list`` for both, medians over the rounds, and the
median ratio of the pairs. The ratio is the figure to compare between machines; the milliseconds are this
machine's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

MINIMAL = """
from mcp.server import MCPServer
server = MCPServer("minimal")
@server.tool()
def echo(text: str) -> str:
    return text
server.run("stdio")
"""

STILLROOM = """
from agents.toolbox import Services
from mcp_server.server import serve_stdio
def unopened():
    raise SystemExit("tools/list opened a service")
serve_stdio(Services(unopened, unopened, unopened, unopened))
"""

# The handshake of revision 2025-11-25: what IDEs send today.
_HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
_MESSAGES = (
    {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
)


def seconds_to_tools(code: str) -> float:
    """From exec to the answer of ``tools/list``, in seconds, in a fresh process."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        process.stdin.write("".join(json.dumps(message) + "\n" for message in _MESSAGES))
        process.stdin.flush()
        answers = (json.loads(line) for line in process.stdout)
        tools = next(answer["result"]["tools"] for answer in answers if answer.get("id") == 1)
        seconds = time.perf_counter() - began
    if not tools:
        raise RuntimeError("the server lists no tools")
    return seconds


def main() -> None:
    """Run both in turn, after one unmeasured round that fills the caches of bytecode and disk."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    for code in (MINIMAL, STILLROOM):
        seconds_to_tools(code)
    pairs = [(seconds_to_tools(MINIMAL), seconds_to_tools(STILLROOM)) for _ in range(options.rounds)]
    result = {
        "minimal_ms": round(1000 * statistics.median(minimal for minimal, _ in pairs)),
        "stillroom_ms": round(1000 * statistics.median(stillroom for _, stillroom in pairs)),
        "ratio": round(statistics.median(stillroom / minimal for minimal, stillroom in pairs), 2),
        "rounds": options.rounds,
    }
    if options.json:
        print(json.dumps(result))
        return
    print(f"minimal SDK server {result['minimal_ms']} ms, stillroom {result['stillroom_ms']} ms")
    print(f"ratio {result['ratio']} (median of {result['rounds']} pairs)")


if __name__ == "__main__":
    main()

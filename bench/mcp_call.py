"""What the adapter adds to a call of an MCP tool, over the SDK's own client in the same run.

The same tool of the same kind of server is called in turn by the SDK's bare ``Client.call_tool``, by
``Tool.call`` of the tool that the adapter makes of it, and as the agent calls it: planned, with a person's
standing yes, recorded in a trace file. In this process, over stdio, and over HTTP on this machine. The ratio
and the difference of the medians are what to compare; the milliseconds are this machine's.

Usage: python bench/mcp_call.py [--calls 300] [--json] [--results FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from anyio.from_thread import start_blocking_portal
from mcp import Client, StdioServerParameters
from mcp.server import MCPServer

from agents.call_context import CallContext
from agents.mcp_client import open_server
from agents.mcp_servers.approvals import Approvals
from agents.mcp_servers.config import read_config
from agents.mcp_servers.servers import McpServers
from agents.running.calls import ToolCalls, WantedCall
from agents.running.consent import Consent
from agents.running.ending import Ending
from agents.running.limits import Limits
from agents.running.recorder import Turn
from agents.running.trace import Trace
from agents.running.trace_events import TraceEvents
from agents.running.trace_file import TraceFile
from bench.results_file import results_file
from deploy.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agents.tools import Tool

TARGET_MS: Final = 5.0
_START_SECONDS: Final = 60.0
_UNMEASURED_CALLS: Final = 20
_P95: Final = 0.95


def build_server() -> MCPServer[Any]:
    """A server with one small tool, so that nearly all of a call is the way there and back."""
    server: MCPServer[Any] = MCPServer("bench", log_level="CRITICAL")

    @server.tool()
    def weigh(thing: str, pieces: int) -> dict[str, int]:
        """Weigh some pieces of a thing, in grams."""
        return {"grams": len(thing) * pieces}

    return server


def arguments(number: int) -> dict[str, Any]:
    """Other ones for each call: the agent answers a repeated call without making it."""
    return {"thing": "salt", "pieces": number}


@contextmanager
def bare(target: object) -> Iterator[Callable[[Mapping[str, Any]], float]]:
    """The SDK's client on a loop of its own; the seconds of a call are taken on that loop."""
    client = Client(target)  # type: ignore[arg-type]

    async def timed(given: Mapping[str, Any]) -> float:
        started = time.perf_counter()
        await client.call_tool("weigh", dict(given))
        return time.perf_counter() - started

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        yield partial(portal.call, timed)


@contextmanager
def http_server() -> Iterator[str]:
    """The same server over streamable HTTP in a process of its own; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with subprocess.Popen([sys.executable, __file__, "--serve", str(port)]) as process:
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not _listens(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the HTTP server did not start")
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()


def _listens(url: str) -> bool:
    try:
        httpx.get(url, timeout=5)
    except httpx.TransportError:
        return False
    return True


@contextmanager
def configured(entry: Mapping[str, Any], folder: Path) -> Iterator[Tool]:
    """The tool as ``stillroom chat`` gets it: of an ``mcp.json`` that a person approved."""
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": {"bench": entry}}), encoding="utf-8")
    config = read_config([path], environment=os.environ, home=Path.home(), workspace=folder)
    with McpServers(config, Approvals(folder / "approvals.json"), os.environ, ask=_Yes()) as servers:
        servers.started("bench")
        (tool,) = (tool for tool in servers.tools() if tool.name.endswith("weigh"))
        yield tool


class _Yes:
    """A person who trusts this server."""

    def start(self, server: object) -> bool:  # noqa: ARG002
        return True

    def use(self, server: object, served: object, changed: object) -> bool:  # noqa: ARG002
        return True


@contextmanager
def in_process() -> Iterator[Tool]:
    """The tool of a server in this process."""
    with open_server(build_server()) as connection:
        (tool,) = connection.tools()
        yield tool


def as_agent(tool: Tool, trace_path: Path) -> Callable[[Mapping[str, Any]], float]:
    """As the agent calls it: planned, allowed, run, recorded."""
    limits = replace(Limits(), steps=10**6, tool_calls=10**6, seconds=3600.0)
    ending = Ending(limits.seconds, threading.Event())
    calls = ToolCalls(
        [tool],
        Trace(limits),
        ending,
        Consent(allowed=frozenset({tool.name})),
        tell=lambda _: None,
        recorder=TraceEvents([TraceFile(trace_path).write]),
    )

    def call(given: Mapping[str, Any]) -> float:
        started = time.perf_counter()
        wanted = WantedCall(f"call-{given['pieces']}", tool.name, given)
        calls.plan(Turn(given["pieces"], "", (tool.name,), 0.0, 1, 0, 0), [wanted])
        _, failed = calls.run(wanted.id)
        if failed:
            raise SystemExit("a call of the agent's failed")
        return time.perf_counter() - started

    return call


def adapted(tool: Tool) -> Callable[[Mapping[str, Any]], float]:
    """``Tool.call`` alone."""

    def call(given: Mapping[str, Any]) -> float:
        started = time.perf_counter()
        result = tool.call(given, CallContext())
        seconds = time.perf_counter() - started
        if result.data != {"grams": 4 * given["pieces"]}:
            raise SystemExit(f"the tool gave {result.data}")
        return seconds

    return call


def measure(ways: Mapping[str, Callable[[Mapping[str, Any]], float]], calls: int) -> dict[str, Any]:
    """Milliseconds of each way, called in turn so that what else the machine does weighs on all alike."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(1, calls + _UNMEASURED_CALLS + 1):
        for way, call in ways.items():
            seconds = call(arguments(number))
            if number > _UNMEASURED_CALLS:
                taken[way].append(seconds * 1000)
    found = {
        way: {"median_ms": round(statistics.median(all_ms), 3), "p95_ms": round(_quantile(all_ms, _P95), 3)}
        for way, all_ms in taken.items()
    }
    base = statistics.median(taken["bare"])
    for way in ("adapted", "agent"):
        middle = statistics.median(taken[way])
        found[way] |= {"ratio": round(middle / base, 2), "added_ms": round(middle - base, 3)}
    return found


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[max(0, round(share * len(values)) - 1)]


def measure_all(calls: int) -> dict[str, Any]:
    """All three transports, one after the other."""
    results: dict[str, Any] = {}
    with ExitStack() as open_things:
        folder = Path(open_things.enter_context(tempfile.TemporaryDirectory(prefix="mcp-call-")))
        command = [sys.executable, str(Path(__file__).resolve()), "--serve", "stdio"]
        url = open_things.enter_context(http_server())
        targets: dict[str, tuple[object, Any]] = {
            "in process": (build_server(), in_process()),
            "stdio": (
                StdioServerParameters(command=command[0], args=command[1:]),
                configured({"command": command[0], "args": command[1:]}, folder),
            ),
            "http": (url, configured({"type": "http", "url": url}, folder)),
        }
        for name, (target, served) in targets.items():
            with bare(target) as call, served as tool:
                ways = {
                    "bare": call,
                    "adapted": adapted(tool),
                    "agent": as_agent(tool, folder / f"{name}.jsonl"),
                }
                results[name] = measure(ways, calls)
            (folder / "approvals.json").unlink(missing_ok=True)
    return results


def main() -> int:
    """Measure, print, write; fail where the adapter adds more than the target at the median."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--results", type=results_file, help="write the figures to this file")
    parser.add_argument("--serve", metavar="stdio|PORT", help="be the server")
    asked = parser.parse_args()
    if asked.serve == "stdio":
        build_server().run("stdio")
        return 0
    if asked.serve:
        build_server().run("streamable-http", host="127.0.0.1", port=int(asked.serve))
        return 0
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu_cores": os.cpu_count(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "calls": asked.calls,
        "target_added_ms": TARGET_MS,
        "transports": measure_all(asked.calls),
    }
    if asked.results:
        text = json.dumps(document, indent=1)
        asked.results.write_text(text + "\n", encoding="utf-8")
    print(json.dumps(document) if asked.json else "\n".join(_lines(document["transports"])))
    added = [found["adapted"]["added_ms"] for found in document["transports"].values()]
    return 1 if max(added) > TARGET_MS else 0


def _lines(transports: Mapping[str, Any]) -> Iterator[str]:
    for name, found in transports.items():
        for way, title in (("bare", "bare client"), ("adapted", "Tool.call"), ("agent", "the agent")):
            of_way = found[way]
            figures = f"median {of_way['median_ms']:6.2f} ms  p95 {of_way['p95_ms']:6.2f} ms"
            added = f"  ×{of_way['ratio']:.2f}  {of_way['added_ms']:+.2f} ms" if "ratio" in of_way else ""
            yield f"{name:10}  {title:11}  {figures}{added}"


if __name__ == "__main__":
    sys.exit(main())

"""How long an IDE waits for ``tools/list``: ``stillroom mcp serve`` against the SDK's smallest server.

Each server is started in turn, so that a busy machine slows all of them, and timed from exec to the answer of
``tools/list`` over stdio. The median ratio of the pairs is the figure to compare between machines; the
milliseconds are this machine's. The processor's time is given as well: other work blurs it less.

Beside Stillroom as it is stand, for what they bring, the same without the quick import
(``mcp_server.quick_start``), the SDK's server with it, and both without cached bytecode.

Usage: python bench/mcp_start.py [--rounds 7] [--json] [--results FILE]
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
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil

TARGET_RATIO: Final = 1.3
REPOSITORY: Final = Path(__file__).resolve().parents[1]

_MINIMAL: Final = """
from mcp.server import MCPServer
server = MCPServer("minimal")
@server.tool()
def echo(text: str) -> str:
    return text
server.run("stdio")
"""
_QUICKLY: Final = "\n".join(
    (
        "from mcp_server.quick_start import importing_quickly",
        "with importing_quickly():",
        *(f"    {line}" for line in _MINIMAL.strip().splitlines()[:-1]),
        'server.run("stdio")',
    )
)
_PLAINLY: Final = """
import sys
from contextlib import nullcontext
from mcp_server import quick_start
quick_start.importing_quickly = nullcontext
sys.argv = ["stillroom", "mcp", "serve"]
from stillroom.cli.main import main
main()
"""
_SERVE: Final = ("-m", "stillroom", "mcp", "serve")
_UNCACHED: Final = ", no cached bytecode"
MINIMAL: Final = "the SDK's minimal server"
STILLROOM: Final = "stillroom mcp serve"
SERVERS: Final[dict[str, tuple[str, ...]]] = {
    MINIMAL: ("-c", _MINIMAL),
    STILLROOM: _SERVE,
    f"{STILLROOM}, imported plainly": ("-c", _PLAINLY),
    f"{MINIMAL}, imported quickly": ("-c", _QUICKLY),
    f"{MINIMAL}{_UNCACHED}": ("-c", _MINIMAL),
    f"{STILLROOM}{_UNCACHED}": _SERVE,
}

# The handshake of revision 2025-11-25: what IDEs send today.
_HELLO: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
_MESSAGES: Final = (
    {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": _HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
)


def seconds_to_tools(arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float]:
    """From exec of a fresh process to the answer of ``tools/list``: that passed, and of a processor."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=REPOSITORY,
        env=environment,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the process has no pipes")
        process.stdin.write("".join(json.dumps(message) + "\n" for message in _MESSAGES))
        process.stdin.flush()
        answers = (json.loads(line) for line in process.stdout)
        tools = next(answer["result"]["tools"] for answer in answers if answer.get("id") == 1)
        seconds = time.perf_counter() - began
        used = psutil.Process(process.pid).cpu_times()
    if not tools:
        raise RuntimeError("the server lists no tools")
    return seconds, used.user + used.system


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Medians of each server and of its ratio to the SDK's, after one round that fills the caches."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVERS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for name, arguments in SERVERS.items():
                taken = seconds_to_tools(arguments, _environment(folder, cached=_UNCACHED not in name))
                if number:
                    times[name].append(taken)
    return {name: _compared(taken, times[_base(name)]) for name, taken in times.items()}


def _compared(taken: list[tuple[float, float]], base: list[tuple[float, float]]) -> dict[str, float]:
    pairs = list(zip(taken, base, strict=True))
    return {
        "median_ms": round(1000 * statistics.median(passed for passed, _ in taken)),
        "ratio": round(statistics.median(mine[0] / its[0] for mine, its in pairs), 2),
        "cpu_ms": round(1000 * statistics.median(used for _, used in taken)),
        "cpu_ratio": round(statistics.median(mine[1] / its[1] for mine, its in pairs), 2),
    }


def _base(name: str) -> str:
    return f"{MINIMAL}{_UNCACHED}" if name.endswith(_UNCACHED) else MINIMAL


def _environment(folder: str, *, cached: bool) -> dict[str, str]:
    """Nobody's settings; bytecode as an installation has it, even where it is not to be written, or none."""
    left_out = ("STILLROOM_", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    own = {
        "STILLROOM_DATA_DIR": folder,
        "STILLROOM_STATE_DIR": folder,
        "XDG_CONFIG_HOME": folder,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONPYCACHEPREFIX": str(Path(folder) / ("cached" if cached else "never written")),
    }
    return inherited | own | ({} if cached else {"PYTHONDONTWRITEBYTECODE": "1"})


def main() -> int:
    """Run all in turn, print the ratios, and fail where Stillroom's is above the target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--results", type=Path, help="write the same JSON to this file")
    asked = parser.parse_args()
    servers = measure(asked.rounds)
    document: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "cpu_cores": os.cpu_count(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "mcp": version("mcp"),
        "rounds": asked.rounds,
        "target_ratio": TARGET_RATIO,
        "servers": servers,
    }
    if asked.results:
        asked.results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if asked.json:
        print(json.dumps(document))
    else:
        for name, found in servers.items():
            passed = f"{found['median_ms']:6} ms  ×{found['ratio']:.2f}"
            print(f"{name:44} {passed}  processor {found['cpu_ms']:5} ms  ×{found['cpu_ratio']:.2f}")
    return 0 if servers[STILLROOM]["ratio"] <= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())

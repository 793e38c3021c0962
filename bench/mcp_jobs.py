"""What an ingest job costs a search: latency over MCP with nothing else to do, and while a job writes.

A real ``stillroom mcp serve`` over a library of generated documents is asked the same questions twice, first
at rest, then while it ingests as many documents again; every answer counts that came before the job's end.
The ratio of the medians is what to compare; the milliseconds are this machine's, with whatever else it does.

Usage: python bench/mcp_jobs.py [--documents 400] [--searches 40] [--json] [--results FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agents.mcp_client import open_server
from bench.results_file import results_file
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agents.mcp_client import McpConnection

_START_SECONDS: Final = 120.0
_CALL_SECONDS: Final = 240.0
_WARM_SEARCHES: Final = 5
_P95: Final = 0.95
_WORDS: Final = (
    *("valve", "harvest", "ledger", "river", "engine", "garden"),
    *("letter", "copper", "winter", "market", "signal", "bridge"),
)


def write_documents(folder: Path, count: int, *, first: int) -> None:
    """So many documents of three paragraphs, each unlike all others."""
    folder.mkdir()
    for number in range(first, first + count):
        words = [_WORDS[(number * step + step) % len(_WORDS)] for step in range(1, 40)]
        paragraphs = (" ".join((*words[start : start + 13], f"{number}.{start}")) for start in (0, 13, 26))
        text = "\n\n".join(f"{paragraph.capitalize()}." for paragraph in paragraphs)
        (folder / f"{number:05}.md").write_text(f"# Record {number}\n\n{text}\n", encoding="utf-8")


def search_ms(server: McpConnection, number: int) -> float:
    """One search, from the request to its answer."""
    began = time.perf_counter()
    server.call("search_library", {"query": f"record {number} of the {_WORDS[number % len(_WORDS)]}"})
    return (time.perf_counter() - began) * 1000


def job(server: McpConnection, job_id: str, *, wait_seconds: float) -> Mapping[str, Any]:
    """How far the job is.

    Raises:
        McpError: it failed.
    """
    found = server.call("job_status", {"job_id": job_id, "wait_seconds": wait_seconds}).data
    if found["state"] not in {"queued", "running", "done"}:
        raise McpError(f"the ingest is {found['state']}: {found['error']}")
    return found


def measure(server: McpConnection, folder: Path, documents: int, searches: int) -> dict[str, Any]:
    """The library filled, then both latencies."""
    write_documents(folder / "first", documents, first=0)
    first = server.call("ingest", {"paths": [str(folder / "first")]}).data["job_id"]
    while job(server, first, wait_seconds=15)["state"] != "done":
        pass
    for number in range(_WARM_SEARCHES):
        search_ms(server, number)
    at_rest = [search_ms(server, number) for number in range(searches)]
    write_documents(folder / "second", documents, first=documents)
    began = time.perf_counter()
    second = server.call("ingest", {"paths": [str(folder / "second")]}).data["job_id"]
    while job(server, second, wait_seconds=0.2)["progress"] is None:
        pass
    during: list[float] = []
    while True:
        took = search_ms(server, len(during))
        if job(server, second, wait_seconds=0)["state"] == "done":
            break
        during.append(took)
    seconds = time.perf_counter() - began
    if not during:
        raise McpError("the job was done before a search was", hint="--documents 2000")
    rest, busy = _figures(at_rest), _figures(during)
    return {
        "at_rest": rest,
        "during_ingest": busy,
        "ratio_p50": round(busy["p50_ms"] / rest["p50_ms"], 2),
        "ratio_p95": round(busy["p95_ms"] / rest["p95_ms"], 2),
        "ingest_seconds": round(seconds, 1),
    }


def _figures(values: list[float]) -> dict[str, float | int]:
    p95 = sorted(values)[max(0, round(_P95 * len(values)) - 1)]
    return {
        "searches": len(values),
        "p50_ms": round(statistics.median(values), 1),
        "p95_ms": round(p95, 1),
        "longest_ms": round(max(values), 1),
    }


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument("--searches", type=int, default=40, help="at rest")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--results", type=results_file, help="write the figures to this file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mcp-jobs-") as name:
        folder = Path(name)
        places = {f"STILLROOM_{kind}_DIR": str(folder / kind.lower()) for kind in ("DATA", "STATE", "CACHE")}
        command = [sys.executable, "-P", "-m", "stillroom", "mcp", "serve"]
        with open_server(
            command, environment=places, start_seconds=_START_SECONDS, call_seconds=_CALL_SECONDS
        ) as server:
            measured = measure(server, folder, asked.documents, asked.searches)
    document = {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu_cores": os.cpu_count(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "documents": asked.documents,
        **measured,
    }
    if asked.results:
        asked.results.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document) if asked.json else "\n".join(_lines(document)))
    return 0


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    for name in ("at_rest", "during_ingest"):
        of_name = document[name]
        yield (
            f"{name:14} p50 {of_name['p50_ms']:8.1f} ms  p95 {of_name['p95_ms']:8.1f} ms  "
            f"longest {of_name['longest_ms']:8.1f} ms  {of_name['searches']} searches"
        )
    yield f"ratio          p50 {document['ratio_p50']:8.2f}     p95 {document['ratio_p95']:8.2f}"


if __name__ == "__main__":
    sys.exit(main())

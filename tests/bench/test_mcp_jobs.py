"""Searches are timed at rest and during an ingest job of a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_searches_are_timed_at_rest_and_during_a_job(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    bench = [sys.executable, str(REPOSITORY / "bench" / "mcp_jobs.py"), "--documents", "120"]
    done = subprocess.run(
        [*bench, "--searches", "3", "--json", "--results", str(results)],
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured == json.loads(results.read_text(encoding="utf-8"))
    assert measured["at_rest"]["searches"] == 3
    assert measured["during_ingest"]["searches"] >= 1
    assert measured["ratio_p50"] > 0

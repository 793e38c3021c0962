"""The adapter's own time is measured beside the SDK's bare client, over all three transports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_bare_adapted_and_agent_calls_are_timed_over_each_transport(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    argv = [sys.executable, str(REPOSITORY / "bench" / "mcp_call.py"), "--calls", "3", "--json"]
    done = subprocess.run(
        [*argv, "--results", str(results)], capture_output=True, text=True, check=False, timeout=240
    )

    # 1 says that this machine, busy as it may be, took longer than the target.
    assert done.returncode in {0, 1}, done.stderr
    measured = json.loads(done.stdout)
    assert measured == json.loads(results.read_text(encoding="utf-8"))
    assert set(measured["transports"]) == {"in process", "stdio", "http"}
    for found in measured["transports"].values():
        assert set(found) == {"bare", "adapted", "agent"}
        assert found["bare"]["median_ms"] > 0
        assert found["adapted"].keys() == {"median_ms", "p95_ms", "ratio", "added_ms"}

"""The example of an agent of one's own runs as its documentation says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def test_the_bundled_model_calls_a_function_of_the_example(bundled_endpoint: Endpoint) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "examples/own_agent.py",
            bundled_endpoint.base_url,
            bundled_endpoint.model,
            "Measure how long the rope is.",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert "'name': 'measure'" in done.stdout
    assert "tool: " in done.stdout

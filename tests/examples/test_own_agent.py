"""The example of an agent of one's own runs as its documentation says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.ports import free_port

if TYPE_CHECKING:
    from deploy.endpoint import Endpoint

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def example(url: str, model: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "examples/own_agent.py", url, model, "Measure how long the rope is."],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
        timeout=240,
    )


def test_the_bundled_model_calls_a_function_of_the_example(bundled_endpoint: Endpoint) -> None:
    done = example(bundled_endpoint.base_url, bundled_endpoint.model)
    assert done.returncode == 0, done.stderr
    assert "'name': 'measure'" in done.stdout
    assert "tool: " in done.stdout


def test_endpoint_that_nobody_serves_is_named_in_words() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    done = example(url, "m")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert url in done.stderr
    assert "try: " in done.stderr

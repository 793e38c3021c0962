"""Deployments whose engine, supervisor or guardian was killed, with real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import psutil

from deploy.ports import free_port
from deploy.spec import LaunchSpec
from deploy.supervision.deployment import (
    Restart,
    lives,
    write_record,
)
from deploy.supervision.engine_log import previous
from deploy.supervision.restarting import MOST_RESTARTS
from deploy.supervision.supervise import current_endpoint, down, status, up
from tests.deploy.supervision.conftest import processes
from tests.processes import command_line, runs, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.plan import Plan


SERVER_WITH_A_CHILD = """
import http.server, json, os, pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({pids!r}).write_text(f"{{os.getpid()}} {{child.pid}}")
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        body = json.dumps({{"model": "tiny", "choices": [{{}}]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer
http.server.HTTPServer(("127.0.0.1", {port}), Handler).serve_forever()
"""


def script_spec(source: str, port: int) -> LaunchSpec:
    """An engine that is a little Python: real processes, which behave as a test needs them to."""
    return LaunchSpec(
        engine="vllm",
        argv=(sys.executable, "-c", source),
        host="127.0.0.1",
        port=port,
        base_url=f"http://127.0.0.1:{port}/v1",
        readiness_url=f"http://127.0.0.1:{port}/health",
        served_model="tiny",
        stop_grace_seconds=1.0,
    )


def test_a_crashed_engine_is_started_again_on_the_same_port(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    _, child = processes(up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None))

    os.kill(child, signal.SIGKILL)

    def is_back() -> bool:
        found = status(state_dir)
        return found is not None and found.state == "running" and processes(found)[1] != child

    assert wait_until(is_back)
    again = status(state_dir)
    assert again is not None
    assert [crash.why for crash in again.restarts] == [
        "it was killed (SIGKILL), as the system does when memory runs out"
    ]
    assert again.endpoint.base_url == spec.base_url
    assert httpx.get(spec.readiness_url, trust_env=False, timeout=60).status_code == 200
    assert previous(again.log_path).exists()


def test_an_engine_that_keeps_crashing_is_given_up_with_the_last_reason(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    deployment = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
    down(state_dir)
    crashes = tuple(Restart(time.time(), "it was killed") for _ in range(MOST_RESTARTS))
    write_record(
        state_dir,
        deployment.having(state="starting", restarts=crashes, supervisor=None, engine_process=None),
    )
    subprocess.run([sys.executable, "-P", "-m", "deploy.supervision.supervisor", str(state_dir)], check=True)
    assert wait_until(lambda: (now := status(state_dir)) is not None and now.state == "running")
    running = status(state_dir)
    assert running is not None

    os.kill(processes(running)[1], signal.SIGKILL)

    assert wait_until(lambda: (found := status(state_dir)) is not None and found.state == "exited")
    ended = status(state_dir)
    assert ended is not None
    assert ended.exit_code == -signal.SIGKILL
    assert ended.message.startswith(
        "the engine ended 6 times within 10 minutes, the last time: it was killed"
    )
    assert current_endpoint(state_dir) is None


def test_a_deployment_whose_state_was_removed_ends_by_itself(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    supervisor, child = processes(up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None))

    shutil.rmtree(state_dir)

    # At its next look, within a quarter of a minute: nobody could take it down any more.
    assert wait_until(lambda: not runs(supervisor) and not runs(child))


def test_a_guardian_ends_the_group_of_an_engine_that_ignores_its_parents_end(
    bundled_plan: Plan, state_dir: Path, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    port = free_port()
    # vLLM's servers do not notice either that their parent was killed, and their children not theirs.
    source = SERVER_WITH_A_CHILD.format(pids=str(pids), port=port)
    spec = script_spec(source, port)
    deployment = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
    family = [int(pid) for pid in pids.read_text(encoding="utf-8").split()]
    assert len(family) == 2

    os.kill(processes(deployment)[0], signal.SIGKILL)

    assert wait_until(lambda: not any(runs(pid) for pid in family))
    found = status(state_dir)
    assert found is not None
    assert found.state == "lost"


def test_children_of_an_engine_whose_supervisor_and_guardian_were_killed_are_found_by_their_group(
    bundled_plan: Plan, state_dir: Path, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    port = free_port()
    spec = script_spec(SERVER_WITH_A_CHILD.format(pids=str(pids), port=port), port)
    deployment = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
    leader, child = (int(pid) for pid in pids.read_text(encoding="utf-8").split())
    supervisor = psutil.Process(processes(deployment)[0])
    guardians = [one for one in supervisor.children() if "guardian" in " ".join(command_line(one))]
    assert len(guardians) == 1

    for pid in (guardians[0].pid, supervisor.pid, leader):
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not runs(leader))
    assert runs(child)

    assert down(state_dir)
    assert not runs(child)


def test_a_supervisor_that_is_killed_takes_its_engine_along_and_is_told_as_lost(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    deployment = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
    supervisor, _ = processes(deployment)

    os.kill(supervisor, signal.SIGKILL)

    assert wait_until(lambda: (found := status(state_dir)) is not None and found.state == "lost")
    assert wait_until(lambda: not lives(deployment.engine_process))
    assert current_endpoint(state_dir) is None
    assert down(state_dir)
    assert status(state_dir) is None

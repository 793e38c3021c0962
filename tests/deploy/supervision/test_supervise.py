"""Deployments that outlive their command, with the real engine under a real supervisor."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from deploy.engines import engine
from deploy.engines.base import LaunchOptions, attached
from deploy.ports import free_port
from deploy.spec import LaunchSpec
from deploy.supervision.deployment import (
    RECORD_NAME,
    Deployment,
    ProcessMark,
    Restart,
    lives,
    read_record,
    write_record,
)
from deploy.supervision.engine_log import previous
from deploy.supervision.restarting import MOST_RESTARTS
from deploy.supervision.supervise import current_endpoint, down, logs, measure, restart, status, up
from stillroom.errors import EngineError, EngineStartError, EnvironmentUnfitError, PortTakenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.weights import WeightsFile


@pytest.fixture
def spec(bundled_plan: Plan, bundled_weights: WeightsFile) -> LaunchSpec:
    """The bundled model on a free port."""
    return engine("embedded").launch_spec(
        bundled_plan,
        LaunchOptions(weights=bundled_weights.path, port=free_port(), threads=2),
    )


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose deployment is gone after the test, whatever it did."""
    folder = tmp_path / "state"
    yield folder
    down(folder, force=True)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


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


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def processes(deployment: Deployment) -> tuple[int, int]:
    """The pids of the supervisor and its engine."""
    assert deployment.supervisor is not None
    assert deployment.engine_process is not None
    return deployment.supervisor.pid, deployment.engine_process.pid


def test_a_deployment_runs_on_its_own_and_is_taken_down_without_a_trace(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    steps: list[str] = []

    deployment = up(spec, bundled_plan, state_dir=state_dir, on_progress=steps.append)

    supervisor, child = processes(deployment)
    assert deployment.state == "running"
    assert psutil.Process(child).ppid() == supervisor
    assert psutil.Process(supervisor).ppid() != os.getpid()
    assert status(state_dir) == deployment
    endpoint = current_endpoint(state_dir)
    assert endpoint is not None
    assert endpoint.context_tokens == 2048
    assert httpx.get(f"{endpoint.base_url}/models", trust_env=False).status_code == 200
    measured = measure(deployment)
    assert measured is not None
    assert "kv_cache" in {term.name for term in measured.terms}
    assert deployment.predicted_bytes["kv_cache"] > 0
    assert any("serving at" in line for line in logs(state_dir, lines=500))
    assert len(logs(state_dir, lines=3)) == 3

    assert down(state_dir)

    assert not lives(deployment.supervisor)
    assert not lives(deployment.engine_process)
    assert status(state_dir) is None
    assert current_endpoint(state_dir) is None
    assert not down(state_dir)
    assert logs(state_dir, lines=1)


def test_a_folder_of_ones_own_that_is_called_deploy_is_not_in_the_way(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "__init__.py").write_text("raise SystemExit('mine')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None).state == "running"


def test_a_second_start_is_refused_while_one_runs(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    first = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)

    with pytest.raises(EngineError, match="smollm2:135m runs already at") as caught:
        up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)

    assert caught.value.hint == "stillroom down"
    assert status(state_dir) == first


def test_a_crashed_engine_is_started_again_on_the_same_port(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    _, child = processes(up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None))

    os.kill(child, signal.SIGKILL)

    def is_back() -> bool:
        found = status(state_dir)
        return found is not None and found.state == "running" and processes(found)[1] != child

    assert wait_until(is_back, seconds=60)
    again = status(state_dir)
    assert again is not None
    assert [crash.why for crash in again.restarts] == [
        "it was killed (SIGKILL), as the system does when memory runs out"
    ]
    assert again.endpoint.base_url == spec.base_url
    assert httpx.get(spec.readiness_url, trust_env=False).status_code == 200
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
    assert wait_until(lambda: (now := status(state_dir)) is not None and now.state == "running", seconds=60)
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
    assert wait_until(lambda: not runs(supervisor) and not runs(child), seconds=60)


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
    guardians = [one for one in supervisor.children() if any("guardian" in word for word in one.cmdline())]
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


def test_a_start_that_fails_says_why_and_leaves_nothing(
    spec: LaunchSpec, bundled_plan: Plan, bundled_weights: WeightsFile, state_dir: Path
) -> None:
    absent = tuple(part.replace(str(bundled_weights.path), "/absent.gguf") for part in spec.argv)

    with pytest.raises(EngineStartError, match=r"the model file /absent\.gguf is missing") as caught:
        up(replace(spec, argv=absent), bundled_plan, state_dir=state_dir, on_progress=lambda _: None)

    assert str(state_dir / "engine.log") in caught.value.hint
    assert status(state_dir) is None


def test_a_supervisor_that_cannot_start_is_told_at_once_and_leaves_nothing(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))

    with pytest.raises(EngineStartError, match="the supervisor ended with exit code 1") as caught:
        up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)

    assert str(state_dir / "supervisor.log") in caught.value.hint
    assert status(state_dir) is None


def test_ctrl_c_while_it_starts_takes_everything_down(
    bundled_plan: Plan, spec: LaunchSpec, state_dir: Path
) -> None:
    hanging = replace(spec, argv=(sys.executable, "-c", "import time; time.sleep(600)"))
    pids: list[int] = []

    def interrupt(step: str) -> None:
        record = read_record(state_dir)
        assert record is not None
        assert record.supervisor is not None
        pids.extend((record.supervisor.pid, int(step.split("pid ")[1].split(",", maxsplit=1)[0])))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        up(hanging, bundled_plan, state_dir=state_dir, on_progress=interrupt)

    assert status(state_dir) is None
    for pid in pids:
        assert wait_until(
            lambda pid=pid: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # type: ignore[misc]
        )


def test_a_record_of_processes_that_are_gone_is_not_taken_for_a_running_engine(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    deployment = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
    down(state_dir)
    assert deployment.supervisor is not None
    reused = replace(deployment.supervisor, pid=os.getpid())  # the same number, another process
    write_record(state_dir, deployment.having(supervisor=reused, engine_process=None))

    found = status(state_dir)

    assert found is not None
    assert found.state == "lost"
    assert down(state_dir)


def test_a_server_of_somebody_else_is_attached_to_and_left_running(
    bundled_plan: Plan, state_dir: Path, replay: Callable[..., Any]
) -> None:
    server = replay("vllm/health", "vllm/chat")
    plan = replace(bundled_plan, model_tag="tiny")
    own = engine("vllm").launch_spec(plan, LaunchOptions(port=1))
    spec = attached(own, url=server.url)

    deployment = up(spec, plan, state_dir=state_dir, on_progress=lambda _: None)

    assert deployment.state == "running"
    assert deployment.engine_process is None
    assert measure(deployment) is None
    assert down(state_dir)
    assert httpx.get(f"{server.url}/health", trust_env=False).status_code == 200


def test_a_restart_that_fails_keeps_the_record_for_another_try(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    first = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
    os.kill(processes(first)[0], signal.SIGKILL)
    assert wait_until(lambda: not lives(first.engine_process))

    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past what TIME_WAIT holds
        stranger.bind((spec.host, spec.port))
        stranger.listen()
        with pytest.raises(PortTakenError):
            restart(state_dir, on_progress=lambda _: None)
    left = status(state_dir)
    assert left is not None
    assert (left.state, left.hint) == ("exited", "stillroom restart")
    assert left.message.startswith("it was not started again: port")

    assert restart(state_dir, on_progress=lambda _: None).state == "running"


def test_an_interrupted_restart_keeps_the_record_too(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restart(state_dir, on_progress=interrupt)

    left = status(state_dir)
    assert left is not None
    assert left.message == "it was not started again: it was interrupted"
    assert left.spec == spec


def test_a_restart_of_nothing_says_how_to_start(state_dir: Path) -> None:
    state_dir.mkdir()

    with pytest.raises(EngineError, match="there is nothing to start again") as caught:
        restart(state_dir, on_progress=lambda _: None)

    assert caught.value.hint == "stillroom up"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"supervisor": ProcessMark(-1, 0.0)}, "supervisor.pid: -1"),
        ({"engine_process": ProcessMark(0, 0.0)}, "engine_process.pid: 0"),
    ],
)
def test_a_record_with_a_process_that_cannot_be_is_damaged(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path, changes: dict[str, ProcessMark], place: str
) -> None:
    deployment = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
    write_record(state_dir, deployment.having(**changes))

    with pytest.raises(EngineError, match=f"damaged at {place}"):
        status(state_dir)

    assert down(state_dir, force=True)
    assert wait_until(lambda: not lives(deployment.engine_process))


def test_a_damaged_state_file_names_itself_and_the_command_that_mends_it(
    spec: LaunchSpec, bundled_plan: Plan, state_dir: Path
) -> None:
    deployment = up(spec, bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
    (state_dir / RECORD_NAME).write_text('{"state": "running"', encoding="utf-8")

    with pytest.raises(EngineError, match=f"the state file {state_dir / RECORD_NAME} is damaged") as caught:
        status(state_dir)
    with pytest.raises(EngineError, match="is damaged"):
        down(state_dir)

    assert caught.value.hint == "stillroom down --force"
    assert down(state_dir, force=True)
    assert status(state_dir) is None
    assert wait_until(lambda: not lives(deployment.engine_process))


def test_logs_before_any_start_say_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="there is no engine's log") as caught:
        logs(tmp_path, lines=10)

    assert caught.value.hint == "stillroom up"


def test_a_state_directory_that_cannot_be_made_is_an_error_of_the_environment(
    spec: LaunchSpec, bundled_plan: Plan, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("", encoding="utf-8")

    with pytest.raises(EnvironmentUnfitError, match="cannot write") as caught:
        up(spec, bundled_plan, state_dir=in_the_way / "state", on_progress=lambda _: None)

    assert "STILLROOM_STATE_DIR" in caught.value.hint

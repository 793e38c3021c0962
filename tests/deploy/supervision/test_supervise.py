"""Deployments that outlive their command, with the real engine under a real supervisor."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from deploy.engines import engine
from deploy.engines.base import LaunchOptions, attached
from deploy.supervision.deployment import (
    RECORD_NAME,
    ProcessMark,
    lives,
    read_record,
    write_record,
)
from deploy.supervision.supervise import current_endpoint, down, logs, measure, restart, status, up
from stillroom.errors import EngineError, EngineStartError, EnvironmentUnfitError, PortTakenError
from tests.deploy.supervision.conftest import processes
from tests.processes import runs, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec
    from deploy.weights import WeightsFile


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
    assert httpx.get(f"{endpoint.base_url}/models", trust_env=False, timeout=60).status_code == 200
    measured = measure(deployment)
    assert measured is not None
    assert "kv_cache" in {term.name for term in measured.terms}
    assert deployment.predicted_bytes["kv_cache"] > 0
    assert any("serving at" in line for line in logs(state_dir, lines=500))
    assert len(logs(state_dir, lines=3)) == 3
    # An engine may write prompts into its log.
    for path in (state_dir, state_dir / "engine.log", state_dir / "supervisor.log"):
        assert path.stat().st_mode & 0o077 == 0, path

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
        assert wait_until(lambda pid=pid: not runs(pid))  # type: ignore[misc]


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
    assert httpx.get(f"{server.url}/health", trust_env=False, timeout=60).status_code == 200


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

"""Starts of the real vLLM that fail, each told in one sentence with the next step."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import deploy.launching.launch
from deploy.launching.launch import start
from deploy.planning.plan_file import save_plan
from deploy.spec import GIB, Workload
from deploy.supervision.deployment import read_record
from stillroom.errors import EngineStartError, PortTakenError
from tests.vllm.conftest import (
    API_KEY,
    CHILDREN,
    PROGRAM,
    group_of,
    plan_for,
    processes_of,
    wait_until,
    with_cache,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.spec import LaunchSpec
    from tests.conftest import Home
    from tests.vllm.conftest import Job

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def longer_model(folder: Path, tmp_path: Path) -> Path:
    """The model, said to read 131,072 tokens: more than a cache of one GiB holds."""
    longer = tmp_path / "longer"
    longer.mkdir()
    for name in ("model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (longer / name).symlink_to(folder / name)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text = json.dumps(config | {"max_position_embeddings": 131_072})
    (longer / "config.json").write_text(text, encoding="utf-8")
    return longer


def of_model(spec: LaunchSpec, name: str) -> LaunchSpec:
    """The same command for another model."""
    program, command, _, *flags = spec.argv
    return replace(spec, argv=(program, command, name, *flags))


def failure(spec: LaunchSpec, tmp_path: Path) -> EngineStartError:
    """How it fails to start, after which nothing of it is left."""
    groups: list[int] = []
    with pytest.raises(EngineStartError) as caught:
        start(spec, log_path=tmp_path / "engine.log", on_progress=lambda _: None, on_spawn=groups.append)
    assert len(groups) == 1
    assert processes_of(groups[0]) == []
    assert f"its log is {tmp_path / 'engine.log'}" in caught.value.hint
    return caught.value


def test_a_missing_model_directory_is_named(job: Callable[[], Job], tmp_path: Path) -> None:
    absent = tmp_path / "absent"

    error = failure(of_model(job().spec, str(absent)), tmp_path)

    assert error.message.endswith(f"the model directory {absent} is missing")


def test_a_directory_without_a_model_is_named(job: Callable[[], Job], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    error = failure(of_model(job().spec, str(empty)), tmp_path)

    assert error.message.endswith(f"the model directory {empty} holds no config.json")


def test_a_model_that_would_have_to_be_fetched_without_a_network_is_said_so(
    job: Callable[[], Job], tmp_path: Path
) -> None:
    error = failure(of_model(job().spec, "somebody/some-model"), tmp_path)

    assert error.message.endswith(
        "the weights are not on this machine, and the model hub could not be reached"
    )
    assert "STILLROOM_HUB_URL" in error.hint


def test_a_taken_port_is_refused_before_anything_starts(job: Callable[[], Job], tmp_path: Path) -> None:
    spec = job().spec
    with socket.socket() as other:
        other.bind((spec.host, spec.port))
        other.listen()

        with pytest.raises(PortTakenError, match=rf"port {spec.port} .* is taken by pid {os.getpid()}"):
            start(spec, log_path=tmp_path / "engine.log", on_progress=lambda _: None)

    assert not (tmp_path / "engine.log").exists()


def test_a_port_that_is_taken_while_it_starts_is_told(
    job: Callable[[], Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = job().spec
    # As if the other program had come a moment later.
    monkeypatch.setattr(deploy.launching.launch, "require_free_port", lambda *_: None)
    with socket.socket() as other:
        other.bind((spec.host, spec.port))
        other.listen()

        error = failure(spec, tmp_path)

    assert error.message.endswith("its port was taken by another program")


def test_too_small_a_cache_is_answered_by_the_largest_context_that_fits(
    home: Home, longer_model: Path
) -> None:
    """By the command itself; then its supervisor is killed, and nothing of the server is left."""
    home.environment.update(STILLROOM_VLLM_PROGRAM=str(PROGRAM), STILLROOM_ENGINE_API_KEY=API_KEY)
    hopeful = with_cache(plan_for(longer_model, Workload(context_tokens=65_536)), GIB)
    save_plan(hopeful, home.folder / "plan.json")
    try:
        done = home.run("up", "--plan", "plan.json", "--json", seconds=800)

        assert done.returncode == 0, done.stderr
        deployment = read_record(home.state_dir)
        assert deployment is not None
        (step,) = deployment.steps
        fitting = re.search(r"which holds (\d+) tokens", step.why)
        assert fitting is not None
        assert step.kind == "context"
        context_tokens = deployment.endpoint.context_tokens
        assert 40_000 < context_tokens <= int(fitting[1]) < 65_536
        assert f"trying {step.description}" in done.stderr
        assert API_KEY not in done.stdout + done.stderr

        assert deployment.supervisor is not None
        group = group_of(deployment)
        assert set(processes_of(group)) >= CHILDREN
        os.kill(deployment.supervisor.pid, signal.SIGKILL)
        assert wait_until(lambda: not processes_of(group))
        assert home.json("status")["deployment"]["state"] == "lost"
    finally:
        home.run("down", "--force")

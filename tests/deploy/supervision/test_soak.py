"""Rounds in which each of our processes is killed in turn: no orphan, no stuck lock, no lost state."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.ports import free_port
from deploy.supervision.deployment import read_record
from deploy.supervision.supervise import current_endpoint, down, status, up
from stillroom.errors import EngineError
from tests.processes import command_line, runs, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec
    from deploy.weights import WeightsFile

VICTIMS = ("supervisor", "guardian", "engine")
STATES = {"starting", "running", "restarting", "failed", "exited", "lost"}


def family(state_dir: Path) -> dict[str, psutil.Process]:
    """The processes of a deployment, by what they are."""
    deployment = status(state_dir)
    assert deployment is not None
    assert deployment.supervisor is not None
    supervisor = psutil.Process(deployment.supervisor.pid)
    found = {"supervisor": supervisor}
    for child in supervisor.children(recursive=True):
        words = " ".join(command_line(child))
        if "guardian" in words:
            found["guardian"] = child
        elif "embedded_server" in words and runs(child.pid):
            found["engine"] = child
    return found


@pytest.mark.timeout(900)
def test_whatever_is_killed_the_next_command_works_and_nothing_is_left(
    bundled_plan: Plan, bundled_weights: WeightsFile, state_dir: Path
) -> None:
    def spec() -> LaunchSpec:
        options = LaunchOptions(port=free_port(), weights=bundled_weights.path, threads=1)
        return engine("embedded").launch_spec(bundled_plan, options)

    # The last round comes after each kind of death.
    for victim in (*VICTIMS, VICTIMS[0]):
        up(spec(), bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
        seen = family(state_dir)
        assert set(seen) == set(VICTIMS)

        os.kill(seen[victim].pid, signal.SIGKILL)
        assert wait_until(lambda seen=seen, victim=victim: not runs(seen[victim].pid))  # type: ignore[misc]
        found = status(state_dir)
        assert found is not None
        assert found.state in STATES
        assert found.plan == bundled_plan

        if victim == "supervisor":
            up(spec(), bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
        else:
            # The engine is started again by its supervisor, or only its guardian was killed.
            with pytest.raises(EngineError, match="runs already"):
                up(spec(), bundled_plan, state_dir=state_dir, on_progress=lambda _: None)
            assert wait_until(lambda: current_endpoint(state_dir) is not None)
        everybody = [*seen.values(), *family(state_dir).values()]

        assert down(state_dir)
        assert wait_until(lambda everybody=everybody: not any(runs(one.pid) for one in everybody))  # type: ignore[misc]
        assert read_record(state_dir) is None
        assert not down(state_dir)

"""The bundled model on a free port, and a state directory that is empty of processes afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.ports import free_port
from deploy.supervision.supervise import down

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec
    from deploy.supervision.deployment import (
        Deployment,
    )
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


def processes(deployment: Deployment) -> tuple[int, int]:
    """The pids of the supervisor and its engine."""
    assert deployment.supervisor is not None
    assert deployment.engine_process is not None
    return deployment.supervisor.pid, deployment.engine_process.pid

"""Launch specifications of each engine, as the engines make them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.serving import Placement
from deploy.spec import GIB, Artefact, Gpu, Machine, Workload

if TYPE_CHECKING:
    from deploy.plan import Plan
    from deploy.spec import EngineName, LaunchSpec

WEIGHTS = Path("/root/my models/m$1.gguf")


@pytest.fixture
def plan(bundled_plan: Plan) -> Plan:
    """DeepSeek-R1-Distill-Qwen-7B on the second and third GPU."""
    return replace(
        bundled_plan,
        model_id="deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        model_tag="deepseek-r1:7b",
        artefact=Artefact("Q4_K_M", 4_683_073_024, 0, exact=True, source="file"),
        workload=Workload(context_tokens=8192, concurrent_sequences=4),
        layer_count=28,
        placement=Placement(gpus=(1, 2), gpu_layers=(15, 14), tensor_parallel=2),
        device_totals={"gpu:1": 24 * GIB, "gpu:2": 24 * GIB},
        gpu_memory_utilization=0.833,
        reasoning=True,
    )


@pytest.fixture
def machine() -> Machine:
    """Three cards of NVIDIA."""
    gpus = tuple(Gpu(index, "RTX 4090", 24 * GIB, 24 * GIB) for index in range(3))
    return Machine("CPU", 8, 64 * GIB, 60 * GIB, "physical", 500 * GIB, gpus=gpus)


def launch_spec(plan: Plan, name: EngineName, *, weights: Path | None = None, contained: bool) -> LaunchSpec:
    """As ``stillroom export`` asks for it, with a key that must not be printed."""
    options = LaunchOptions(
        port=8123,
        weights=weights,
        host="0.0.0.0" if contained else "127.0.0.1",
        threads=4,
        api_key="sk-private",
        hub_token="hf_private",
    )
    return engine(name).launch_spec(plan, options)

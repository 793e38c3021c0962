"""Real engines under real limits of memory: what is given up until one comes up."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.catalog import load_catalog
from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.hardware.detect import detect_machine
from deploy.plan import PlanRequest
from deploy.planning.ladder import Ladder
from deploy.planning.options import Weigher
from deploy.planning.planner import plan_bundled
from deploy.planning.subject import from_catalog
from deploy.ports import free_port
from deploy.spec import MIB, Workload
from deploy.supervision.bring_up import bring_up
from deploy.supervision.supervise import down, status
from stillroom.errors import EngineMemoryError, EngineStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec
    from deploy.supervision.deployment import Deployment
    from deploy.weights import WeightsFile

# 8 sequences of 8,192 tokens at 23,040 B each: 1,440 MiB of KV cache.
WORKLOAD = Workload(context_tokens=8192, concurrent_sequences=8)


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose deployment is gone after the test."""
    folder = tmp_path / "state"
    yield folder
    down(folder, force=True)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """The bundled model for more cache than the tests' limits hold."""
    return plan_bundled(detect_machine(disk_path=tmp_path), PlanRequest(WORKLOAD), load_catalog())


@pytest.fixture
def ladder(tmp_path: Path) -> Ladder:
    """What may be given up of it."""
    weigher = Weigher(
        detect_machine(disk_path=tmp_path), PlanRequest(WORKLOAD, engines=("embedded",)), named=True
    )
    return Ladder(weigher, from_catalog(load_catalog().bundled))


def limited(weights: WeightsFile, address_space_bytes: int) -> Callable[[Plan], LaunchSpec]:
    """How to start a plan in a process that may map only so much memory."""
    prlimit = shutil.which("prlimit")
    assert prlimit, "prlimit comes with util-linux"

    def spec_of(wanted: Plan) -> LaunchSpec:
        options = LaunchOptions(port=free_port(), weights=weights.path, threads=2)
        spec = engine("embedded").launch_spec(wanted, options)
        return replace(spec, argv=(prlimit, f"--as={address_space_bytes}", *spec.argv))

    return spec_of


def brought_up(
    plan: Plan, ladder: Ladder | None, spec_of: Callable[[Plan], LaunchSpec], state_dir: Path, told: list[str]
) -> Deployment:
    """What came up in the end; ``told`` gets what was said of steps on the way."""
    return bring_up(
        plan,
        lambda: ladder,
        spec_of=spec_of,
        state_dir=state_dir,
        on_progress=lambda _: None,
        on_step=told.append,
    )


def test_a_real_engine_out_of_memory_gives_up_cache_and_context_until_it_answers(
    plan: Plan, ladder: Ladder, bundled_weights: WeightsFile, state_dir: Path
) -> None:
    told: list[str] = []

    deployment = brought_up(plan, ladder, limited(bundled_weights, 1000 * MIB), state_dir, told)

    assert all("it ran out of memory; trying " in sentence for sentence in told), told
    kinds = [step.kind for step in deployment.steps]
    assert kinds[:2] == ["kv_cache", "kv_cache"]
    assert deployment.plan.serving.kv_cache_type == "q4_0"
    assert len(told) == len(kinds)
    assert all("it ran out of memory; trying " in sentence for sentence in told)
    assert all("ran out of memory" in step.why for step in deployment.steps)
    # What is served is what the plan that came up says, and the record keeps both.
    found = status(state_dir)
    assert found is not None
    assert found.steps == deployment.steps
    assert found.plan == deployment.plan
    assert found.endpoint.context_tokens == deployment.plan.workload.context_tokens
    properties = httpx.get(
        f"{found.endpoint.base_url.removesuffix('/v1')}/props", trust_env=False, timeout=60
    ).json()
    assert properties["default_generation_settings"]["n_ctx"] == deployment.plan.workload.context_tokens


def test_where_nothing_is_left_to_give_up_the_error_names_what_was(
    plan: Plan, ladder: Ladder, bundled_weights: WeightsFile, state_dir: Path
) -> None:
    small = replace(plan, workload=Workload(2048, 1))

    with pytest.raises(EngineMemoryError, match=r"a KV cache in .*: nothing more can be given up"):
        brought_up(small, ladder, limited(bundled_weights, 420 * MIB), state_dir, [])

    assert status(state_dir) is None


def test_without_a_ladder_the_plan_starts_or_fails(
    plan: Plan, bundled_weights: WeightsFile, state_dir: Path
) -> None:
    with pytest.raises(EngineMemoryError, match="it ran out of memory") as caught:
        brought_up(plan, None, limited(bundled_weights, 1000 * MIB), state_dir, [])

    assert "--context" in caught.value.hint


def test_a_step_that_does_not_start_at_all_is_taken_back_for_another(
    plan: Plan, ladder: Ladder, bundled_weights: WeightsFile, state_dir: Path
) -> None:
    told: list[str] = []
    limit = limited(bundled_weights, 1000 * MIB)

    def without_quantized_caches(wanted: Plan) -> LaunchSpec:
        """An engine whose version lacks them says so as argparse does."""
        spec = limit(wanted)
        unknown = {"q8_0": "q8_9", "q4_0": "q4_9"}
        return replace(spec, argv=tuple(unknown.get(word, word) for word in spec.argv))

    deployment = brought_up(plan, ladder, without_quantized_caches, state_dir, told)

    assert "a KV cache in q8_0 instead of f16 does not start" in told[1]
    assert "kv_cache" not in {step.kind for step in deployment.steps}
    assert deployment.steps[0].kind == "context"
    assert deployment.plan.serving.kv_cache_type == "f16"


def test_a_failure_that_is_not_of_memory_gives_nothing_up(
    plan: Plan, ladder: Ladder, bundled_weights: WeightsFile, state_dir: Path, tmp_path: Path
) -> None:
    absent = replace(bundled_weights, path=tmp_path / "absent.gguf")
    told: list[str] = []

    with pytest.raises(EngineStartError, match="is missing"):
        brought_up(plan, ladder, limited(absent, 4000 * MIB), state_dir, told)

    assert told == []

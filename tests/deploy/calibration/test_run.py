"""The closed loop, with the real embedded engine: what a launch measured makes the next plan truer."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.calibration.comparison import OVERHEAD, TOTAL, compare
from deploy.calibration.corrections import Calibration
from deploy.calibration.file import read_observations
from deploy.calibration.run import Launch, calibrate, filling_tokens
from deploy.catalog import load_catalog
from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.launching.launch import start
from deploy.measurement import Measurement
from deploy.plan import PlanRequest, SpeedEstimate, Unknown
from deploy.planning.planner import plan_bundled
from deploy.ports import free_port
from deploy.serving import Placement
from deploy.spec import GIB, MIB, Machine, Workload

if TYPE_CHECKING:
    from deploy.plan import Plan
    from deploy.spec import EngineName
    from deploy.weights import WeightsFile

# Big enough for the bundled model; how fast it is matters only for how long a prompt may take.
MACHINE = Machine(
    platform.machine() or "a processor",
    cpu_cores=8,
    memory_total_bytes=16 * GIB,
    memory_available_bytes=12 * GIB,
    memory_limited_by="physical",
    disk_free_bytes=100 * GIB,
)
WORKLOAD = Workload(context_tokens=2048)
# Between two launches of the same the allocator's noise was below this.
NOISE_BYTES = 2 * MIB


def plan_now(state_dir: Path) -> Plan:
    """As ``stillroom plan`` plans the bundled model after what was launched so far."""
    installed: dict[EngineName, str] = {"embedded": engine("embedded").availability().version}
    calibration = Calibration(read_observations(state_dir), installed)
    return plan_bundled(MACHINE, PlanRequest(WORKLOAD), load_catalog(), calibration=calibration)


def launch(plan: Plan, weights: Path, state_dir: Path) -> Measurement:
    """Start the engine, measure it, keep what it says, stop it."""
    spec = engine("embedded").launch_spec(plan, LaunchOptions(port=free_port(), weights=weights, threads=2))
    with start(spec, log_path=state_dir / "engine.log", on_progress=lambda _: None) as running:
        launched = Launch(spec, plan, running.log(), running.measure)
        measured = calibrate(launched, machine=MACHINE, device_names={}, state_dir=state_dir)
    assert measured is not None
    return measured


def errors(plan: Plan, measured: Measurement) -> dict[str, int]:
    """How far each line of the plan is from what was measured, in bytes."""
    return {
        line.name: abs(line.measured_bytes - line.predicted_bytes)
        for line in compare(plan.memory, measured)
        if line.measured_bytes is not None
    }


def test_a_second_plan_is_closer_to_what_is_measured_and_a_third_stays_there(
    bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    plans, measured = [], []
    for _ in range(3):
        plans.append(plan_now(tmp_path))
        measured.append(launch(plans[-1], bundled_weights.path, tmp_path))
    first, second, third = plans

    # Beside what the first launch took, and, which is harder, beside what the second took.
    for took in measured[:2]:
        before, after = errors(first, took), errors(second, took)
        assert before.keys() == after.keys() == {"weights", "kv_cache", "compute", OVERHEAD, TOTAL}
        assert all(after[name] <= before[name] for name in before)
        assert after[OVERHEAD] < before[OVERHEAD]
        assert after[TOTAL] < before[TOTAL]
    assert errors(second, measured[1])[TOTAL] < NOISE_BYTES
    assert abs(third.memory.expected_bytes - second.memory.expected_bytes) < NOISE_BYTES
    assert [term.formula_bytes for term in third.memory.terms] == [
        term.expected_bytes for term in first.memory.terms
    ]
    # After a third launch that agrees, the intervals are what was seen.
    fourth = plan_now(tmp_path).memory
    assert fourth.term("compute").low_bytes > first.memory.term("compute").low_bytes
    assert fourth.term(OVERHEAD).low_bytes > first.memory.term(OVERHEAD).low_bytes
    assert fourth.high_bytes < first.memory.high_bytes


def test_a_launch_is_kept_under_engine_version_device_and_architecture(
    bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    plan = plan_now(tmp_path)
    launch(plan, bundled_weights.path, tmp_path)

    kept = read_observations(tmp_path)

    assert {one.component for one in kept} == {"weights", "kv_cache", "compute", OVERHEAD}
    assert {(one.engine, one.engine_version, one.device, one.architecture, one.layout) for one in kept} == {
        ("embedded", engine("embedded").availability().version, MACHINE.cpu_name, "llama", "cpu")
    }
    assert len({one.observed_at for one in kept}) == 1
    assert {one.context_tokens for one in kept} == {2048}


def test_a_prompt_fills_the_buffers_before_overhead_is_measured(
    bundled_weights: WeightsFile, tmp_path: Path
) -> None:
    plan = plan_now(tmp_path)
    spec = engine("embedded").launch_spec(
        plan, LaunchOptions(port=free_port(), weights=bundled_weights.path, threads=2)
    )
    with start(spec, log_path=tmp_path / "engine.log", on_progress=lambda _: None) as running:
        before = running.measure()
        launched = Launch(spec, plan, running.log(), running.measure)
        after = calibrate(launched, machine=MACHINE, device_names={}, state_dir=tmp_path)

    assert after is not None
    assert after.anonymous_bytes is not None
    assert before.anonymous_bytes is not None
    assert after.anonymous_bytes > before.anonymous_bytes + 4 * MIB


def speed(tokens_per_s: float) -> SpeedEstimate:
    return SpeedEstimate(tokens_per_s / 2, tokens_per_s, tokens_per_s * 2, "a test")


@pytest.mark.parametrize(
    ("prefill", "placement", "context_tokens", "tokens"),
    [
        (speed(1000), Placement(), 8192, 512),
        (speed(1000), Placement(), 400, 300),
        (speed(20), Placement(), 8192, 0),
        (Unknown("no bandwidth"), Placement(), 8192, 0),
        (Unknown("no figures of that GPU"), Placement((0,), (31,)), 8192, 512),
    ],
)
def test_the_filling_prompt_fits_the_context_and_is_spared_where_it_would_take_long(
    prefill: SpeedEstimate | Unknown,
    placement: Placement,
    context_tokens: int,
    tokens: int,
    bundled_plan: Plan,
) -> None:
    plan = replace(bundled_plan, prefill=prefill, placement=placement, workload=Workload(context_tokens))

    assert filling_tokens(plan) == tokens


def test_an_engine_that_is_gone_by_then_leaves_nothing(bundled_plan: Plan, tmp_path: Path) -> None:
    spec = engine("embedded").launch_spec(
        bundled_plan, LaunchOptions(port=free_port(), weights=Path("m.gguf"), threads=2)
    )
    gone = Launch(spec, replace(bundled_plan, prefill=speed(1000)), "", lambda: None)

    assert calibrate(gone, machine=MACHINE, device_names={}, state_dir=tmp_path) is None
    assert read_observations(tmp_path) == ()


def test_what_runs_in_a_container_has_no_total_and_so_no_overhead(bundled_plan: Plan, tmp_path: Path) -> None:
    spec = engine("embedded").launch_spec(
        bundled_plan, LaunchOptions(port=free_port(), weights=Path("m.gguf"), threads=2)
    )
    log = "llama_kv_cache: CPU KV buffer size = 45.00 MiB\n"
    terms = engine("embedded").read_memory(log, {})
    measured = Measurement(200 * MIB, None, None, terms, held_bytes=200 * MIB)
    contained = Launch(replace(spec, stop_argv=("docker", "rm")), bundled_plan, log, lambda: measured)

    assert calibrate(contained, machine=MACHINE, device_names={}, state_dir=tmp_path) is measured
    assert {one.component for one in read_observations(tmp_path)} == {"kv_cache"}

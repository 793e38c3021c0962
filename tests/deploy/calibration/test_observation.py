"""What is worth keeping of a launch, and under which key."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.calibration.comparison import ComparedTerm
from deploy.calibration.observation import Setup, layout, observe, setup_on
from deploy.serving import Placement, Serving
from deploy.spec import GIB, EngineName, Gpu, Machine

if TYPE_CHECKING:
    from deploy.plan import Plan

NOW = "2026-11-26T10:00:00+00:00"
MACHINE = Machine(
    "a processor",
    8,
    64 * GIB,
    60 * GIB,
    "physical",
    100 * GIB,
    gpus=(
        Gpu(0, "NVIDIA GeForce RTX 4090", 24 * GIB, 23 * GIB),
        Gpu(1, "NVIDIA GeForce RTX 3060", 12 * GIB, 11 * GIB),
    ),
)


def line(name: str, device: str = "cpu", **changed: object) -> ComparedTerm:
    one = ComparedTerm(device, name, (name,), 90, 100, 110, 100, 105, 1)
    return replace(one, **changed)  # type: ignore[arg-type]


def kept(plan: Plan, *lines: ComparedTerm, filled: bool = True) -> list[str]:
    setup = setup_on(MACHINE, plan, {})
    return [
        one.component for one in observe(lines, plan, setup, version="1.0", observed_at=NOW, filled=filled)
    ]


def test_a_setup_is_where_and_what_was_planned(bundled_plan: Plan) -> None:
    on_gpus = replace(bundled_plan, placement=Placement(gpus=(1,), gpu_layers=(31,)))

    assert setup_on(MACHINE, on_gpus, {"NVIDIA GeForce RTX 3060": "RTX 3060"}) == Setup(
        engine="embedded",
        architecture="llama",
        layout="1 gpu",
        weights_bytes=bundled_plan.artefact.total_bytes,
        kv_cache_type="f16",
        devices=(("gpu:1", "RTX 3060"), ("cpu", "a processor")),
    )


@pytest.mark.parametrize(
    ("placement", "words"),
    [
        (Placement(), "cpu"),
        (Placement((0,), (29,)), "1 gpu"),
        (Placement((0,), (28,)), "1 gpu + cpu"),
        (Placement((0, 1), (20, 9)), "2 gpus"),
        (Placement((0,)), "1 gpu"),
        (Placement((0, 1), tensor_parallel=2), "2 gpus, tensor parallel 2"),
        (Placement((0, 1), pipeline_parallel=2), "2 gpus"),
    ],
)
def test_a_layout_tells_apart_what_formulas_tell_apart(placement: Placement, words: str) -> None:
    assert layout(placement, 28) == words


def test_the_formulas_own_prediction_is_kept_and_not_a_corrected_one(bundled_plan: Plan) -> None:
    setup = setup_on(MACHINE, bundled_plan, {})
    corrected = line("compute", predicted_bytes=104, formula_bytes=80)

    (one,) = observe((corrected,), bundled_plan, setup, version="1.0", observed_at=NOW, filled=True)

    assert (one.predicted_bytes, one.measured_bytes, one.rounding_bytes) == (80, 105, 1)
    assert (one.device, one.engine_version, one.day) == ("a processor", "1.0", "2026-11-26")
    assert (one.model, one.context_tokens) == ("smollm2:135m", 2048)


def test_what_nobody_measured_or_predicted_is_not_kept(bundled_plan: Plan) -> None:
    lines = (
        line("compute", measured_bytes=None),
        line("weights", formula_bytes=0),
        line("kv_cache", device="gpu:7"),
        line("total"),
        line("buffers"),
        line("cuda_graphs"),
        line("lora"),
        line("recurrent_state"),
    )

    assert kept(bundled_plan, *lines) == ["recurrent_state"]


def test_overhead_is_kept_only_once_a_prompt_filled_the_buffers(bundled_plan: Plan) -> None:
    assert kept(bundled_plan, line("overhead"), line("compute"), filled=False) == ["compute"]
    assert kept(bundled_plan, line("overhead"), line("compute"), filled=True) == ["overhead", "compute"]


def test_overhead_that_a_cache_may_be_in_is_not_kept(bundled_plan: Plan) -> None:
    assert kept(bundled_plan, line("overhead", covers=("kv_cache", "overhead"))) == []


@pytest.mark.parametrize(
    ("engine", "components"), [("vllm", ["weights"]), ("ollama", ["weights", "kv_cache"])]
)
def test_vllms_cache_is_a_setting_and_no_outcome(
    engine: EngineName, components: list[str], bundled_plan: Plan
) -> None:
    plan = replace(bundled_plan, engine=engine, serving=Serving())

    assert kept(plan, line("weights"), line("kv_cache")) == components

"""What one option is weighed against, and what is to blame where it is turned down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.catalog import load_catalog
from deploy.plan import PlanRequest, Rejection
from deploy.planning.options import GPU_RESERVE_BYTES, RAM_RESERVE_BYTES, PlanOption, Weigher, device_budgets
from deploy.planning.subject import from_catalog
from deploy.spec import GIB, Gpu, Machine, Workload
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from deploy.spec import EngineName

CATALOG = load_catalog()
CARD = Gpu(0, "a GPU", 24 * GIB, 24 * GIB, bandwidth_bytes_per_s=1e12, compute_capability=8.9)
MACHINE = Machine("a processor", 8, 32 * GIB, 32 * GIB, "physical", 1000 * GIB, (CARD,))


def weigh(
    model: str = "deepseek-r1:7b",
    quantization: str = "Q4_K_M",
    engine: EngineName = "ollama",
    *,
    machine: Machine = MACHINE,
    named: bool = True,
    **asked: Any,  # noqa: ANN401 -- fields of PlanRequest
) -> PlanOption:
    weigher = Weigher(machine, PlanRequest(**asked), named=named)
    return weigher.weigh(from_catalog(CATALOG.find(model)), quantization, engine)


def blame(option: PlanOption) -> str:
    assert isinstance(option.outcome, Rejection)
    assert option.outcome.reason.startswith(option.title)
    return option.outcome.term


def test_a_budget_is_what_is_free_less_a_reserve() -> None:
    machine = replace(MACHINE, gpus=(replace(CARD, free_bytes=20 * GIB),), memory_available_bytes=10 * GIB)

    budgets = device_budgets(machine, PlanRequest())

    assert budgets == {"gpu:0": 20 * GIB - GPU_RESERVE_BYTES, "cpu": 10 * GIB - RAM_RESERVE_BYTES}


def test_what_is_reserved_for_an_embedder_is_taken_from_each_gpu() -> None:
    machine = replace(MACHINE, gpus=(CARD, replace(CARD, index=1)))

    budgets = device_budgets(machine, PlanRequest(reserved_bytes=2 * GIB))

    assert budgets["gpu:0"] == budgets["gpu:1"] == 22 * GIB - GPU_RESERVE_BYTES
    assert budgets["cpu"] == 32 * GIB - RAM_RESERVE_BYTES


def test_a_reserve_makes_the_difference_between_fitting_and_not() -> None:
    lone = replace(MACHINE, memory_available_bytes=3 * GIB)
    asked: dict[str, Any] = {"model": "deepseek-r1:32b", "machine": lone}

    assert weigh(**asked).fits
    assert not weigh(**asked, reserved_bytes=8 * GIB).fits


def test_memory_that_a_gpu_shares_with_the_system_is_counted_once() -> None:
    shared = replace(CARD, total_bytes=24 * GIB, free_bytes=20 * GIB, unified=True)
    machine = replace(MACHINE, gpus=(shared,), memory_available_bytes=28 * GIB)

    budgets = device_budgets(machine, PlanRequest())

    assert budgets["gpu:0"] + budgets["cpu"] == 28 * GIB - RAM_RESERVE_BYTES


def test_no_budget_is_less_than_nothing() -> None:
    machine = replace(MACHINE, gpus=(replace(CARD, free_bytes=0),), memory_available_bytes=0)

    assert device_budgets(machine, PlanRequest(reserved_bytes=GIB)) == {"gpu:0": 0, "cpu": 0}


@pytest.mark.parametrize(
    ("wanted", "fits"), [("MIT", True), ("mit", True), ("commercial", True), ("GPL-3.0", False)]
)
def test_a_licence_is_asked_for_by_its_identifier_or_by_use(wanted: str, *, fits: bool) -> None:
    option = weigh(license=wanted)

    assert option.fits == fits
    if not fits:
        assert blame(option) == "license"


def test_a_licence_may_be_written_with_a_space() -> None:
    assert weigh("qwen3:8b", license="Apache 2.0").fits


@pytest.mark.parametrize(
    ("languages", "fits"), [(("en",), True), (("zh", "en"), True), (("en", "xx"), False)]
)
def test_every_language_that_is_asked_for_must_be_written(languages: tuple[str, ...], *, fits: bool) -> None:
    option = weigh(languages=languages)

    assert option.fits == fits
    if not fits:
        assert blame(option) == "languages"
        assert isinstance(option.outcome, Rejection)
        assert option.outcome.reason.endswith("not xx")


def test_the_most_memory_that_is_allowed_counts_every_device_together() -> None:
    needed = weigh().memory.expected_bytes

    assert weigh(most_memory_bytes=needed).fits
    less = weigh(most_memory_bytes=needed - 1)
    assert blame(less) == "max_memory"
    assert isinstance(less.outcome, Rejection)
    assert less.outcome.short_bytes == 1


def test_the_speed_that_is_asked_for_is_held_even_by_a_model_that_was_named() -> None:
    fast = weigh().tokens_per_s

    assert weigh(minimum_tokens_per_s=fast * 0.99).fits
    assert blame(weigh(minimum_tokens_per_s=fast * 1.01)) == "speed"


def test_a_named_model_may_be_slow_only_where_nothing_is_faster() -> None:
    without_gpu = replace(MACHINE, gpus=(), cpu_cores=2)

    assert weigh("deepseek-r1:14b", engine="embedded", machine=without_gpu).fits
    assert blame(weigh("deepseek-r1:14b", engine="embedded", machine=without_gpu, named=False)) == "speed"


def test_the_disk_counts_for_what_has_to_be_fetched_here() -> None:
    full = replace(MACHINE, disk_free_bytes=GIB)

    assert blame(weigh(machine=full)) == "disk"
    assert weigh(machine=replace(full, described=True)).fits


def test_the_context_is_the_models_own() -> None:
    assert blame(weigh(workload=Workload(131_073))) == "context"


@pytest.mark.parametrize(
    ("engine", "quantization", "kind"),
    [("ollama", "Q4_K_M", "q8_0"), ("embedded", "Q4_K_M", "q5_1"), ("vllm", "AWQ", "fp8")],
)
def test_a_smaller_cache_type_takes_less(engine: EngineName, quantization: str, kind: str) -> None:
    usual = weigh(quantization=quantization, engine=engine).memory.component("kv_cache").expected_bytes
    option = weigh(quantization=quantization, engine=engine, kv_cache_type=kind)

    assert option.fits
    assert option.loaded.serving.kv_cache_type == kind
    assert option.memory.component("kv_cache").expected_bytes < usual


@pytest.mark.parametrize(
    ("engine", "quantization", "kind"),
    [
        ("ollama", "Q4_K_M", "fp8"),
        ("ollama", "Q4_K_M", "q5_1"),
        ("embedded", "Q4_K_M", "fp8"),
        ("vllm", "AWQ", "q8_0"),
    ],
)
def test_a_cache_type_that_an_engine_lacks_turns_it_down_and_not_the_plan(
    engine: EngineName, quantization: str, kind: str
) -> None:
    option = weigh(quantization=quantization, engine=engine, kv_cache_type=kind)

    assert blame(option) == "kv_cache_type"


@pytest.mark.parametrize(
    ("engines", "kind", "said"),
    [
        (("ollama",), "fp8", "no KV cache of type 'fp8': ollama has f16, q8_0, q4_0"),
        (("vllm",), "q8_0", "no KV cache of type 'q8_0': vllm has f16, bf16, fp8"),
        (("ollama", "vllm", "embedded"), "q3_x", "no KV cache type 'q3_x'; known are"),
    ],
)
def test_a_cache_type_that_none_of_the_engines_has_is_refused(
    engines: tuple[EngineName, ...], kind: str, said: str
) -> None:
    with pytest.raises(PlanError, match=said):
        Weigher(MACHINE, PlanRequest(engines=engines, kv_cache_type=kind))


def test_what_no_memory_mends_is_said_before_memory() -> None:
    small = replace(MACHINE, gpus=(), memory_available_bytes=2 * GIB)

    assert blame(weigh("deepseek-r1:70b", "AWQ", "vllm", machine=small, license="GPL-3.0")) == "engine"
    assert blame(weigh("deepseek-r1:70b", machine=small, license="GPL-3.0", languages=("xx",))) == "license"
    assert blame(weigh("deepseek-r1:70b", machine=small, workload=Workload(200_000))) == "context"
    assert blame(weigh("deepseek-r1:70b", machine=small, minimum_tokens_per_s=1e6)) == "weights"


def test_the_term_to_blame_is_the_one_at_which_the_sum_crosses_the_budget() -> None:
    option = weigh(
        "deepseek-r1:7b",
        workload=Workload(100_000),
        machine=replace(MACHINE, gpus=(replace(CARD, free_bytes=8 * GIB),), memory_available_bytes=3 * GIB),
    )

    assert blame(option) == "kv_cache"
    assert isinstance(option.outcome, Rejection)
    on_gpu = option.memory.on("gpu:0")
    weights = on_gpu.component("weights").expected_bytes
    assert weights <= option.outcome.budget_bytes < on_gpu.expected_bytes == option.outcome.needed_bytes

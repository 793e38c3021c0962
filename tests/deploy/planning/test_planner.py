"""Which model is picked for which machine, and what the others are told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from deploy.catalog import load_catalog
from deploy.plan import PlanRequest
from deploy.planning.options import Weigher
from deploy.planning.planner import PlanReport, as_plan, catalog_subjects, plan_bundled, require_pick
from deploy.planning.planner import plan as plan_subjects
from deploy.planning.subject import from_catalog
from deploy.quantizations.quantization import find_quantization
from deploy.serving import Placement, Serving
from deploy.spec import ENGINE_NAMES, GIB, Gpu, Machine, Workload
from stillroom.errors import NothingFitsError, PlanError

if TYPE_CHECKING:
    from deploy.spec import EngineName

CATALOG = load_catalog()
SUBJECTS = catalog_subjects(CATALOG)


def plan(
    machine: Machine,
    workload: Workload | None = None,
    *,
    model: str | None = None,
    engines: tuple[EngineName, ...] = ENGINE_NAMES,
    **asked: Any,  # noqa: ANN401 -- fields of PlanRequest
) -> PlanReport:
    """Plan for a model of the catalog, or for all that have a published score."""
    request = PlanRequest(workload or Workload(), engines=engines, **asked)
    subjects = (from_catalog(CATALOG.find(model)),) if model else SUBJECTS
    return plan_subjects(machine, request, subjects, named=model is not None)


def _machine(*, ram_gib: float = 64, cores: int = 8, gpus_gib: tuple[float, ...] = ()) -> Machine:
    return Machine(
        cpu_name="a processor",
        cpu_cores=cores,
        memory_total_bytes=int(ram_gib * GIB),
        memory_available_bytes=int(ram_gib * GIB),
        memory_limited_by="physical",
        disk_free_bytes=1000 * GIB,
        gpus=tuple(
            Gpu(
                index=index,
                name="a GPU",
                total_bytes=int(size * GIB),
                free_bytes=int(size * GIB),
                bandwidth_bytes_per_s=1e12,
            )
            for index, size in enumerate(gpus_gib)
        ),
    )


def _picked(report: PlanReport) -> tuple[str, str, str]:
    pick = require_pick(report)
    return pick.model_tag, pick.artefact.quantization, pick.engine


@pytest.mark.parametrize(
    ("vram_gib", "picked"),
    [
        (4, ("deepseek-r1:8b", "Q4_K_M", "ollama")),
        (6, ("deepseek-r1:8b", "Q5_K_M", "ollama")),
        (8, ("deepseek-r1:8b", "Q6_K", "ollama")),
        (24, ("deepseek-r1:32b", "Q4_K_M", "ollama")),
        (48, ("deepseek-r1:70b", "W4A16", "vllm")),
        (80, ("deepseek-r1:70b", "W4A16", "vllm")),
    ],
)
def test_plan_picks_the_most_able_model_that_a_gpu_holds(vram_gib: int, picked: tuple[str, str, str]) -> None:
    assert _picked(plan(_machine(gpus_gib=(vram_gib,)), Workload())) == picked


def test_plan_prefers_larger_model_over_higher_quant() -> None:
    report = plan(_machine(gpus_gib=(24,)), Workload())
    fitting = {(option.subject.tag, option.quantization) for option in report.options if option.fits}
    assert ("deepseek-r1:14b", "Q8_0") in fitting
    assert _picked(report)[:2] == ("deepseek-r1:32b", "Q4_K_M")


def test_plan_prefers_smaller_model_over_less_than_four_bits() -> None:
    report = plan(_machine(gpus_gib=(18,)), Workload())
    fitting = {(option.subject.tag, option.quantization) for option in report.options if option.fits}
    assert ("deepseek-r1:32b", "Q2_K") in fitting
    tag, quantization, _ = _picked(report)
    assert tag == "deepseek-r1:8b"
    assert find_quantization(quantization).nominal_bits >= 4


def test_less_than_four_bits_is_picked_where_nothing_else_fits() -> None:
    workload = Workload(context_tokens=8192)
    report = plan(_machine(gpus_gib=(4.9,), ram_gib=1.8), workload, model="deepseek-r1:7b")
    assert _picked(report)[1] == "Q3_K_M"


def test_measured_ability_and_not_size_decides() -> None:
    # R1-0528-Qwen3-8B is published with a higher GPQA Diamond (61.1) than the 14B distill (59.1).
    report = plan(_machine(gpus_gib=(16,)), Workload())
    assert ("deepseek-r1:14b", "Q4_K_M") in {
        (option.subject.tag, option.quantization) for option in report.options if option.fits
    }
    assert _picked(report)[0] == "deepseek-r1:8b"


def test_vllm_is_picked_for_many_sequences_and_only_with_a_gpu() -> None:
    many = Workload(context_tokens=4096, concurrent_sequences=8)
    tag, quantization, engine = _picked(plan(_machine(gpus_gib=(40,)), many))
    assert (tag, engine) == ("deepseek-r1:32b", "vllm")
    assert find_quantization(quantization).nominal_bits == 4
    on_cpu = plan(_machine(), many)
    vllm = [rejection for rejection in on_cpu.rejections if rejection.engine == "vllm"]
    assert {rejection.term for rejection in vllm} == {"engine"}
    assert "needs a GPU" in vllm[0].reason


def test_the_embedded_engine_runs_on_the_cpu_even_beside_a_gpu() -> None:
    report = plan(_machine(gpus_gib=(24,)), Workload(), engines=("embedded",))
    assert {option.placement for option in report.options} == {Placement()}


def test_the_gpu_with_most_free_memory_is_planned_for() -> None:
    report = plan(_machine(gpus_gib=(8, 24)), quantization="Q4_K_M")
    assert require_pick(report).device == "gpu:1"


@pytest.mark.parametrize(("cores", "tag"), [(2, "deepseek-r1:1.5b"), (8, "deepseek-r1:8b")])
def test_a_cpu_gets_a_model_that_it_can_decode_at_reading_speed(cores: int, tag: str) -> None:
    report = plan(_machine(ram_gib=64, cores=cores), Workload())
    assert _picked(report)[0] == tag
    slow = next(
        rejection
        for rejection in report.rejections
        if (rejection.model_tag, rejection.quantization) == ("deepseek-r1:32b", "Q4_K_M")
        and rejection.engine == "embedded"
    )
    assert slow.term == "speed"
    assert "tokens/s" in slow.reason


def test_a_named_model_may_be_slow_and_the_reason_says_so() -> None:
    report = plan(_machine(ram_gib=64, cores=4), Workload(), model="deepseek-r1:32b")
    assert "below the usable" in require_pick(report).reason


def test_a_rejection_names_the_term_what_is_needed_and_what_there_is() -> None:
    report = plan(_machine(gpus_gib=(24,), ram_gib=8), Workload(), model="deepseek-r1:70b")
    rejection = next(
        found for found in report.rejections if (found.quantization, found.engine) == ("Q4_K_M", "ollama")
    )
    assert rejection.term == "weights"
    assert rejection.needed_bytes > rejection.budget_bytes
    assert "needs 42.3 GiB where gpu:0 has 23.8 GiB" in rejection.reason


def test_a_long_context_is_rejected_by_the_kv_cache() -> None:
    workload = Workload(context_tokens=100_000)
    report = plan(
        _machine(gpus_gib=(24,), ram_gib=8), workload, model="deepseek-r1:32b", quantization="Q4_K_M"
    )
    on_gpu = [rejection for rejection in report.rejections if rejection.engine == "ollama"]
    assert [rejection.term for rejection in on_gpu] == ["kv_cache"]


def test_a_context_beyond_the_models_own_is_rejected_as_such() -> None:
    report = plan(_machine(gpus_gib=(80,)), Workload(context_tokens=200_000))
    assert report.pick is None
    assert {rejection.term for rejection in report.rejections} == {"context"}
    with pytest.raises(NothingFitsError, match=r"131072 tokens of context, not 200000"):
        require_pick(report)


def test_weights_that_the_disk_cannot_take_are_rejected() -> None:
    machine = replace(_machine(gpus_gib=(80,)), disk_free_bytes=2 * GIB)
    report = plan(machine, Workload())
    assert _picked(report)[0] == "deepseek-r1:1.5b"
    assert "disk" in {rejection.term for rejection in report.rejections}


def test_nothing_fits_names_the_smallest_shortfall_and_exits_with_3() -> None:
    report = plan(_machine(ram_gib=2), Workload(), model="deepseek-r1:14b")
    with pytest.raises(
        NothingFitsError, match=r"deepseek-r1:14b at Q2_K .* GiB where cpu has 1.0 GiB"
    ) as raised:
        require_pick(report)
    assert raised.value.exit_code == 3
    assert raised.value.hint


@pytest.mark.parametrize("machine", [_machine(gpus_gib=(24,)), _machine(cores=16), _machine(ram_gib=3)])
def test_the_report_ranks_what_fits_first_and_covers_every_distill(machine: Machine) -> None:
    report = plan(machine, Workload())
    fits = [option.fits for option in report.options]
    assert fits == sorted(fits, reverse=True)
    assert {option.subject.id for option in report.options} == {subject.id for subject in SUBJECTS}
    assert len(report.rejections) == fits.count(False)
    assert report == plan(machine, Workload())


@pytest.mark.parametrize("sequences", [1, 8])
def test_more_memory_never_makes_the_pick_worse(sequences: int) -> None:
    def standing(vram_gib: float) -> tuple[bool, bool, float]:
        workload = Workload(context_tokens=4096, concurrent_sequences=sequences)
        pick = plan(_machine(gpus_gib=(vram_gib,)), workload).pick
        assert pick is not None
        ability = CATALOG.find(pick.model_id).scores.get("gpqa_diamond_pass1", 0.0)
        bits = find_quantization(pick.artefact.quantization).nominal_bits
        return bits >= 4, pick.device != "cpu", ability

    standings = [standing(size) for size in (2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 80, 141)]
    assert standings == sorted(standings)


@pytest.mark.parametrize("more", [Workload(16_384, 1), Workload(8192, 2), Workload(131_072, 4)])
def test_a_heavier_workload_never_fits_where_a_lighter_one_does_not(more: Workload) -> None:
    machine = _machine(gpus_gib=(16,), cores=16)

    def fitting(workload: Workload) -> set[tuple[str, str, str]]:
        options = plan(machine, workload).options
        return {(option.subject.id, option.quantization, option.engine) for option in options if option.fits}

    assert fitting(more) <= fitting(Workload(8192, 1))


def test_the_rule_of_thumb_stands_beside_every_option() -> None:
    report = plan(_machine(gpus_gib=(24,)), Workload(), model="deepseek-r1:7b", quantization="q4_k_m")
    for option in report.options:
        assert option.rule_of_thumb_gb == pytest.approx(7.615616512 * 0.6)


def test_the_bundled_model_is_planned_on_the_cpu_whatever_else_there_is() -> None:
    picked = plan_bundled(_machine(gpus_gib=(80,)), PlanRequest(), CATALOG)
    assert (picked.model_tag, picked.engine, picked.device) == ("smollm2:135m", "embedded", "cpu")
    assert picked.languages == ("en",)
    assert "demonstration" in picked.reason


def test_the_bundled_model_refuses_a_context_beyond_its_own() -> None:
    with pytest.raises(NothingFitsError, match="8192 tokens of context"):
        plan_bundled(_machine(), PlanRequest(Workload(context_tokens=16_384)), CATALOG)


def test_an_engine_that_loads_no_such_format_is_refused() -> None:
    with pytest.raises(PlanError, match=r"deepseek-r1:7b at Q4_K_M for vllm"):
        plan(_machine(), Workload(), model="deepseek-r1:7b", quantization="Q4_K_M", engines=("vllm",))


@pytest.mark.parametrize("workload", [Workload(context_tokens=0), Workload(concurrent_sequences=0)])
def test_a_senseless_workload_is_refused(workload: Workload) -> None:
    with pytest.raises(PlanError, match="at least 1 of each"):
        plan(_machine(), workload)


@pytest.mark.parametrize(
    ("tag", "engine", "quantization", "name"),
    [
        ("deepseek-r1:7b", "ollama", "Q4_K_M", "deepseek-r1:7b-qwen-distill-q4_K_M"),
        ("deepseek-r1:7b", "ollama", "Q5_K_M", "hf.co/bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF:Q5_K_M"),
        ("deepseek-r1:7b", "vllm", "BF16", ""),
        ("deepseek-r1:7b", "embedded", "Q4_K_M", ""),
    ],
)
def test_a_plan_says_by_what_name_the_engine_fetches_exactly_these_weights(
    tag: str, engine: EngineName, quantization: str, name: str
) -> None:
    machine = _machine(gpus_gib=(24,))

    report = plan(machine, Workload(), model=tag, quantization=quantization, engines=(engine,))

    assert require_pick(report).weights_name == name


def test_a_plan_for_a_gpu_carries_its_whole_memory_of_which_vllm_takes_a_fraction() -> None:
    machine = _machine(gpus_gib=(24,))

    report = plan(machine, Workload(), model="deepseek-r1:7b", engines=("vllm",))

    assert require_pick(report).device_totals == {"gpu:0": 24 * GIB}
    assert 0 < require_pick(report).gpu_memory_utilization < 1


def test_a_plan_for_vllm_on_the_cpu_takes_no_fraction_of_a_gpu() -> None:
    request = PlanRequest(Workload(2048), engines=("vllm",))
    weigher = Weigher(_machine(), request, named=True)
    subject = from_catalog(CATALOG.find("smollm2:135m"))

    option = weigher.at(subject, "BF16", "vllm", serving=Serving(), placement=Placement())
    planned = as_plan(option, request, named=True)

    assert planned.device == "cpu"
    assert planned.gpu_memory_utilization == 0
    assert planned.memory.component("kv_cache").expected_bytes == GIB

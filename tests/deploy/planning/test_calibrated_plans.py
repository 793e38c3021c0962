"""Plans on a machine where engines were launched before: fits, limits and changes see what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.calibration.corrections import UNCALIBRATED, Calibration
from deploy.catalog import load_catalog
from deploy.hardware.described import describe_machine
from deploy.hardware.gpu_facts import common_names
from deploy.hardware.machine_flags import MachineFlags
from deploy.plan import PlanRequest, Rejection
from deploy.planning.document import plan_document
from deploy.planning.planner import PlanReport, plan, plan_bundled, require_pick
from deploy.planning.subject import from_catalog
from deploy.spec import GIB, MIB, EngineName, Gpu, Machine, Workload
from tests.deploy.observations import CPU_NAME, observed

CATALOG = load_catalog()
OVERHEAD = observed("overhead", 72 * MIB, 60 * MIB)
LLAMA = replace(OVERHEAD, architecture="llama")


def machine(ram_gib: float = 32, *gpus: Gpu) -> Machine:
    ram = int(ram_gib * GIB)
    return Machine(CPU_NAME, 8, ram, ram, "physical", 1000 * GIB, gpus)


def planned(
    where: Machine,
    calibration: Calibration = UNCALIBRATED,
    *,
    engine: EngineName = "embedded",
    context_tokens: int = 8192,
) -> PlanReport:
    request = PlanRequest(Workload(context_tokens), engines=(engine,), quantization="Q4_K_M")
    subject = from_catalog(CATALOG.find("deepseek-r1:7b"))
    return plan(where, request, (subject,), named=True, calibration=calibration)


def test_a_plan_says_what_was_measured_of_another_model_of_the_same_architecture() -> None:
    before = require_pick(planned(machine()))
    after = require_pick(planned(machine(), Calibration((OVERHEAD,))))

    overhead = after.memory.term("overhead")
    assert overhead.expected_bytes == before.memory.term("overhead").expected_bytes - 12 * MIB
    assert "12.0 MiB less, from 1 launch of embedded 1.0 on a processor" in overhead.source
    assert after.memory.term("weights") == before.memory.term("weights")


def test_another_architecture_is_planned_as_before() -> None:
    assert require_pick(planned(machine(), Calibration((LLAMA,)))) == require_pick(planned(machine()))


def test_what_only_just_fitted_does_not_any_more_where_more_was_measured() -> None:
    needed = require_pick(planned(machine())).memory.expected_bytes
    tight = machine((needed + GIB + MIB) / GIB)
    took_more = Calibration((observed("compute", 1000, 1900),))

    assert planned(tight).pick is not None
    outcome = planned(tight, took_more).shown.outcome
    assert isinstance(outcome, Rejection)
    assert outcome.device == "cpu"
    assert outcome.change is not None


def test_the_change_that_is_named_fits_by_what_was_measured() -> None:
    needed = require_pick(planned(machine())).memory.expected_bytes
    tight = machine((needed + GIB + MIB) / GIB)
    took_more = Calibration((observed("compute", 1000, 1900),))

    change = next(one for one in planned(tight, took_more).changes if one.kind == "context")
    tokens = int(change.options.split("--context ")[1].split()[0])

    assert planned(tight, took_more, context_tokens=tokens).pick is not None


def test_limits_see_what_was_measured() -> None:
    took_less = Calibration((observed("kv_cache", 1000, 850),))
    where = machine(10)

    before = require_pick(planned(where)).limits
    after = require_pick(planned(where, took_less)).limits

    assert after.context_tokens > before.context_tokens
    assert after.concurrent_sequences >= before.concurrent_sequences


def test_a_described_gpu_is_planned_by_what_was_measured_on_one_of_that_name() -> None:
    described = describe_machine(machine(), MachineFlags(gpus=("RTX 4090",), memory="64GiB"))
    measured_on = Gpu(0, "NVIDIA GeForce RTX 4090", 24564 * MIB, 0)
    kept_as = common_names([measured_on])[measured_on.name]
    one = observed("overhead", 550 * MIB, 600 * MIB, engine="ollama", layout="1 gpu", device=kept_as)
    calibration = Calibration((one,), device_names=common_names(described.gpus))

    report = planned(described, calibration, engine="ollama")

    on_gpu = require_pick(report).memory.on("gpu:0").term("overhead")
    assert on_gpu.expected_bytes == 600 * MIB
    # Nothing was measured of the processor, which nobody described.
    assert require_pick(report).memory.on("cpu").term("overhead").correction is None


def test_the_document_lists_the_corrections_and_where_they_are_from() -> None:
    took = (observed("kv_cache", 1000, 1010), OVERHEAD)
    document = plan_document(planned(machine(), Calibration(took)))

    assert document["calibration"] == {
        "launches": 1,
        "last": "2026-11-26",
        "corrections": [
            {
                "name": "kv_cache",
                "device": "cpu",
                "formula_bytes": 469_762_048,
                "factor": 1.01,
                "added_bytes": 0,
                "launches": 1,
                "last": "2026-11-26",
            },
            {
                "name": "overhead",
                "device": "cpu",
                "formula_bytes": 72 * MIB,
                "factor": 1.0,
                "added_bytes": -12 * MIB,
                "launches": 1,
                "last": "2026-11-26",
            },
        ],
    }


def test_a_document_without_launches_says_so() -> None:
    assert plan_document(planned(machine()))["calibration"] == {
        "launches": 0,
        "last": None,
        "corrections": [],
    }


@pytest.mark.parametrize("context_tokens", [2048, 4096, 8192])
def test_the_bundled_model_is_planned_by_what_it_took(context_tokens: int) -> None:
    request = PlanRequest(Workload(context_tokens))
    before = plan_bundled(machine(), request, CATALOG)
    after = plan_bundled(machine(), request, CATALOG, calibration=Calibration((LLAMA,)))

    assert after.memory.expected_bytes == before.memory.expected_bytes - 12 * MIB

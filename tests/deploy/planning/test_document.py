"""The document that programs read: every field, and sums that come out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deploy.catalog import load_catalog
from deploy.plan import PlanRequest
from deploy.planning.document import COMPONENTS, SCHEMA_VERSION, plan_document
from deploy.planning.planner import PlanReport, catalog_subjects, plan
from deploy.planning.subject import from_catalog
from deploy.spec import GIB, Gpu, Machine, Workload
from tests.deploy.planning import conftest

CATALOG = load_catalog()
ENDS = ("low", "expected", "high")


def machine(*gpus_gib: float, ram_gib: float = 32) -> Machine:
    return conftest.machine(*gpus_gib, ram_gib=ram_gib)


def planned(
    where: Machine,
    model: str = "deepseek-r1:14b",
    **asked: Any,  # noqa: ANN401 -- fields of PlanRequest
) -> PlanReport:
    request = PlanRequest(Workload(), **asked)
    return plan(where, request, (from_catalog(CATALOG.find(model)),), named=True)


REPORTS = {
    "a GPU": planned(machine(24), quantization="Q4_K_M", engines=("ollama",)),
    "split": planned(machine(6), quantization="Q4_K_M", engines=("ollama",), minimum_tokens_per_s=0.1),
    "two GPUs": planned(machine(24, 24), "deepseek-r1:70b", quantization="Q4_K_M", engines=("ollama",)),
    "tensor parallel": planned(machine(16, 16), "deepseek-r1:32b", quantization="AWQ", engines=("vllm",)),
    "the CPU": planned(machine(), "deepseek-r1:7b", quantization="Q4_K_M", engines=("embedded",)),
    "nothing fits": planned(machine(ram_gib=3), quantization="Q8_0", engines=("ollama",)),
    "the catalog": plan(machine(8), PlanRequest(), catalog_subjects(CATALOG)),
}


@pytest.fixture(params=REPORTS)
def report(request: pytest.FixtureRequest) -> PlanReport:
    return REPORTS[request.param]


@pytest.fixture
def document(report: PlanReport) -> dict[str, Any]:
    return plan_document(report)


def test_it_has_every_field_of_the_interface(document: dict[str, Any]) -> None:
    assert document["schema_version"] == SCHEMA_VERSION == 1
    for name in ("model", "quantization", "engine"):
        assert isinstance(document[name], str)
        assert document[name]
    assert isinstance(document["fits"], bool)
    assert isinstance(document["rule_of_thumb_gb"], float)
    assert set(document["memory"]) == {*COMPONENTS, "total_bytes"}
    for interval in document["memory"].values():
        assert set(interval) == set(ENDS)
        assert all(type(size) is int for size in interval.values())
        assert 0 <= interval["low"] <= interval["expected"] <= interval["high"]
    assert set(document["decode_tokens_per_s"]) >= set(ENDS)
    for rejection in document["rejections"]:
        named = ("model", "quantization", "engine", "term", "suggestion", "reason")
        assert all(isinstance(rejection[name], str) for name in named)
        assert rejection["term"]
        assert type(rejection["short_bytes"]) is int
        assert rejection["short_bytes"] == max(0, rejection["needed_bytes"] - rejection["budget_bytes"])


def test_components_add_up_to_the_total_on_every_device(document: dict[str, Any]) -> None:
    for memory in (document["memory"], *document["memory_by_device"].values()):
        for end in ENDS:
            assert memory["total_bytes"][end] == sum(memory[component][end] for component in COMPONENTS)


def test_the_terms_are_what_the_components_are_made_of(document: dict[str, Any]) -> None:
    for device, memory in document["memory_by_device"].items():
        terms = [term for term in document["terms"] if term["device"] == device]
        for end in ENDS:
            assert memory["total_bytes"][end] == sum(term[end] for term in terms)
    known = {name for names in COMPONENTS.values() for name in names}
    assert {term["name"] for term in document["terms"]} <= known
    assert all(term["source"] for term in document["terms"])


def test_memory_is_the_gpus_together_where_there_are_any(document: dict[str, Any]) -> None:
    by_device = document["memory_by_device"]
    gpus = [device for device in by_device if device != "cpu"] or ["cpu"]

    for end in ENDS:
        on_gpus = sum(by_device[device]["total_bytes"][end] for device in gpus)
        assert document["memory"]["total_bytes"][end] == on_gpus


def test_it_comes_back_the_same_from_json(document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_it_says_of_every_option_that_it_fits_or_why_not(
    report: PlanReport, document: dict[str, Any]
) -> None:
    rows = [
        (row["model"], row["quantization"], row["engine"])
        for row in (*document["options"], *document["rejections"])
    ]

    assert rows == [(one.subject.tag, one.quantization, one.engine) for one in report.options]
    assert document["fits"] == bool(document["options"])
    if document["fits"]:
        assert rows[0] == (document["model"], document["quantization"], document["engine"])
        assert document["changes"] == []


def test_where_nothing_fits_it_shows_what_lacks_least_and_what_would_change_that() -> None:
    document: dict[str, Any] = plan_document(REPORTS["nothing fits"])

    assert document["fits"] is False
    assert "needs" in document["reason"]
    assert document["prefill_tokens_per_s"] is None
    assert document["changes"]
    assert all(set(change) == {"kind", "description", "command"} for change in document["changes"])
    (rejection,) = document["rejections"]
    assert rejection["short_bytes"] > 0


def test_a_model_known_by_its_shape_is_weighed_to_the_byte() -> None:
    document: dict[str, Any] = plan_document(REPORTS["a GPU"])

    # 48 layers, keys and values of 8 heads of 128 in 16 bits.
    assert document["memory"]["kv_cache_bytes"] == dict.fromkeys(ENDS, 48 * 2 * 8 * 128 * 2 * 8192)
    weights = sum(part["weights_bytes"]["expected"] for part in document["memory_by_device"].values())
    assert weights == document["artefact"]["tensor_bytes"] <= document["artefact_bytes"]
    assert document["rule_of_thumb_gb"] == pytest.approx(14.770033664 * 0.6)
    assert document["placement"]["gpu_layers"] == [49]
    assert document["gpu_memory_utilization"] is None


def test_a_tensor_parallel_plan_says_its_ranks_and_its_fraction() -> None:
    document: dict[str, Any] = plan_document(REPORTS["tensor parallel"])

    assert document["placement"]["tensor_parallel"] == len(document["placement"]["gpus"]) == 2
    assert document["placement"]["gpu_layers"] == []
    assert 0 < document["gpu_memory_utilization"] < 1


def test_a_speed_that_is_not_known_is_null_with_its_reason() -> None:
    nameless = Machine(
        "a processor", 8, 32 * GIB, 32 * GIB, "physical", 1000 * GIB, (Gpu(0, "GPU", 24 * GIB, 24 * GIB),)
    )

    document: dict[str, Any] = plan_document(planned(nameless, quantization="Q4_K_M", engines=("ollama",)))

    assert [document["decode_tokens_per_s"][end] for end in ENDS] == [None, None, None]
    assert document["decode_tokens_per_s"]["source"]
    assert document["options"][0]["decode_tokens_per_s"] is None

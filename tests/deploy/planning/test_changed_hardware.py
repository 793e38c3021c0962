"""What hardware would make an option fit: how much more memory, and which GPU."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from deploy.plan import PlanRequest
from deploy.planning.planner import PlanReport, catalog_subjects, plan
from deploy.planning.subject import from_catalog
from tests.deploy.planning.conftest import CATALOG, machine, of_kind, planned, rejection

if TYPE_CHECKING:
    from deploy.spec import Machine


def words(report: PlanReport) -> str:
    """Everything that the report suggests, at the end and beside each option."""
    beside = [found.change for found in report.rejections if found.change is not None]
    return "; ".join(found.description for found in (*report.changes, *beside))


def test_hardware_names_every_device_that_is_short() -> None:
    report = planned(machine(4, ram_gib=1), "deepseek-r1:32b", engines=("ollama",), quantization="Q8_0")

    (hardware,) = (found for found in report.changes if found.kind == "hardware")

    assert re.fullmatch(
        r"[\d.]+ GiB more main memory and [\d.]+ GiB more memory on gpu:0, "
        r"for deepseek-r1:32b at Q8_0 on ollama",
        hardware.description,
    )
    assert hardware.options == ""


def test_the_least_hardware_comes_first() -> None:
    report = plan(machine(ram_gib=1), PlanRequest(), catalog_subjects(CATALOG))

    missing = [float(found.description.split()[0]) for found in report.changes]

    assert missing == sorted(missing)
    assert "smollm2:135m" in report.changes[0].description


@pytest.mark.parametrize("where", [machine(24), machine()])
def test_no_gpu_is_suggested_to_an_engine_that_computes_on_the_cpu(where: Machine) -> None:
    report = planned(where, "deepseek-r1:7b", minimum_tokens_per_s=1000.0, engines=("embedded",))

    assert "GPU" not in words(report)


def test_no_other_gpu_is_suggested_where_the_model_is_whole_on_one_and_too_slow() -> None:
    report = planned(machine(24), "deepseek-r1:7b", minimum_tokens_per_s=1000.0)

    assert "GPU" not in words(report)


def test_a_gpu_that_is_suggested_holds_the_model_whole() -> None:
    asked: dict[str, Any] = {
        "minimum_tokens_per_s": 20.0,
        "engines": ("ollama",),
        "quantization": "Q4_K_M",
    }
    report = planned(machine(4, ram_gib=32), "deepseek-r1:14b", **asked)

    found = re.match(r"a GPU with ([\d.]+) GiB free", of_kind(report, "hardware").description)

    assert found is not None
    rounded_away_gib = 0.05
    larger = machine(float(found[1]) + rounded_away_gib, ram_gib=32)
    pick = planned(larger, "deepseek-r1:14b", **asked).pick
    assert pick is not None
    assert pick.device == "gpu:0"


def test_no_memory_is_suggested_for_what_would_then_be_too_slow() -> None:
    report = planned(machine(7.3, ram_gib=13.6), "gemma3:27b")

    short = rejection(report, "Q8_0", "embedded")
    assert short.term == "weights"
    assert "main memory, for gemma3:27b at Q8_0 on embedded" not in words(report)
    assert short.change is not None
    assert short.change.kind != "hardware"


def test_where_nothing_else_is_known_more_memory_is_named_with_the_speed_it_leads_to() -> None:
    subject = from_catalog(CATALOG.find("deepseek-r1:32b"))
    request = PlanRequest(engines=("embedded",), quantization="Q8_0", minimum_tokens_per_s=50.0)

    report = plan(machine(ram_gib=8), request, (subject,), named=True)

    assert re.fullmatch(
        r"[\d.]+ GiB more main memory, and accepting [\d.]+ tokens/s, "
        r"for deepseek-r1:32b at Q8_0 on embedded",
        report.changes[0].description,
    )

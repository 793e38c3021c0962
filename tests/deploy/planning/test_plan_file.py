"""A plan comes back from its file as it was, and what is no plan is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.architectures.fields import shown_value
from deploy.calibration.corrections import Calibration
from deploy.plan import Plan, PlanRequest
from deploy.planning.plan_file import load_plan, save_plan
from deploy.planning.planner import plan_bundled, require_pick
from stillroom.errors import PlanError
from tests.deploy.observations import observed
from tests.deploy.planning.test_document import CATALOG, REPORTS, machine

if TYPE_CHECKING:
    from collections.abc import Callable

PLANS: dict[str, Plan] = {
    name: require_pick(report) for name, report in REPORTS.items() if report.pick is not None
} | {
    "bundled": plan_bundled(machine(), PlanRequest(), CATALOG),
    "calibrated": plan_bundled(
        machine(),
        PlanRequest(),
        CATALOG,
        calibration=Calibration((observed("kv_cache", 100, 101, architecture="llama"),)),
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    path = tmp_path / "plan.json"

    save_plan(PLANS[name], path)

    assert load_plan(path) == PLANS[name]


def test_a_plan_is_written_over_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save_plan(PLANS["two GPUs"], path)

    save_plan(PLANS["the CPU"], path)

    assert load_plan(path) == PLANS["the CPU"]


def changed(**fields: Any) -> Callable[[dict[str, Any]], None]:  # noqa: ANN401 -- any JSON
    return lambda document: document.update(fields)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (changed(kind="shopping-list"), "kind"),
        (changed(version=2), "version"),
        (changed(version="1"), "version"),
        (changed(more=1), "more"),
        (lambda document: document.pop("plan"), "plan"),
        (lambda document: document["plan"].pop("engine"), r"plan\.engine"),
        (lambda document: document["plan"].update(engine="llamafile"), r"plan\.engine"),
        (
            lambda document: document["plan"]["workload"].update(context_tokens="many"),
            r"plan\.workload\.context_tokens",
        ),
        (
            lambda document: document["plan"]["memory"]["terms"][0].pop("name"),
            r"plan\.memory\.terms\.0\.name",
        ),
        (lambda document: document["plan"]["budgets"].update(cpu="all"), r"plan\.budgets\.cpu"),
    ],
)
def test_what_is_no_plan_is_refused_with_file_and_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], place: str
) -> None:
    path = tmp_path / "plan.json"
    save_plan(PLANS["a GPU"], path)
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(PlanError, match=rf"plan\.json holds no plan: at {place}") as raised:
        load_plan(path)
    assert raised.value.hint == "stillroom plan --save PATH"


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b"3", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)

    with pytest.raises(PlanError, match=r"plan\.json holds no plan: at its first character"):
        load_plan(path)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff\xfe{")
    for name in ("nothing", ".", "latin"):
        with pytest.raises(PlanError, match="cannot be read"):
            load_plan(tmp_path / name)


def test_a_plan_cannot_be_written_where_a_folder_is(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be written"):
        save_plan(PLANS["a GPU"], tmp_path)
    with pytest.raises(PlanError, match="cannot be written"):
        save_plan(PLANS["a GPU"], tmp_path / "no-such-folder" / "plan.json")


def edited(tmp_path: Path, name: str, place: str, value: object) -> Path:
    """A plan that was saved, with the value at a dotted place replaced."""
    path = tmp_path / "plan.json"
    save_plan(PLANS[name], path)
    document = json.loads(path.read_text(encoding="utf-8"))
    where: Any = document["plan"]
    *steps, last = (int(part) if part.isdigit() else part for part in place.split("."))
    for step in steps:
        where = where[step]
    where[last] = value
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "place", "value", "needed"),
    [
        ("a GPU", "workload.context_tokens", -5, "1 to 1,048,576"),
        ("a GPU", "workload.context_tokens", 10**9, "1 to 1,048,576"),
        ("a GPU", "workload.context_tokens", "8192", "integer"),
        ("a GPU", "workload.context_tokens", 8192.5, "integer"),
        ("a GPU", "workload.context_tokens", True, "integer"),
        ("a GPU", "workload.concurrent_sequences", -1, "1 to 1,024"),
        ("a GPU", "workload.concurrent_sequences", 1025, "1 to 1,024"),
        ("a GPU", "layer_count", 0, "1 to 4,096"),
        ("a GPU", "layer_count", 10**12, "1 to 4,096"),
        ("a GPU", "serving.kv_cache_type", "zz", "one of f16, q8_0, q4_0"),
        ("a GPU", "serving.kv_cache_type", "fp8", "one of f16, q8_0, q4_0"),
        ("tensor parallel", "serving.kv_cache_type", "q8_0", "one of f16, bf16, fp8"),
        ("the CPU", "serving.micro_batch_tokens", 0, "1 to"),
        ("tensor parallel", "serving.batched_tokens", -1, "0 to"),
        ("tensor parallel", "gpu_memory_utilization", 5, "over 0 and up to 1"),
        ("tensor parallel", "gpu_memory_utilization", 0, "over 0 and up to 1"),
        ("tensor parallel", "gpu_memory_utilization", float("nan"), "over 0 and up to 1"),
        ("a GPU", "gpu_memory_utilization", -0.5, "from 0 to 1"),
        ("tensor parallel", "placement.tensor_parallel", 0, "1 to 2"),
        ("tensor parallel", "placement.tensor_parallel", -3, "1 to 2"),
        ("tensor parallel", "placement.pipeline_parallel", 3, "1 to 2"),
        ("tensor parallel", "placement.gpu_layers", [1, 1], "none"),
        ("a GPU", "placement.tensor_parallel", 2, "1"),
        ("a GPU", "placement.gpu_layers", [], "one number for each of 1 GPUs"),
        ("two GPUs", "placement.gpus", [0, 0], "each GPU once"),
        ("a GPU", "placement.gpu_layers.0", 99999, "0 to 49"),
        ("a GPU", "placement.gpu_layers.0", -1, "0 to 49"),
        ("a GPU", "memory.terms", [], "at least one term"),
        ("a GPU", "memory.terms.0.expected_bytes", -1, "0 to"),
        ("a GPU", "memory.terms.0.high_bytes", 10**4000, "0 to"),
        ("a GPU", "memory.terms.0.device", "gpu:7", "one of cpu, gpu:0"),
        ("calibrated", "memory.terms.2.correction.formula_bytes", -1, "0 to"),
        ("calibrated", "memory.terms.2.correction.added_bytes", 2**61, "-1152"),
        ("calibrated", "memory.terms.2.correction.launches", 0, "1 to"),
        ("calibrated", "memory.terms.2.correction.factor", 1e9, "a number from 0 to 1000"),
        ("calibrated", "memory.terms.2.correction.factor", -0.5, "a number from 0 to 1000"),
        ("calibrated", "memory.terms.2.correction.last", "\x1b[2J", "a day such as 2026-11-26"),
        ("a GPU", "budgets", {"gpu:0": -1}, "0 to"),
        ("a GPU", "budgets", {"disk": 1}, "cpu or gpu:N"),
        ("a GPU", "artefact.total_bytes", -1, "0 to"),
        ("a GPU", "limits.context_tokens", -1, "0 to"),
        ("a GPU", "rule_of_thumb_gb", float("inf"), "from 0"),
        ("a GPU", "decode.expected_tokens_per_s", -1, "from 0"),
        ("tensor parallel", "weights_name", "--trust-remote-code", "does not start with a dash"),
        ("tensor parallel", "model_id", "-x", "does not start with a dash"),
        ("a GPU", "model_tag", "--help", "does not start with a dash"),
        ("a GPU", "weights_path", "-v", "does not start with a dash"),
        ("a GPU", "model_tag", "", "a name"),
        ("a GPU", "weights_name", "a\nPARAMETER num_ctx 1", "without control characters"),
    ],
)
def test_a_value_that_no_plan_has_is_refused_with_what_is_needed(
    tmp_path: Path, name: str, place: str, value: object, needed: str
) -> None:
    path = edited(tmp_path, name, place, value)

    with pytest.raises(PlanError) as raised:
        load_plan(path)

    message = raised.value.message
    assert f"{path} holds no plan: at plan.{place}" in message
    assert needed in message
    assert len(message.replace(str(path), "")) < 200
    if not isinstance(value, list | dict):
        assert shown_value(value) in message


def test_a_gpu_that_no_machine_has_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "a GPU", "placement.gpus", [-4])

    with pytest.raises(PlanError, match=r"at plan\.placement\.gpus\.0: -4, and 0 to 1,023 is needed"):
        load_plan(path)


def test_ranks_that_do_not_fill_the_gpus_are_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "tensor parallel", "placement.tensor_parallel", 1)

    with pytest.raises(PlanError, match=r"at plan\.placement: '1 x 1', and .* of 2, one for each GPU"):
        load_plan(path)


def test_layers_on_gpus_are_no_more_than_the_model_has(tmp_path: Path) -> None:
    path = edited(tmp_path, "two GPUs", "placement.gpu_layers", [80, 80])

    with pytest.raises(PlanError, match=r"gpu_layers: \(80, 80\), and a sum of at most 81"):
        load_plan(path)


def test_an_interval_that_runs_backwards_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, "a GPU", "memory.terms.0.low_bytes", 2**50)

    with pytest.raises(PlanError, match=r"at plan\.memory\.terms\.0: .* in that order"):
        load_plan(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_a_plan_is_not_read_from_a_device_or_a_huge_file(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"the plan /dev/zero cannot be read: it is a device"):
        load_plan(Path("/dev/zero"))
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    with pytest.raises(PlanError, match=r"huge\.json cannot be read: it has more than 16,777,216 bytes"):
        load_plan(huge)

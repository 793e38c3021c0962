"""The toolbox over a real catalog, planner, library and machine description."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from agents.toolbox import Services, toolbox
from deploy.catalog import load_catalog
from deploy.endpoint import Capabilities, Endpoint
from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.hardware.detect import detect_machine
from deploy.plan import PlanRequest
from deploy.planning.planner import plan_bundled
from deploy.spec import GIB, Gpu, Machine
from deploy.supervision.deployment import Deployment, mark
from deploy.supervision.supervise import measure
from stillroom.errors import LibraryEmptyError, ToolError

if TYPE_CHECKING:
    from pathlib import Path

    from agents.tools import Tool, ToolResult
    from rag.library import Library

WORKSTATION = Machine(
    cpu_name="AMD Ryzen 9 7950X",
    cpu_cores=16,
    memory_total_bytes=64 * GIB,
    memory_available_bytes=50 * GIB,
    memory_limited_by="physical",
    disk_free_bytes=500 * GIB,
    gpus=(Gpu(0, "NVIDIA GeForce RTX 4090", 24 * GIB, 23 * GIB, bandwidth_bytes_per_s=1008e9),),
)
THIN_CLIENT = Machine("Celeron", 2, 2 * GIB, 1 * GIB, "physical", 4 * GIB)


def no_library() -> Library:
    raise LibraryEmptyError("the library is empty", hint="stillroom ingest PATH")


def tools_on(machine: Machine) -> dict[str, Tool]:
    services = Services(no_library, lambda: None, lambda: machine, load_catalog)
    return {tool.name: tool for tool in toolbox(services)}


def call(name: str, **arguments: object) -> ToolResult:
    return tools_on(WORKSTATION)[name].call(arguments)


def test_toolbox_offers_tools_that_change_nothing_unless_more_is_switched_on() -> None:
    tools = tools_on(WORKSTATION)
    assert list(tools) == [
        "search_library",
        "ask_library",
        "read_document",
        "read_around",
        "list_sources",
        "plan_deployment",
        "vram_estimate",
        "engine_status",
        "calculate",
        "current_time",
    ]
    assert all(tool.read_only and not tool.destructive and not tool.open_world for tool in tools.values())
    assert all(tool.description and tool.output_schema for tool in tools.values())
    assert all(
        "description" in schema
        for tool in tools.values()
        for schema in tool.parameters["properties"].values()
    )


def test_every_library_tool_passes_on_why_the_library_cannot_be_used() -> None:
    for name, arguments in (
        ("search_library", {"query": "x"}),
        ("ask_library", {"question": "x"}),
        ("read_document", {"document_id": "x"}),
        ("read_around", {"id": "x"}),
        ("list_sources", {}),
    ):
        with pytest.raises(ToolError, match=f"{name}: the library is empty") as caught:
            call(name, **arguments)
        assert caught.value.hint == "stillroom ingest PATH"


def test_vram_estimate_is_the_rule_of_thumb() -> None:
    result = call("vram_estimate", params_billion=7, bits=4)
    assert result.data["memory_gb"] == 4.2
    assert result.data["component_sum"] is None
    assert result.text.endswith("= 4.2 GB.")


def test_vram_estimate_of_a_known_model_has_the_sum_of_its_components_beside_it() -> None:
    data = call("vram_estimate", params_billion=7, bits=4, model="deepseek-r1:7b").data["component_sum"]
    assert data["quantization"] == "Q4_K_M"
    assert data["total_gb"] > 4.2
    assert sum(part["gb"] for part in data["components"]) == pytest.approx(data["total_gb"], abs=0.03)


def test_vram_estimate_of_an_unknown_model_names_near_ones() -> None:
    with pytest.raises(ToolError, match="deepseek-r1"):
        call("vram_estimate", params_billion=7, model="deepseek-r1:9b")


def test_plan_picks_what_fits_and_says_why_the_rest_does_not() -> None:
    result = call("plan_deployment")
    assert result.data["pick"]["fits"] is True
    assert result.data["pick"]["memory_gb"] <= result.data["pick"]["budget_gb"]
    seventy = call("plan_deployment", model="deepseek-r1:70b", quantization="F16").data
    assert seventy["pick"] is None
    assert all("needs" in option["reason"] for option in seventy["options"])
    assert "NVIDIA GeForce RTX 4090 with 24.7 of 25.77 GB free" in result.text


def test_plan_of_a_named_model_weighs_the_context_asked_for() -> None:
    short = call("plan_deployment", model="deepseek-r1:7b", quantization="Q4_K_M", context_tokens=4096)
    long = call("plan_deployment", model="deepseek-r1:7b", quantization="Q4_K_M", context_tokens=65536)
    assert {option["model"] for option in short.data["options"]} == {"deepseek-r1:7b"}
    assert long.data["pick"]["memory_gb"] > short.data["pick"]["memory_gb"]


def test_plan_shows_of_each_model_what_is_usable_before_what_is_not_and_says_what_is_slow() -> None:
    slow = replace(WORKSTATION, gpus=(), memory_bandwidth_bytes_per_s=20e9, memory_available_bytes=20 * GIB)
    result = tools_on(slow)["plan_deployment"].call({})
    shown = {option["model"]: option for option in result.data["options"]}
    eight, seventy = shown["deepseek-r1:8b"], shown["deepseek-r1:70b"]
    assert (eight["quantization"], eight["device"], eight["verdict"]) == ("Q4_K_M", "cpu", "slow")
    assert f"fits, but slow: deepseek-r1:8b at Q4_K_M on {eight['engine']} would decode about" in result.text
    assert (seventy["verdict"], seventy["device"]) == ("does not fit", "cpu")
    assert "GiB where cpu has" in seventy["reason"]
    order = [option["verdict"] for option in result.data["options"]]
    assert order == sorted(order, key=["fits", "slow", "does not fit", "cannot run here"].index)
    named = tools_on(slow)["plan_deployment"].call({"model": "deepseek-r1:8b"})
    assert named.data["pick"]["fits"]
    assert named.data["pick"]["verdict"] == "slow"
    eights = tools_on(slow)["plan_deployment"].call({"model": "deepseek-r1:8b", "quantization": "FP8"})
    assert "on vllm: cannot run here: deepseek-r1:8b at FP8 on vllm needs a GPU" in eights.text


def test_plan_where_nothing_fits_is_a_result_that_says_so() -> None:
    result = tools_on(THIN_CLIENT)["plan_deployment"].call({"model": "deepseek-r1:70b"})
    assert result.data["pick"] is None
    assert "nothing fits" in result.text


def test_calculate_shows_the_decimal_that_people_expect() -> None:
    result = call("calculate", expression="0.1 + 0.2")
    assert result.text == "0.1 + 0.2 = 0.3"


def test_calculate_refuses_what_is_not_arithmetic() -> None:
    with pytest.raises(ToolError, match="is not allowed"):
        call("calculate", expression="__import__('os')")


def deployed(folder: Path, **changes: object) -> Deployment:
    """The bundled model's deployment, its engine being this very process."""
    plan = plan_bundled(detect_machine(disk_path=folder), PlanRequest(), load_catalog())
    spec = engine("embedded").launch_spec(plan, LaunchOptions(weights=folder / "w.gguf", port=1, threads=1))
    record = Deployment(
        id="d1",
        state="running",
        spec=spec,
        plan=plan,
        endpoint=ELSEWHERE,
        log_path=folder / "log",
        started_at=time.time(),
        engine_process=mark(os.getpid()),
    )
    return record.having(**changes)


ELSEWHERE = Endpoint(
    base_url="http://user:secret@127.0.0.1:1/v1",
    model="deepseek-r1:7b",
    engine="vllm",
    context_tokens=8192,
    capabilities=Capabilities(json_schema=True),
    api_key="secret",
)


def status_of(deployment: Deployment | None, endpoint: Endpoint | None) -> ToolResult:
    services = Services(
        no_library,
        lambda: endpoint,
        lambda: WORKSTATION,
        load_catalog,
        deployment=lambda: deployment,
        measured=measure,
    )
    (status,) = (tool for tool in toolbox(services) if tool.name == "engine_status")
    return status.call({})


def test_engine_status_sets_measured_memory_beside_the_prediction(tmp_path: Path) -> None:
    result = status_of(deployed(tmp_path), ELSEWHERE)
    assert result.data["state"] == "running"
    assert result.data["model"] == "smollm2:135m"
    assert result.data["tool_calling"] == "constrained"
    total = next(line for line in result.data["memory"] if line["name"] == "total")
    assert total["predicted_gb"] > 0
    assert total["measured_gb"] > 0
    assert "- total on cpu: " in result.text


def test_engine_status_of_a_failed_start_says_why_and_what_to_do(tmp_path: Path) -> None:
    failed = deployed(
        tmp_path, state="failed", message="no memory", hint="stillroom down", engine_process=None
    )
    result = status_of(failed, None)
    assert result.text.endswith("no memory. Next: stillroom down")
    assert result.data["tool_calling"] == ""


def test_engine_status_of_a_server_elsewhere_gives_no_secret_away() -> None:
    result = status_of(None, ELSEWHERE)
    assert result.text == (
        "vllm serves deepseek-r1:7b: elsewhere\nContext: 8192 tokens. Tool calling: constrained."
    )
    assert "secret" not in str(result.data)


def test_engine_status_where_nothing_runs_names_the_command() -> None:
    assert status_of(None, None).text == "No engine runs. A person starts one with: stillroom up"


@pytest.mark.parametrize(("zone", "offset"), [("Asia/Shanghai", 8), ("UTC", 0), (" Asia/Kolkata ", 5.5)])
def test_current_time_is_told_in_another_time_zone(zone: str, offset: float) -> None:
    said = datetime.fromisoformat(call("current_time", time_zone=zone).data["iso"])
    shift = said.utcoffset()
    assert shift is not None
    assert shift.total_seconds() == offset * 3600


@pytest.mark.parametrize("zone", ["Beijing", "../etc/passwd", "/etc/localtime", "America", "x\0y", "UTC+8"])
def test_name_that_is_no_time_zone_is_refused_with_examples(zone: str) -> None:
    with pytest.raises(ToolError, match="there is no time zone"):
        call("current_time", time_zone=zone)


def test_current_time_carries_its_offset_from_utc() -> None:
    said = datetime.fromisoformat(call("current_time").data["iso"])
    assert said.utcoffset() is not None
    assert abs((datetime.now().astimezone() - said).total_seconds()) < 60

"""The toolbox over a real catalog, planner, library and machine description."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from agents.toolbox import Services, toolbox
from deploy.catalog import load_catalog
from deploy.spec import GIB, Gpu, Machine
from stillroom.errors import LibraryEmptyError, ToolError

if TYPE_CHECKING:
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


def test_toolbox_offers_eight_tools_that_change_nothing() -> None:
    tools = tools_on(WORKSTATION)
    assert list(tools) == [
        "search_library",
        "ask_library",
        "read_document",
        "list_sources",
        "plan_deployment",
        "vram_estimate",
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


def test_current_time_carries_its_offset_from_utc() -> None:
    said = datetime.fromisoformat(call("current_time").data["iso"])
    assert said.utcoffset() is not None
    assert abs((datetime.now().astimezone() - said).total_seconds()) < 60

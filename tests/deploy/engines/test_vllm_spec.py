"""A plan as vLLM's command: parsers, adapters, keys, caches, containers, several machines."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.engines.base import LaunchOptions
from deploy.engines.vllm import Vllm, VllmHome
from deploy.engines.vllm_parsers import reasoning_parser, tool_parser
from deploy.plan import PlannedAdapter
from deploy.serving import Placement
from deploy.spec import GIB, MemoryEstimate, MemoryTerm
from stillroom.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.plan import Plan


@pytest.fixture
def plan(bundled_plan: Plan) -> Plan:
    """DeepSeek-R1-Distill-Qwen-7B on one GPU of 24 GiB."""
    terms = (
        MemoryTerm("weights", 15 * GIB, 15 * GIB, 15 * GIB, "header", "gpu:0"),
        MemoryTerm("kv_cache", GIB, GIB, GIB, "formula", "gpu:0"),
    )
    return replace(
        bundled_plan,
        model_id="deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        model_tag="deepseek-r1:7b",
        engine="vllm",
        reasoning=True,
        placement=Placement(gpus=(0,)),
        gpu_memory_utilization=0.9,
        memory=MemoryEstimate(terms),
        layer_count=28,
    )


def value(argv: tuple[str, ...], option: str) -> str:
    return argv[argv.index(option) + 1]


@pytest.mark.parametrize(
    ("model", "thoughts", "calls"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "deepseek_r1", ""),
        ("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", "deepseek_r1", ""),
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek_r1", "deepseek_v3"),
        ("Qwen/Qwen3-8B", "qwen3", "hermes"),
        ("Qwen/Qwen2.5-7B-Instruct", "", "hermes"),
        ("meta-llama/Llama-3.3-70B-Instruct", "", "llama3_json"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "", "mistral"),
        ("openai/gpt-oss-20b", "openai_gptoss", "openai"),
        ("google/gemma-3-4b-it", "", ""),
    ],
)
def test_each_family_has_the_parsers_that_vllm_lists_for_it(model: str, thoughts: str, calls: str) -> None:
    assert (reasoning_parser(model), tool_parser(model)) == (thoughts, calls)


def test_a_distill_is_served_without_a_tool_parser_and_qwen3_with_one(plan: Plan) -> None:
    distill = Vllm().launch_spec(plan, LaunchOptions(port=1)).argv
    qwen = replace(plan, model_id="Qwen/Qwen3-8B", model_tag="qwen3:8b", native_tools=True)
    native = Vllm().launch_spec(qwen, LaunchOptions(port=1)).argv

    assert value(distill, "--reasoning-parser") == "deepseek_r1"
    assert "--enable-auto-tool-choice" not in distill
    assert value(native, "--tool-call-parser") == "hermes"
    assert "--enable-auto-tool-choice" in native


def test_keys_and_tokens_go_through_the_environment_and_are_never_shown(plan: Plan) -> None:
    options = LaunchOptions(port=1, api_key="k3y", hub_token="t0ken")

    spec = Vllm().launch_spec(plan, options)

    assert spec.secrets == {"VLLM_API_KEY": "k3y", "HF_TOKEN": "t0ken"}
    assert spec.api_key == "k3y"
    for text in (repr(spec), repr(options), " ".join(spec.argv), str(dict(spec.environment))):
        assert "k3y" not in text
        assert "t0ken" not in text


def test_a_cache_in_bytes_takes_the_fractions_place(plan: Plan) -> None:
    argv = Vllm().launch_spec(plan, LaunchOptions(port=1, exact_kv_cache=True)).argv

    assert value(argv, "--kv-cache-memory-bytes") == str(GIB)
    assert "--gpu-memory-utilization" not in argv


def test_prefix_caching_can_be_switched_off(plan: Plan) -> None:
    assert "--enable-prefix-caching" in Vllm().launch_spec(plan, LaunchOptions(port=1)).argv
    off = Vllm().launch_spec(plan, LaunchOptions(port=1, prefix_caching=False)).argv
    assert "--no-enable-prefix-caching" in off


def test_open_streams_get_a_deadline_shorter_than_the_kill(plan: Plan) -> None:
    spec = Vllm().launch_spec(plan, LaunchOptions(port=1))

    assert float(value(spec.argv, "--shutdown-timeout")) < spec.stop_grace_seconds


def test_an_adapter_is_served_under_its_own_name_with_a_rank_that_vllm_computes(plan: Plan) -> None:
    adapters = (PlannedAdapter("law", "/a/law", 12), PlannedAdapter("tax", "/a/tax", 40))

    spec = Vllm().launch_spec(replace(plan, adapters=adapters), LaunchOptions(port=1))

    assert spec.served_model == "law"
    assert value(spec.argv, "--max-lora-rank") == "64"
    assert value(spec.argv, "--max-loras") == "2"
    place = spec.argv.index("--lora-modules")
    assert spec.argv[place + 1 : place + 3] == ("law=/a/law", "tax=/a/tax")


def test_a_rank_beyond_vllms_kernels_is_refused(plan: Plan) -> None:
    huge = replace(plan, adapters=(PlannedAdapter("big", "/a/big", 1024),))

    with pytest.raises(EngineError, match="has rank 1024, and vLLM computes ranks up to 512"):
        Vllm().launch_spec(huge, LaunchOptions(port=1))


def test_the_deadline_grows_with_the_weights_and_with_their_download(plan: Plan, tmp_path: Path) -> None:
    large = replace(plan, artefact=replace(plan.artefact, total_bytes=140 * 10**9))

    fetched = Vllm().launch_spec(plan, LaunchOptions(port=1)).start_deadline_seconds
    local = Vllm().launch_spec(plan, LaunchOptions(port=1, weights=tmp_path)).start_deadline_seconds
    larger = Vllm().launch_spec(large, LaunchOptions(port=1, weights=tmp_path)).start_deadline_seconds

    assert local < fetched
    assert larger - local > 1000


def test_an_image_runs_in_the_foreground_on_loopback_and_is_removed_afterwards(plan: Plan) -> None:
    home = VllmHome(image="vllm/vllm-openai:v0.32.0")
    options = LaunchOptions(port=8123, api_key="k3y", hub_token="t0ken")

    spec = Vllm(home).launch_spec(plan, options)

    assert spec.argv[:3] == ("docker", "run", "--rm")
    assert value(spec.argv, "--publish") == "127.0.0.1:8123:8000"
    assert value(spec.argv, "--gpus") == '"device=0"'
    assert "--env" in spec.argv
    assert "HF_TOKEN" in spec.argv
    assert not any("t0ken" in word or "k3y" in word for word in spec.argv)
    assert spec.environment == {}
    inside = spec.argv[spec.argv.index("vllm/vllm-openai:v0.32.0") + 1 :]
    assert inside[:2] == ("serve", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")
    assert inside[-4:] == ("--host", "0.0.0.0", "--port", "8000")
    assert inside.count("--port") == 1
    assert spec.stop_argv == ("docker", "rm", "--force", "stillroom-vllm-8123")


def test_a_local_folder_and_adapters_are_mounted_where_the_command_names_them(
    plan: Plan, tmp_path: Path
) -> None:
    home = VllmHome(image="image", container_tool="podman")
    adapted = replace(plan, adapters=(PlannedAdapter("law", "/a/law", 8),))

    argv = Vllm(home).launch_spec(adapted, LaunchOptions(port=1, weights=tmp_path)).argv

    assert argv[0] == "podman"
    assert f"{tmp_path}:{tmp_path}:ro" in argv
    assert "/a/law:/a/law:ro" in argv


@pytest.mark.parametrize("launcher", ["nnodes", "ray"])
def test_two_machines_get_a_command_each_and_nothing_is_started_here(plan: Plan, launcher: str) -> None:
    placement = Placement(gpus=tuple(range(16)), tensor_parallel=8, pipeline_parallel=2)
    wide = replace(plan, placement=placement)
    options = LaunchOptions(
        port=8000,
        nodes=2,
        head_address="10.0.0.1",
        node_launcher="ray" if launcher == "ray" else "nnodes",
    )

    spec = Vllm().launch_spec(wide, options)

    assert spec.argv == ()
    assert [node.rank for node in spec.nodes] == [0, 1]
    head, other = (node.commands for node in spec.nodes)
    serve = head[-1]
    assert value(serve, "--tensor-parallel-size") == "8"
    assert value(serve, "--pipeline-parallel-size") == "2"
    if launcher == "ray":
        assert head[0][4:7] == ("ray", "start", "--head")
        assert "--address=10.0.0.1:6379" in other[0]
        assert value(serve, "--distributed-executor-backend") == "ray"
    else:
        assert value(serve, "--master-addr") == value(other[0], "--master-addr") == "10.0.0.1"
        assert (value(serve, "--node-rank"), value(other[0], "--node-rank")) == ("0", "1")
        assert "--headless" in other[0]
        assert "--headless" not in serve
    for command in (*head, *other):
        assert command[:3] == ("env", "VLLM_NO_USAGE_STATS=1", "DO_NOT_TRACK=1")
        assert command[3] == "CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7"


@pytest.mark.parametrize(
    ("gpus", "nodes", "head", "message"),
    [
        (3, 2, "10.0.0.1", "3 GPUs with a tensor parallel size of 1 cannot be divided among 2 machines"),
        (4, 2, "", "2 machines need the address of the first"),
    ],
)
def test_machines_that_cannot_work_together_are_refused(
    plan: Plan, gpus: int, nodes: int, head: str, message: str
) -> None:
    wide = replace(plan, placement=Placement(gpus=tuple(range(gpus)), pipeline_parallel=gpus))

    with pytest.raises(EngineError, match=message):
        Vllm().launch_spec(wide, LaunchOptions(port=1, nodes=nodes, head_address=head))


def test_the_program_is_found_with_its_version_without_being_started(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (tmp_path / "lib" / "python3.12" / "site-packages" / "vllm-0.32.0.dist-info").mkdir(parents=True)
    engine = Vllm(VllmHome(program=str(program)))

    refused = engine.availability()
    program.chmod(0o755)
    found = engine.availability()

    assert not refused.installed
    assert refused.detail == f"{program} is there and cannot be executed"
    assert refused.install_hint == f"chmod +x {program}"
    assert (found.installed, found.version, found.detail) == (True, "0.32.0", str(program))


def test_a_program_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    absent = tmp_path / "vllm"

    with pytest.raises(EngineUnavailableError, match=f"there is no program {absent}") as caught:
        Vllm().require(str(absent))

    assert "STILLROOM_VLLM_PROGRAM" in caught.value.hint
    assert os.sep in str(absent)


def test_an_image_without_a_tool_to_run_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    found = Vllm(VllmHome(image="image")).availability()

    assert not found.installed
    assert found.install_hint == "install docker, or unset STILLROOM_VLLM_IMAGE"

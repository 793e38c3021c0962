"""What Ollama is told for a plan, and whether it can be used here."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.engines import engine
from deploy.engines.base import LaunchOptions
from deploy.engines.ollama import Ollama
from deploy.plan import PlannedAdapter
from deploy.serving import Placement, Serving
from deploy.spec import Artefact, Workload
from stillroom.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.plan import Plan
    from deploy.spec import DerivedModel, LaunchSpec
    from tests.deploy.engines.recorded_ollama import RecordedOllama

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def r1_plan(bundled_plan: Plan) -> Plan:
    """DeepSeek-R1-Distill-Qwen-7B with all its layers on the second GPU."""
    return replace(
        bundled_plan,
        model_id="deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        model_tag="deepseek-r1:7b",
        engine="ollama",
        artefact=Artefact("Q4_K_M", 4_683_073_024, 0, exact=True, source="file"),
        workload=Workload(context_tokens=8192, concurrent_sequences=4),
        layer_count=28,
        placement=Placement(gpus=(1,), gpu_layers=(29,)),
    )


def launched(plan: Plan, **options: object) -> LaunchSpec:
    return engine("ollama").launch_spec(plan, replace(LaunchOptions(port=11500), **options))  # type: ignore[arg-type]


def derived(plan: Plan, **options: object) -> DerivedModel:
    made = launched(plan, **options).derived_model
    assert made is not None
    return made


def test_everything_that_ollama_would_choose_itself_is_said(r1_plan: Plan) -> None:
    spec = launched(r1_plan)

    assert spec.argv == ("ollama", "serve")
    assert spec.environment == {
        "OLLAMA_HOST": "127.0.0.1:11500",
        "OLLAMA_CONTEXT_LENGTH": "8192",
        "OLLAMA_NUM_PARALLEL": "4",
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_KV_CACHE_TYPE": "f16",
        "OLLAMA_FLASH_ATTENTION": "1",
        "OLLAMA_LOAD_TIMEOUT": "167s",
        "OLLAMA_NO_CLOUD": "1",
        "CUDA_VISIBLE_DEVICES": "1",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    assert derived(r1_plan).parameters == {"num_ctx": 8192, "num_gpu": 29}
    assert spec.memory_urls == ("http://127.0.0.1:11500/api/ps",)


@pytest.mark.parametrize(
    ("placement", "layers", "visible"),
    [
        (Placement(), 0, None),
        (Placement(gpus=(0,), gpu_layers=(20,)), 20, "0"),
        (Placement(gpus=(0, 2), gpu_layers=(15, 14)), 29, "0,2"),
        (Placement(gpus=(0,)), 29, "0"),
    ],
    ids=["on the CPU", "split", "two GPUs", "layers not counted"],
)
def test_the_layers_on_gpus_are_the_planned_ones_and_no_other_gpu_is_seen(
    r1_plan: Plan, placement: Placement, layers: int, visible: str | None
) -> None:
    plan = replace(r1_plan, placement=placement)

    environment = launched(plan).environment

    assert derived(plan).parameters["num_gpu"] == layers
    assert environment.get("CUDA_VISIBLE_DEVICES") == visible
    assert ("OLLAMA_SCHED_SPREAD" in environment) == (len(placement.gpus) > 1)


def test_a_quantized_cache_attention_without_flash_and_another_batch_are_said(r1_plan: Plan) -> None:
    serving = Serving(kv_cache_type="q8_0", flash_attention=False, micro_batch_tokens=256)
    plan = replace(r1_plan, serving=serving)

    environment = launched(plan, keep_alive="30m").environment

    assert environment["OLLAMA_KV_CACHE_TYPE"] == "q8_0"
    assert environment["OLLAMA_FLASH_ATTENTION"] == "0"
    assert environment["OLLAMA_KEEP_ALIVE"] == "30m"
    assert derived(plan).parameters["num_batch"] == 256


def test_a_load_may_be_silent_for_as_long_as_the_start_may_take(r1_plan: Plan) -> None:
    large = replace(r1_plan, artefact=replace(r1_plan.artefact, total_bytes=404_000_000_000))

    spec = launched(large)

    assert spec.start_deadline_seconds > 4000
    assert spec.environment["OLLAMA_LOAD_TIMEOUT"] == f"{spec.start_deadline_seconds:.0f}s"


def test_plans_that_differ_in_anything_that_is_set_have_models_of_different_names(
    r1_plan: Plan, tmp_path: Path
) -> None:
    adapter = PlannedAdapter("mine", str(tmp_path / "lora"), 16)
    names = [
        derived(r1_plan).name,
        derived(replace(r1_plan, placement=Placement(gpus=(1,), gpu_layers=(20,)))).name,
        derived(replace(r1_plan, workload=Workload(4096, 4))).name,
        derived(replace(r1_plan, serving=Serving(micro_batch_tokens=256))).name,
        derived(replace(r1_plan, weights_name="deepseek-r1:7b-qwen-distill-q8_0")).name,
        derived(replace(r1_plan, adapters=(adapter,))).name,
        derived(r1_plan, weights=tmp_path / "f16.gguf").name,
        derived(r1_plan, weights=tmp_path / "f16.gguf", quantize="Q4_K_M").name,
    ]

    assert len(set(names)) == len(names)
    assert all(name.startswith("stillroom-deepseek-r1-7b:ctx") for name in names)


def test_the_same_plan_has_a_model_of_the_same_name_every_time(r1_plan: Plan) -> None:
    assert launched(r1_plan).served_model == "stillroom-deepseek-r1-7b:ctx8192-9aa4fa77"
    assert launched(r1_plan, keep_alive="5m").served_model == launched(r1_plan).served_model


@pytest.mark.parametrize("tag", ["/home/lin/权重/模型 (1).gguf", "Owner/Repo:Q4_K_M", "x" * 300])
def test_a_name_is_one_that_ollama_takes_whatever_the_model_is_called(r1_plan: Plan, tag: str) -> None:
    name = launched(replace(r1_plan, model_tag=tag)).served_model

    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}:[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}", name)


def test_the_modelfile_says_the_same_and_is_written_where_files_go(r1_plan: Plan, tmp_path: Path) -> None:
    plan = replace(r1_plan, adapters=(PlannedAdapter("mine", "/loras/mine", 16),))

    assert launched(plan).files == {}
    assert launched(plan, files_dir=tmp_path).files == {
        tmp_path / "Modelfile": "FROM deepseek-r1:7b\nADAPTER /loras/mine\n"
        "PARAMETER num_ctx 8192\nPARAMETER num_gpu 29\n"
    }


def test_ollama_takes_a_quantization_only_by_the_name_that_holds_it(r1_plan: Plan, tmp_path: Path) -> None:
    q8 = replace(r1_plan, artefact=replace(r1_plan.artefact, quantization="Q8_0"))
    named = replace(q8, weights_name="deepseek-r1:7b-qwen-distill-q8_0")

    def base(plan: Plan, weights: Path | None) -> str:
        spec = engine("ollama").launch_spec(plan, LaunchOptions(weights=weights, port=1))
        assert spec.derived_model is not None
        return spec.derived_model.base

    assert base(named, None) == "deepseek-r1:7b-qwen-distill-q8_0"
    assert base(q8, tmp_path / "q8.gguf") == str(tmp_path / "q8.gguf")
    with pytest.raises(EngineError, match="deepseek-r1:7b holds Q4_K_M, and the plan is for Q8_0") as caught:
        base(q8, None)
    assert caught.value.hint == "stillroom models pull deepseek-r1:7b --quant Q8_0"


def test_what_ollama_cannot_make_is_refused_before_anything_starts(r1_plan: Plan) -> None:
    two = tuple(PlannedAdapter(name, f"/loras/{name}", 16) for name in ("a", "b"))

    with pytest.raises(EngineError, match="takes one LoRA adapter, and the plan has 2"):
        launched(replace(r1_plan, adapters=two))
    with pytest.raises(EngineError, match="makes no Q5_K_M; it makes F32, F16, Q4_K_S, Q4_K_M, Q8_0"):
        launched(r1_plan, quantize="Q5_K_M")


def test_a_running_server_is_attached_to_rather_than_the_program_started(
    recorded_ollama: RecordedOllama,
) -> None:
    found = Ollama(recorded_ollama.url).availability()

    assert (found.installed, found.version) == (True, "0.33.0-rc2")
    assert found.running_url == recorded_ollama.url


def test_a_server_too_old_to_tell_of_cut_prompts_is_not_attached_to(
    recorded_ollama: RecordedOllama, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    recorded_ollama.version = "0.9.6"

    found = Ollama(recorded_ollama.url).availability()

    assert (found.installed, found.version, found.running_url) == (False, "0.9.6", "")
    assert "it is Ollama 0.9.6, and 0.12.6 or newer is needed" in found.detail
    assert found.install_hint == "update it: https://ollama.com/download"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a program of that name on the PATH, which says what Ollama's says where no server runs."""

    def put(version: str, *, mode: int = 0o755) -> Path:
        path = tmp_path / "bin" / "ollama"
        path.parent.mkdir()
        path.write_text(
            "#!/bin/sh\n"
            '[ "$1" = --version ] && [ "$OLLAMA_HOST" = 127.0.0.1:0 ] || exit 2\n'
            "echo 'Warning: could not connect to a running Ollama instance'\n"
            f"echo 'Warning: client version is {version}'\n",
            encoding="utf-8",
        )
        path.chmod(mode)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
        return path

    return put


def test_the_program_on_the_path_tells_its_version(program: Callable[..., Path]) -> None:
    path = program("0.33.0-rc2")

    found = Ollama(NOBODY).availability()

    assert (found.installed, found.version, found.detail) == (True, "0.33.0-rc2", str(path))
    Ollama(NOBODY).require("ollama")


def test_a_program_that_is_too_old_is_told_with_the_version_that_is_needed(
    program: Callable[..., Path],
) -> None:
    path = program("0.5.7")

    found = Ollama(NOBODY).availability()

    assert not found.installed
    assert found.detail.startswith(f"{path}: it is Ollama 0.5.7, and 0.12.6 or newer is needed")


def test_a_build_without_a_version_is_taken_for_what_it_can_do(program: Callable[..., Path]) -> None:
    program("0.0.0")

    assert Ollama(NOBODY).availability().installed


def test_a_program_that_cannot_be_executed_is_told_apart_from_none(program: Callable[..., Path]) -> None:
    path = program("0.33.0", mode=0o644)

    found = Ollama(NOBODY).availability()

    assert not found.installed
    assert f"{path} is there and cannot be executed" in found.detail
    assert found.install_hint == f"chmod +x {path}"
    with pytest.raises(EngineUnavailableError, match="cannot be executed") as caught:
        Ollama(NOBODY).require("ollama")
    assert caught.value.hint == f"chmod +x {path}"


def test_without_a_server_and_a_program_both_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    found = Ollama(NOBODY).availability()

    assert found.detail == f"no program 'ollama' on the PATH, and nothing answers at {NOBODY}"
    assert "https://ollama.com/download" in found.install_hint


def test_another_program_on_ollamas_port_is_not_taken_for_it(
    recorded_ollama: RecordedOllama, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    recorded_ollama.answer_with("ps_after_unload")
    recorded_ollama.instead["GET", "/api/version"] = recorded_ollama.instead["GET", "/api/ps"]

    assert Ollama(recorded_ollama.url).availability().running_url == ""

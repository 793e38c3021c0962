"""Engines as data, and their talk with servers as those really answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.engines import engine, engines
from deploy.engines.base import LaunchOptions, attached
from deploy.launching.diagnosis import diagnose
from deploy.launching.launch import start
from deploy.serving import Placement, Serving
from deploy.spec import ENGINE_NAMES, GIB, Artefact, Workload
from stillroom.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from deploy.plan import Plan


@pytest.fixture
def r1_plan(bundled_plan: Plan) -> Plan:
    """DeepSeek-R1-Distill-Qwen-7B on a GPU of 24 GiB with 20 GiB to use."""
    return replace(
        bundled_plan,
        model_id="deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        model_tag="deepseek-r1:7b",
        artefact=Artefact("Q4_K_M", 4_683_073_024, 0, exact=True, source="file"),
        workload=Workload(context_tokens=8192, concurrent_sequences=4),
        layer_count=28,
        placement=Placement(gpus=(1,)),
        budgets={"gpu:1": 20 * GIB},
        device_totals={"gpu:1": 24 * GIB},
        gpu_memory_utilization=0.833,
        reasoning=True,
    )


def option(argv: tuple[str, ...], name: str) -> str:
    return argv[argv.index(name) + 1]


def test_every_engine_name_has_an_engine_of_that_name() -> None:
    assert tuple(one.name for one in engines()) == ENGINE_NAMES
    assert engine("vllm").name == "vllm"


def test_every_engine_says_what_it_lacks_or_where_it_is() -> None:
    for one in engines():
        availability = one.availability()
        assert availability.detail
        assert availability.installed or availability.install_hint


def test_the_embedded_engine_serves_on_loopback_and_ends_with_its_parent(
    bundled_plan: Plan, tmp_path: Path
) -> None:
    plan = replace(bundled_plan, workload=Workload(context_tokens=1024, concurrent_sequences=3))

    spec = engine("embedded").launch_spec(
        plan, LaunchOptions(port=8123, weights=tmp_path / "m.gguf", threads=4)
    )

    assert spec.argv[1:4] == ("-P", "-m", "deploy.engines.embedded_server")
    assert option(spec.argv, "--context") == "1024"
    assert option(spec.argv, "--parallel") == "3"
    assert option(spec.argv, "--threads") == "4"
    assert option(spec.argv, "--alias") == "smollm2:135m"
    assert option(spec.argv, "--gpu-layers") == "0"
    assert "--stop-on-stdin-eof" in spec.argv
    assert spec.environment["OMP_WAIT_POLICY"] == "passive"
    assert spec.base_url == "http://127.0.0.1:8123/v1"


def test_the_embedded_engine_without_weights_says_how_to_get_them(bundled_plan: Plan) -> None:
    with pytest.raises(EngineError, match="needs a GGUF file of smollm2:135m") as caught:
        engine("embedded").launch_spec(bundled_plan, LaunchOptions(port=1))

    assert caught.value.hint == "stillroom models pull smollm2:135m"


def test_vllm_takes_the_budget_as_a_fraction_of_the_whole_gpu(r1_plan: Plan) -> None:
    spec = engine("vllm").launch_spec(r1_plan, LaunchOptions(port=8124))

    assert spec.argv[:3] == ("vllm", "serve", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")
    assert option(spec.argv, "--served-model-name") == "deepseek-r1:7b"
    assert option(spec.argv, "--max-model-len") == "8192"
    assert option(spec.argv, "--max-num-seqs") == "4"
    assert option(spec.argv, "--gpu-memory-utilization") == "0.833"
    assert option(spec.argv, "--reasoning-parser") == "deepseek_r1"
    assert option(spec.argv, "--host") == "127.0.0.1"
    assert spec.environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert spec.environment["VLLM_NO_USAGE_STATS"] == "1"


def test_vllm_refuses_a_plan_that_does_not_know_the_whole_gpu(r1_plan: Plan) -> None:
    with pytest.raises(EngineError, match="the whole memory of gpu:1 is not known"):
        engine("vllm").launch_spec(replace(r1_plan, gpu_memory_utilization=0.0), LaunchOptions(port=1))


def test_vllm_is_told_of_ranks_stages_and_a_quantized_cache(r1_plan: Plan) -> None:
    placement = Placement(gpus=(0, 1, 2, 3), tensor_parallel=2, pipeline_parallel=2)
    plan = replace(r1_plan, placement=placement, serving=Serving(kv_cache_type="fp8", batched_tokens=4096))

    spec = engine("vllm").launch_spec(plan, LaunchOptions(port=8124))

    assert option(spec.argv, "--tensor-parallel-size") == "2"
    assert option(spec.argv, "--pipeline-parallel-size") == "2"
    assert option(spec.argv, "--kv-cache-dtype") == "fp8"
    assert option(spec.argv, "--max-num-batched-tokens") == "4096"
    assert spec.environment["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"


def test_the_embedded_engine_is_told_of_a_quantized_cache(bundled_plan: Plan, tmp_path: Path) -> None:
    plan = replace(bundled_plan, serving=Serving(kv_cache_type="q8_0"))

    spec = engine("embedded").launch_spec(
        plan, LaunchOptions(port=8123, weights=tmp_path / "m.gguf", threads=4)
    )

    assert option(spec.argv, "--cache-type-k") == option(spec.argv, "--cache-type-v") == "q8_0"


def test_vllm_on_a_cpu_reserves_the_planned_kv_cache(bundled_plan: Plan) -> None:
    spec = engine("vllm").launch_spec(bundled_plan, LaunchOptions(port=8124))

    assert spec.environment["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert "--gpu-memory-utilization" not in spec.argv
    assert "--reasoning-parser" not in spec.argv


def test_vllm_quantizes_to_fp8_while_it_loads_and_fetches_awq_by_its_repository(r1_plan: Plan) -> None:
    fp8 = replace(r1_plan, artefact=replace(r1_plan.artefact, quantization="FP8"))
    awq = replace(
        r1_plan, artefact=replace(r1_plan.artefact, quantization="AWQ"), weights_name="owner/repo-awq"
    )

    fp8_argv = engine("vllm").launch_spec(fp8, LaunchOptions(port=1)).argv
    awq_argv = engine("vllm").launch_spec(awq, LaunchOptions(port=1)).argv

    assert option(fp8_argv, "--quantization") == "fp8"
    assert awq_argv[2] == "owner/repo-awq"
    assert "--quantization" not in awq_argv


def test_vllm_reads_its_profile_from_its_log() -> None:
    log = (
        "INFO [gpu_model_runner.py:2653] Model loading took 14.2717 GiB and 7.2 seconds\n"
        "INFO [gpu_worker.py:298] Available KV cache memory: 5.05 GiB\n"
        "INFO [gpu_model_runner.py:3480] Graph capturing finished in 4 secs, took 0.49 GiB\n"
    )

    terms = {term.name: term.measured_bytes for term in engine("vllm").read_memory(log, {})}

    assert terms == {
        "weights": round(14.2717 * GIB),
        "kv_cache": round(5.05 * GIB),
        "cuda_graphs": round(0.49 * GIB),
    }


def test_a_server_attached_to_is_asked_for_an_answer_and_never_stopped(
    bundled_plan: Plan, replay: Callable[..., Any], tmp_path: Path
) -> None:
    server = replay("vllm/health", "vllm/chat")
    plan = replace(bundled_plan, model_tag="tiny")
    own = engine("vllm").launch_spec(plan, LaunchOptions(port=1))
    spec = attached(own, url=server.url)
    (tmp_path / "log").write_text("an engine of ours, before: out of memory", encoding="utf-8")

    with start(spec, log_path=tmp_path / "log", on_progress=lambda _: None) as running:
        assert running.pid is None
        assert running.log() == ""
        assert running.endpoint(plan).model == "tiny"

    assert running.alive()


@pytest.mark.parametrize(
    ("url", "root", "host", "port"),
    [
        ("http://127.0.0.1:11434/", "http://127.0.0.1:11434", "127.0.0.1", 11434),
        ("https://models.example/ollama", "https://models.example/ollama", "models.example", 443),
    ],
)
def test_a_server_attached_to_keeps_its_own_url(
    r1_plan: Plan, url: str, root: str, host: str, port: int
) -> None:
    own = engine("ollama").launch_spec(r1_plan, LaunchOptions(port=1))

    spec = attached(own, url=url)

    assert (spec.host, spec.port, spec.argv) == (host, port, ())
    assert (spec.base_url, spec.readiness_url) == (f"{root}/v1", f"{root}/api/version")
    assert spec.derived_model == own.derived_model


def test_a_server_that_serves_another_model_is_refused(
    bundled_plan: Plan, replay: Callable[..., Any], tmp_path: Path
) -> None:
    server = replay("vllm/health", "vllm/chat")
    own = engine("vllm").launch_spec(bundled_plan, LaunchOptions(port=1))
    spec = attached(own, url=server.url)

    with pytest.raises(EngineError, match="serves 'tiny', and 'smollm2:135m' was asked for"):
        start(spec, log_path=tmp_path / "log", on_progress=lambda _: None)


def test_an_engine_whose_program_is_missing_says_how_to_get_it(
    r1_plan: Plan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    for name in ("ollama", "vllm"):
        spec = engine(name).launch_spec(r1_plan, LaunchOptions(port=1))
        with pytest.raises(EngineUnavailableError, match=f"no program '{name}' on the PATH") as caught:
            start(spec, log_path=tmp_path / "log", on_progress=lambda _: None)
        assert "install" in caught.value.hint


def test_llama_cpp_buffers_of_the_model_loaded_last_are_read() -> None:
    log = (
        "load_tensors:          CPU model buffer size =    10.00 MiB\n"
        "llama_kv_cache:        CPU KV buffer size =    20.00 MiB\n"
        "load_tensors:   CPU_Mapped model buffer size =  1108.61 MiB\n"
        "load_tensors:   CPU_REPACK model buffer size =   490.22 MiB\n"
        "llama_context:        CPU  output buffer size =     0.50 MiB\n"
        "llama_kv_cache:        CPU KV buffer size =   224.00 MiB\n"
        "sched_reserve:        CPU compute buffer size =    75.50 MiB\n"
    )

    terms = {term.name: term.measured_bytes for term in engine("embedded").read_memory(log, {})}

    assert terms["kv_cache"] == 224 * 1024**2
    assert terms["compute"] == 76 * 1024**2
    assert terms["weights"] == round(1108.61 * 1024**2)
    assert terms["weights_repacked"] == round(490.22 * 1024**2)


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("OSError: [Errno 98] Address already in use", "its port was taken by another program"),
        ("Error: listen tcp 127.0.0.1:11999: bind: address already in use", "its port was taken"),
        ("E srv start: couldn't bind HTTP server socket, hostname: h, port: 39912", "its port was taken"),
        ("E llama_init: failed to allocate buffer for kv cache", "it ran out of memory"),
        ("(0.18 GiB KV cache is needed, which is larger than the available KV cache memory", "out of memory"),
        ("Repo id must be in the form 'repo_name' or …: 'nope'.", "model directory nope is missing"),
        ("RuntimeError: reasoning parser could not locate think start/end tokens", "has no <think> tokens"),
        ("something new\n\n", "its last words were: something new"),
        ("", "it wrote nothing to its log"),
    ],
)  # fmt: skip
def test_a_failed_start_is_explained_from_its_log(log: str, sentence: str) -> None:
    assert sentence in diagnose(log, 1).sentence


def test_a_kill_by_the_system_is_told_apart_from_an_exit() -> None:
    assert "SIGKILL" in diagnose("loading…", -9).sentence

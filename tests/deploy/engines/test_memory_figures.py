"""The engines' own memory figures, read from what real servers wrote and answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.engines import engine
from deploy.engines.llama_log import engine_device, read_llama_cpp_memory
from deploy.engines.ollama_memory import read_ollama_memory
from deploy.engines.vllm_memory import read_vllm_memory
from deploy.spec import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.engines.base import MeasuredTerm

RECORDINGS = Path(__file__).parents[1] / "recordings"


def recorded(name: str) -> str:
    """A recorded log, or the body of a recorded answer as text."""
    if name.endswith(".txt"):
        return (RECORDINGS / name).read_text(encoding="utf-8")
    body = json.loads((RECORDINGS / name).read_text(encoding="utf-8"))["body"]
    return body if isinstance(body, str) else json.dumps(body)


def by_place(terms: Iterable[MeasuredTerm]) -> dict[tuple[str, str], int]:
    return {(term.name, term.device): term.measured_bytes for term in terms}


def mib(size: float) -> int:
    return round(size * MIB)


def test_ollamas_log_tells_each_buffer_and_that_nothing_was_repacked() -> None:
    terms = read_ollama_memory(recorded("ollama/logs/serve-main.txt"))

    assert by_place(terms) == {
        ("weights", "cpu"): mib(92.10),
        ("weights_repacked", "cpu"): 0,
        ("kv_cache", "cpu"): mib(90.00),
        ("compute", "cpu"): mib(17.51 + 0.19),
    }


def test_the_buffers_of_ollamas_log_are_what_ps_answers_in_one_sum() -> None:
    from_log = read_ollama_memory(recorded("ollama/logs/serve-main.txt"))
    (from_ps,) = read_ollama_memory("", [recorded("ollama/ps_after_load.json")])

    assert (from_ps.name, from_ps.device) == ("buffers", "cpu")
    rounding = sum(term.rounding_bytes for term in from_log)
    assert sum(term.measured_bytes for term in from_log) == pytest.approx(
        from_ps.measured_bytes, abs=rounding
    )


def test_ps_tells_apart_what_is_on_gpus() -> None:
    answer = '{"models": [{"name": "m", "size": 5000, "size_vram": 4200}]}'

    assert by_place(read_ollama_memory("", [answer])) == {("buffers", "cpu"): 800, ("buffers", "gpu:0"): 4200}


@pytest.mark.parametrize(
    "answer",
    [
        "<html>",
        "[]",
        '{"models": null}',
        '{"models": [{"size": "5000", "size_vram": 0}]}',
        '{"models": [{"size": 1, "size_vram": 2}]}',
        '{"models": [{"size": 1, "size_vram": 0}, {"size": 2, "size_vram": 0}]}',
    ],
)
def test_an_answer_that_does_not_tell_the_only_models_size_tells_nothing(answer: str) -> None:
    assert read_ollama_memory("", [answer, recorded("ollama/ps_empty.json")]) == ()


def test_a_server_with_two_sequences_and_a_smaller_cache_is_read_likewise() -> None:
    terms = by_place(read_ollama_memory(recorded("ollama/logs/serve-env.txt")))

    assert terms["kv_cache", "cpu"] == mib(47.81)


@pytest.mark.parametrize(
    ("buffer", "device"),
    [
        ("CPU", "cpu"),
        ("CPU_Mapped", "cpu"),
        ("CPU_REPACK", "cpu"),
        ("CUDA_Host", "cpu"),
        ("CUDA0", "gpu:0"),
        ("CUDA1", "gpu:1"),
        ("CUDA0_Split", "gpu:0"),
        ("ROCm1", "gpu:1"),
        ("ROCm_Host", "cpu"),
        ("Vulkan2", "gpu:2"),
        ("Metal", "gpu:0"),
        ("MTL0_Mapped", "gpu:0"),
    ],
)
def test_a_buffers_name_says_on_which_device_it_is(buffer: str, device: str) -> None:
    assert engine_device(buffer) == device


def test_buffers_on_gpus_stay_apart_from_those_in_main_memory() -> None:
    log = (
        "load_tensors:   CPU_Mapped model buffer size =   417.66 MiB\n"
        "load_tensors:        CUDA0 model buffer size =  4148.38 MiB\n"
        "load_tensors:        CUDA1 model buffer size =  4000.00 MiB\n"
        "llama_context:  CUDA_Host  output buffer size =     0.58 MiB\n"
        "llama_kv_cache:      CUDA0 KV buffer size =   800.00 MiB\n"
        "llama_kv_cache:      CUDA1 KV buffer size =   736.00 MiB\n"
        "sched_reserve:      CUDA0 compute buffer size =   152.01 MiB\n"
        "sched_reserve:      CUDA1 compute buffer size =   304.00 MiB\n"
        "sched_reserve:  CUDA_Host compute buffer size =    48.02 MiB\n"
    )

    terms = by_place(read_llama_cpp_memory(log))

    assert terms["weights", "gpu:0"] == mib(4148.38)
    assert terms["weights", "cpu"] == mib(417.66)
    assert terms["kv_cache", "gpu:1"] == mib(736.00)
    assert terms["compute", "cpu"] == mib(0.58 + 48.02)
    assert ("kv_cache", "cpu") not in terms


def test_a_graph_that_is_laid_out_anew_replaces_its_buffers() -> None:
    log = (
        "llama_context:  CUDA_Host  output buffer size =     0.95 MiB\n"
        "llama_kv_cache:      CUDA0 KV buffer size =  2048.00 MiB\n"
        "sched_reserve:      CUDA0 compute buffer size =   154.02 MiB\n"
        "sched_reserve:      CUDA0 compute buffer size =   160.02 MiB\n"
    )
    of_another_context = (
        "llama_context:  CUDA_Host  output buffer size =     0.95 MiB\n"
        "llama_kv_cache:      CUDA0 KV buffer size =   128.00 MiB\n"
        "sched_reserve:      CUDA0 compute buffer size =   130.02 MiB\n"
    )

    assert by_place(read_llama_cpp_memory(log))["compute", "gpu:0"] == mib(160.02)
    both = by_place(read_llama_cpp_memory(log + of_another_context))
    assert both["compute", "gpu:0"] == mib(160.02 + 130.02)
    assert both["kv_cache", "gpu:0"] == mib(2048 + 128)


def test_each_figure_says_how_far_its_printed_digits_may_be_off() -> None:
    (term,) = read_llama_cpp_memory("llama_kv_cache: CPU KV buffer size = 47.81 MiB")

    # 30 layers, 3 heads of 64 for keys and values, 4,096 tokens in blocks of 32 elements and 34 bytes.
    exact = 30 * 2 * 3 * 64 * 4096 * 34 // 32
    assert term.measured_bytes != exact
    assert abs(term.measured_bytes - exact) <= term.rounding_bytes


def test_vllm_on_a_cpu_tells_its_cache_to_the_byte_by_its_metrics() -> None:
    log, metrics = recorded("vllm_logs/A.txt"), recorded("vllm/metrics.json")

    (term,) = read_vllm_memory(log, [metrics])

    assert (term.name, term.device, term.measured_bytes, term.rounding_bytes) == ("kv_cache", "cpu", GIB, 0)
    assert read_vllm_memory(log)[0].rounding_bytes > 0


def test_metrics_that_tell_another_cache_than_the_log_are_not_believed() -> None:
    log = "(Worker_TP0 pid=7) INFO [gpu_worker.py:760] Available KV cache memory: 5.05 GiB\n"

    (term,) = read_vllm_memory(log, [recorded("vllm/metrics.json")])

    assert term.measured_bytes == round(5.05 * GIB)


def test_without_a_log_vllms_metrics_tell_the_cache_on_whichever_device() -> None:
    (term,) = read_vllm_memory("", [recorded("vllm/metrics.json")])

    assert (term.name, term.device, term.measured_bytes) == ("kv_cache", "", GIB)


def test_vllms_ranks_are_numbered_through_its_pipeline_stages() -> None:
    lines = [
        f"(Worker_PP{stage}_TP{rank} pid={10 * stage + rank}) INFO [gpu_model_runner.py:5150] "
        f"Model loading took {3 + stage}.{rank}5 GiB memory and 7.2 seconds"
        for stage in range(2)
        for rank in range(2)
    ]

    terms = by_place(read_vllm_memory("\n".join(lines)))

    assert terms == {
        ("weights", "gpu:0"): round(3.05 * GIB),
        ("weights", "gpu:1"): round(3.15 * GIB),
        ("weights", "gpu:2"): round(4.05 * GIB),
        ("weights", "gpu:3"): round(4.15 * GIB),
    }


def test_a_cache_that_vllm_was_told_the_size_of_is_read_too() -> None:
    line = (
        "(Worker pid=7) INFO Initial free memory 22.1 GiB, reserved 4.5 GiB memory for KV Cache as specified"
    )

    assert by_place(read_vllm_memory(line)) == {("kv_cache", "gpu:0"): round(4.5 * GIB)}


def test_engines_tell_the_version_that_wrote_the_log() -> None:
    assert engine("ollama").read_version(recorded("ollama/logs/serve-main.txt")) == "0.33.0-rc2"
    assert engine("vllm").read_version(recorded("vllm_logs/A.txt")) == "0.32.0"
    assert engine("embedded").read_version("") == engine("embedded").availability().version
    assert engine("ollama").read_version("") == engine("vllm").read_version("") == ""

"""llama.cpp's memory on an NVIDIA card, against what it allocated there and what the driver told of it.

``measured_llama_cpp_cuda.json`` says on which cards, with which driver and build, and how.
"""

from __future__ import annotations

import json
import statistics
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.catalog import load_catalog
from deploy.memory_model.llama_cpp import llama_cpp_memory
from deploy.planning.subject import from_catalog
from deploy.serving import Placement, Serving
from deploy.spec import MIB, EngineName, MemoryEstimate, Workload

if TYPE_CHECKING:
    from deploy.checkpoint import Checkpoint
    from deploy.planning.subject import Subject

MEASURED: dict[str, Any] = json.loads(
    Path(__file__).with_name("measured_llama_cpp_cuda.json").read_text("utf-8")
)

# CUDA pads the last row of a quantized tensor to 512 elements, and the driver aligns each.
PADDING = 96 * 1024


def rows(table: str) -> list[dict[str, Any]]:
    columns = MEASURED[f"{table.removeprefix('second_')}_columns"]
    return [dict(zip(columns, row, strict=True)) for row in MEASURED[table]]


# A cache with keys of another type than values is none that the model knows.
CONTEXTS = [row for row in rows("contexts") if row["keys"] == row["values"]]
WHOLE = [row for row in CONTEXTS if not row["cpu_kv_bytes"]]
PARTIAL = [row for row in CONTEXTS if row["cpu_kv_bytes"]]
# Without layers on the GPU a build for CUDA takes 829 MiB of it all the same: a placement without a GPU.
SERVERS = [row for row in (*rows("servers"), *rows("second_servers")) if row["gpu_layers"]]


@cache
def subject(tag: str) -> Subject:
    return from_catalog(load_catalog().find(tag))


@cache
def checkpoint(tag: str, quantization: str) -> Checkpoint:
    return subject(tag).checkpoint(quantization, "embedded")


def estimate(row: dict[str, Any], engine: EngineName = "embedded") -> MemoryEstimate:
    """What is predicted for a measured row."""
    return llama_cpp_memory(
        subject(row["model"]).architecture,
        checkpoint(row["model"], row["quantization"]),
        Workload(row["context_tokens"], row["sequences"]),
        Serving(
            row["keys"] if "keys" in row else row["kv_cache_type"],
            row.get("micro_batch_tokens", 512),
            flash_attention=row.get("flash_attention", True),
        ),
        Placement(gpus=(0,), gpu_layers=(row["gpu_layers"],)),
        engine=engine,
    )


def _name(row: dict[str, Any]) -> str:
    flash = "" if row.get("flash_attention", True) else " without flash attention"
    cache_type = row.get("keys", row.get("kv_cache_type"))
    return (
        f"{row['model']} {row['quantization']} {row['context_tokens']} x{row['sequences']} {cache_type} "
        f"{row.get('micro_batch_tokens', 512)}{flash} {row['gpu_layers']}"
    )


@pytest.mark.parametrize("row", WHOLE, ids=_name)
def test_with_every_layer_on_the_card_its_buffers_are_predicted_to_the_byte(row: dict[str, Any]) -> None:
    memory = estimate(row).on("gpu:0")

    assert memory.term("kv_cache").expected_bytes == pytest.approx(row["gpu_kv_bytes"], abs=PADDING)
    assert memory.term("weights").expected_bytes == pytest.approx(row["gpu_weights_bytes"], abs=PADDING)
    buffer = memory.term("compute")
    assert buffer.low_bytes <= row["gpu_compute_bytes"] <= buffer.high_bytes
    # A micro-batch is rounded up to the most that so many or fewer sequences need: 518 of 512 for eight.
    rounded = 0.013 if row["sequences"] > 2 else 0.0
    assert buffer.expected_bytes == pytest.approx(row["gpu_compute_bytes"], rel=rounded, abs=4096)


@pytest.mark.parametrize("row", CONTEXTS, ids=_name)
def test_the_host_s_buffers_beside_the_card_are_predicted_to_the_byte(row: dict[str, Any]) -> None:
    architecture = subject(row["model"]).architecture
    memory = estimate(row).on("cpu")

    output = architecture.vocabulary_size * 4 * row["sequences"]
    buffer = memory.term("compute").expected_bytes - output
    rounded = 0.013 if row["sequences"] > 2 else 0.0
    assert buffer == pytest.approx(row["host_compute_bytes"], rel=rounded, abs=4096)
    weights, mapped = memory.term("weights"), row["cpu_weights_bytes"]
    # With layers on the CPU the mapped stretch of the file spans the output projection, which is on the card.
    assert weights.low_bytes - PADDING <= mapped <= weights.high_bytes
    if row in WHOLE:
        assert weights.expected_bytes == pytest.approx(mapped, abs=PADDING)
    cached = sum(term.expected_bytes for term in memory.terms if term.name == "kv_cache")
    assert cached == row["cpu_kv_bytes"]


@pytest.mark.parametrize("row", PARTIAL, ids=_name)
def test_with_some_layers_on_the_cpu_the_card_s_buffer_is_predicted_within_a_fifth(
    row: dict[str, Any],
) -> None:
    memory = estimate(row).on("gpu:0")

    assert memory.term("kv_cache").expected_bytes == row["gpu_kv_bytes"]
    assert memory.term("weights").expected_bytes == pytest.approx(row["gpu_weights_bytes"], abs=PADDING)
    buffer = memory.term("compute")
    assert buffer.low_bytes <= row["gpu_compute_bytes"] <= buffer.high_bytes
    assert buffer.expected_bytes == pytest.approx(row["gpu_compute_bytes"], rel=0.22)


@pytest.mark.parametrize("engine", ["embedded", "ollama"])
@pytest.mark.parametrize("row", SERVERS, ids=_name)
def test_what_the_driver_told_of_the_card_lies_in_the_interval(
    row: dict[str, Any], engine: EngineName
) -> None:
    memory = estimate(row, engine).on("gpu:0")
    used = row["nvml_device_used_mib"] * MIB

    assert memory.low_bytes <= used <= memory.high_bytes
    assert memory.expected_bytes == pytest.approx(used, rel=0.08)
    beyond = (row["nvml_device_used_mib"] - row["gpu_buffers_mib"]) * MIB
    overhead = memory.term("overhead")
    assert overhead.low_bytes < beyond < overhead.high_bytes


def test_the_card_s_memory_is_predicted_within_one_percent_at_the_median() -> None:
    errors = [
        abs(estimate(row).on("gpu:0").expected_bytes / (row["nvml_device_used_mib"] * MIB) - 1)
        for row in SERVERS
    ]
    assert statistics.median(errors) < 0.01


@pytest.mark.parametrize("row", SERVERS, ids=_name)
def test_what_the_server_s_process_held_of_the_main_memory_lies_in_the_interval(row: dict[str, Any]) -> None:
    memory = estimate(row).on("cpu")
    resident = row["process_resident_mib"] * MIB

    assert memory.low_bytes <= resident <= memory.high_bytes
    if not row["cpu_kv_mib"]:
        assert memory.expected_bytes == pytest.approx(resident, rel=0.05)


def test_a_quantized_cache_is_unpacked_for_one_layer_and_still_saves_memory() -> None:
    row = {
        "model": "deepseek-r1:7b",
        "quantization": "Q4_K_M",
        "context_tokens": 131_072,
        "sequences": 1,
        "gpu_layers": 29,
    }
    plain = estimate(row | {"keys": "f16"}).on("gpu:0")
    quantized = estimate(row | {"keys": "q8_0"}).on("gpu:0")

    # 131,072 cells x 2 x 4 KV heads x 128 x 2 B.
    assert "268,435,456 B of a layer's cache in 16 bits" in quantized.term("compute").arithmetic
    assert quantized.term("compute").expected_bytes > plain.term("compute").expected_bytes
    assert quantized.expected_bytes < plain.expected_bytes


def test_the_card_s_compute_buffer_can_be_checked_by_hand() -> None:
    row = {
        "model": "deepseek-r1:7b",
        "quantization": "Q4_K_M",
        "context_tokens": 8192,
        "sequences": 1,
        "gpu_layers": 29,
        "keys": "f16",
    }
    memory = estimate(row)

    assert memory.on("gpu:0").term("compute").arithmetic == (
        "512 tokens x (5 x 3,584 + 3 x 18,944 - 3,584) x 4 B + mask 512 x 8,192 x 2 B + inputs 14,464 B"
    )
    by_hand = 512 * (4 * 3584 + 3 * 18_944) * 4 + 512 * 8192 * 2 + 14_464
    assert memory.on("gpu:0").term("compute").expected_bytes == by_hand
    assert memory.on("cpu").term("compute").arithmetic == (
        "512 tokens x 4 x 3,584 x 4 B + mask 512 x 8,192 x 2 B + inputs 18,560 B + logits 1 x 152,064 x 4 B"
    )

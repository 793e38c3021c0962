"""Shared by the tests of speed: what was measured, and the shapes, files and machines of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.architectures.shape import Architecture, Attention, Experts, FeedForward, LatentAttention, Layer
from deploy.hardware.gpu_facts import facts_for
from deploy.quantizations.checkpoint import compute_checkpoint
from deploy.serving import Placement
from deploy.spec import GIB, EngineName, Gpu, Machine

if TYPE_CHECKING:
    from deploy.checkpoint import Checkpoint

MEASURED: dict[str, Any] = json.loads(Path(__file__).with_name("measured.json").read_text(encoding="utf-8"))


def shape(name: str) -> Architecture:
    if name == "DeepSeek-V2-Lite":
        latent = LatentAttention(16, 0, 512, 128, 64, 128)
        layers = (Layer(latent, FeedForward(10944)), *(Layer(latent, Experts(64, 6, 1408, 2816)),) * 26)
        return Architecture("deepseek_v2", 2048, 102400, layers, 163840)
    if name == "gpt-oss-20B":
        experts = Experts(32, 4, 2880, router_bias=True, biases=True)
        attention = Attention(64, 8, 64, 64, qkv_bias=True, output_bias=True, sinks=True)
        pair = (Layer(replace(attention, window_tokens=128), experts), Layer(attention, experts))
        return Architecture("gpt_oss", 2880, 201088, pair * 12, 131072)
    row = MEASURED["shapes"][name]
    attention = Attention(row["heads"], row["kv_heads"], row["head_dim"], row["head_dim"])
    return Architecture(
        row["model_type"],
        row["hidden_size"],
        row["vocabulary_size"],
        (Layer(attention, FeedForward(row["intermediate_size"])),) * row["layers"],
        max_context_tokens=131072,
        tied_embeddings=row.get("tied_embeddings", False),
    )


def stored(architecture: Architecture, quantization: str, engine: EngineName = "ollama") -> Checkpoint:
    return compute_checkpoint(
        architecture, quantization, file_format="safetensors" if engine == "vllm" else "gguf"
    )


def card(name: str, index: int = 0, **changes: Any) -> Gpu:  # noqa: ANN401
    facts = facts_for(name)
    gpu = Gpu(index, name, 24 * GIB, 24 * GIB)
    if facts:
        gpu = replace(
            gpu,
            vendor=facts.vendor,
            bandwidth_bytes_per_s=facts.bandwidth_bytes_per_s,
            fp16_flops=facts.fp16_flops,
            compute_capability=facts.compute_capability,
        )
    return replace(gpu, **changes)


def machine(*gpus: Gpu, cores: int = 8, bandwidth: float = 0.0) -> Machine:
    return Machine(
        "A CPU", cores, 64 * GIB, 60 * GIB, "physical", 0, gpus, memory_bandwidth_bytes_per_s=bandwidth
    )


def whole(architecture: Architecture, gpus: int = 1) -> Placement:
    """Every layer on so many GPUs, evenly."""
    layers = architecture.layer_count + 1
    counts = tuple(layers // gpus + (place < layers % gpus) for place in range(gpus))
    return Placement(tuple(range(gpus)), counts)


def row_name(row: dict[str, Any]) -> str:
    return " ".join(str(row.get(key, "")) for key in ("gpus", "gpu", "model", "quantization", "engine"))


def measured_here(table: str) -> list[dict[str, Any]]:
    """Rows of this repository's own measurements with every layer on the card."""
    return [row for row in MEASURED[table] if "b11549" in row["source"] and "gpu_layers" not in row]

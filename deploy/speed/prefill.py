"""Prompt speed: tokens a second of a prompt as long as the context, from operations and verified peaks.

Computing a prompt is bound by arithmetic: twice the multiplied parameters a token, and attention over what
came before; quantization does not lessen it. A GPU whose 16-bit peak was not verified has no estimate. Prefix
caches are not considered.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from deploy.architectures.shape import LatentAttention, LinearAttention
from deploy.architectures.tensors import active_parameter_count
from deploy.memory_model.llama_cpp_weights import layer_devices
from deploy.plan import SpeedEstimate, Unknown
from deploy.serving import CPU
from deploy.speed.figures import (
    CPU_CORE_FLOPS,
    ENDS,
    LLAMA_MICRO_BATCH_TOKENS,
    LLAMA_PREFILL_BEND,
    LLAMA_PREFILL_CEILING,
    LLAMA_PREFILL_LAYER_SECONDS,
    LLAMA_PREFILL_SHARE,
    LLAMA_PREFILL_START_SECONDS,
    LLAMA_STAGED_BYTES_PER_S,
    LLAMA_STAGED_TOKENS,
    VLLM_PREFILL_SHARE,
    End,
    Interval,
)

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture, Layer
    from deploy.checkpoint import Checkpoint
    from deploy.serving import Placement
    from deploy.spec import EngineName, Gpu, Machine, Workload


@dataclass(frozen=True, slots=True)
class _Part:
    """What one device adds to a prompt: arithmetic, and what costs time besides, slow to fast."""

    flops: float
    flops_per_s: Interval
    source: str
    layers: int = 0
    staged_bytes: int = 0

    def seconds(self, end: End, tokens: int) -> float:
        """The time at one end of the intervals."""
        batches = ceil(tokens / LLAMA_MICRO_BATCH_TOKENS)
        layers = self.layers * batches * LLAMA_PREFILL_LAYER_SECONDS.at(end)
        staged = self.staged_bytes * batches / LLAMA_STAGED_BYTES_PER_S.at(end)
        return self.flops / self.flops_per_s.at(end) + layers + staged

    def arithmetic(self, tokens: int) -> str:
        """The expected time as a calculation."""
        batches = ceil(tokens / LLAMA_MICRO_BATCH_TOKENS)
        text = f"{self.flops / 1e12:.4g} TFLOP / {self.flops_per_s.expected / 1e12:.3g} TFLOPS"
        if self.layers:
            text += (
                f" + {batches} x {self.layers} layers x {LLAMA_PREFILL_LAYER_SECONDS.expected * 1e6:.0f} us"
            )
        if self.staged_bytes:
            text += f" + {batches} x {self.staged_bytes / 1e9:.3g} GB over the bus"
            text += f" / {LLAMA_STAGED_BYTES_PER_S.expected / 1e9:.3g} GB/s"
        return text


def prefill_speed(
    architecture: Architecture,
    checkpoint: Checkpoint,
    workload: Workload,
    placement: Placement,
    *,
    machine: Machine,
    engine: EngineName,
) -> SpeedEstimate | Unknown:
    """Tokens a second of one prompt that fills the context.

    Raises:
        PlanError: the placement does not go with the model.
    """
    tokens = workload.context_tokens
    parts = _parts(architecture, checkpoint, tokens, placement, machine=machine, engine=engine)
    if isinstance(parts, Unknown):
        return parts
    started = any(part.layers for part in parts)
    low, expected, high = (
        sum(part.seconds(end, tokens) for part in parts)
        + (LLAMA_PREFILL_START_SECONDS.at(end) if started else 0.0)
        for end in ENDS
    )
    words = [part.arithmetic(tokens) for part in parts]
    if started:
        words.append(f"{LLAMA_PREFILL_START_SECONDS.expected * 1e3:.0f} ms")
    return SpeedEstimate(
        low_tokens_per_s=tokens / low,
        expected_tokens_per_s=tokens / expected,
        high_tokens_per_s=tokens / high,
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        arithmetic=f"{tokens} tokens / ({' + '.join(words)}) = {tokens} / {expected:.3g} s",
    )


def prompt_flops(architecture: Architecture, tokens: int) -> float:
    """Operations for a prompt of that many tokens, the output projection for the last one only.

    Example:
        About 132 TFLOP for 8,192 tokens of Llama 3 8B, of which attention takes 18.
    """
    output = architecture.vocabulary_size * architecture.hidden_size
    multiplied = active_parameter_count(architecture) - output
    # Equal layers are one shared object: a few are computed.
    kinds = {id(layer): layer for layer in architecture.layers}
    flops = {key: _attention_flops(layer, tokens) for key, layer in kinds.items()}
    attention = sum(flops[id(layer)] for layer in architecture.layers)
    return 2.0 * multiplied * tokens + 2.0 * output + attention


def _attention_flops(layer: Layer, tokens: int) -> float:
    """Scores and weighted values of a causal prompt: a token meets half of the others, or its window."""
    attention = layer.attention
    if isinstance(attention, LinearAttention):
        # A state of key by value dimensions a head is updated and read once a token.
        return 4.0 * tokens * attention.value_heads * attention.key_dim * attention.value_dim
    if isinstance(attention, LatentAttention):
        width, window = attention.nope_dim + attention.rope_dim + attention.value_dim, 0
    else:
        width, window = attention.key_dim + attention.value_dim, attention.window_tokens
    met = tokens / 2 if not window else min(tokens / 2, window)
    return 2.0 * tokens * met * attention.heads * width


def _parts(
    architecture: Architecture,
    checkpoint: Checkpoint,
    tokens: int,
    placement: Placement,
    *,
    machine: Machine,
    engine: EngineName,
) -> list[_Part] | Unknown:
    """What each device does of the prompt; unknown where a GPU's peak is."""
    gpus = {gpu.index: gpu for gpu in machine.gpus}
    for index in placement.gpus:
        if index not in gpus or not gpus[index].fp16_flops:
            name = gpus[index].name if index in gpus else f"gpu:{index}"
            return Unknown(f"no verified figure of 16-bit operations a second is known for {name}")
    total = prompt_flops(architecture, tokens)
    if engine == "vllm" and placement.gpus:
        slowest = min(gpus[index].fp16_flops for index in placement.gpus) * placement.tensor_parallel
        name = gpus[placement.gpus[0]].name
        return [_Part(total, _scaled(slowest, VLLM_PREFILL_SHARE), f"{name}'s verified 16-bit peak")]
    owners = layer_devices(architecture.layer_count, placement)[:-1]
    parts = []
    for device in dict.fromkeys(owners):
        count = owners.count(device)
        flops = total * count / len(owners)
        if device != CPU:
            parts.append(_gpu_part(flops, gpus[int(device.removeprefix("gpu:"))], count))
        elif placement.gpus and gpus[placement.gpus[0]].vendor == "nvidia" and tokens >= LLAMA_STAGED_TOKENS:
            on_cpu = {number for number, owner in enumerate(owners) if owner == CPU}
            staged = sum(tensor.stored_bytes for tensor in checkpoint.tensors if tensor.layer in on_cpu)
            parts.append(_gpu_part(flops, gpus[placement.gpus[0]], count, staged))
        else:
            source = "llama.cpp on two server cores: 25e9 operations a second and core"
            parts.append(_Part(flops, _scaled(machine.cpu_cores, CPU_CORE_FLOPS), source))
    return parts


def _gpu_part(flops: float, gpu: Gpu, layers: int, staged_bytes: int = 0) -> _Part:
    """llama.cpp's kernels reach a share of the peak, but hardly more than a ceiling."""
    reached = Interval(
        *(_bent(gpu.fp16_flops * LLAMA_PREFILL_SHARE.at(end), LLAMA_PREFILL_CEILING.at(end)) for end in ENDS)
    )
    source = f"{gpu.name}'s verified 16-bit peak; llama.cpp reached 0.13 to 0.79 of such peaks"
    return _Part(flops, reached, source, layers, staged_bytes)


def _bent(rate: float, ceiling: float) -> float:
    """A rate that keeps below its ceiling."""
    bend = LLAMA_PREFILL_BEND
    return float((rate**-bend + ceiling**-bend) ** (-1 / bend))


def _scaled(peak: float, shares: Interval) -> Interval:
    return Interval(*(peak * share for share in shares.ends()))

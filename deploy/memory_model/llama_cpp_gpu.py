"""llama.cpp's compute buffers where layers are on a GPU: the GPU's own, and the host's beside it.

Both are what llama.cpp printed to the byte on an NVIDIA H200, driver 580.159.04, llama.cpp b11549 (xllamacpp
2026.10.11549), 2026-11-26: R1-Distill-Qwen 1.5B to 32B, R1-Distill-Llama-8B and R1-0528-Qwen3-8B with
contexts of 2,048 to 131,072, one to eight sequences, caches of f16, q8_0 and q4_0, micro-batches of 128 to
2,048, flash attention on and off. "Measured" below is that; other shapes follow the moments found on a CPU.
With layers left on the CPU the buffer is larger by what is staged, which is not modelled here. Nothing here
knows a context of a driver or an engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.architectures.shape import LinearAttention
from deploy.memory_model import llama_cpp_compute as compute
from deploy.memory_model.kv_cache import kv_elements_per_token
from deploy.memory_model.llama_cpp_moments import STREAM_VECTORS, attention_moment, busiest_moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.architectures.shape import Architecture, Layer
    from deploy.serving import Serving
    from deploy.spec import Workload

# The embedded tokens come from the host: one vector fewer than in a CPU's buffer. The host's buffer holds as
# many vectors of its own. Both measured.
_GPU_STREAM_VECTORS = STREAM_VECTORS - 1
_HOST_STREAM_VECTORS = 4

# Token numbers, positions and cache rows. Without flash attention values are stored transposed, and each
# element has a row number of its own, 8 bytes wide. All measured.
_INPUT_BYTES, _INPUT_BYTES_PER_TOKEN, _TRANSPOSED_INPUT_BYTES_PER_TOKEN = 128, 28, 20
_HOST_INPUT_BYTES_PER_TOKEN = 8
_ROW_NUMBER_BYTES = 8
# Rotations of keys (128 x 128) and values (64 x 64) that quantized caches are stored with, in 32 bits.
_ROTATION_BYTES = (128 * 128 + 64 * 64) * 4

# Flash attention on tensor cores reads 16-bit keys and values: those of one layer, of all sequences and
# cells, are unpacked beside it (ggml/src/ggml-cuda/fattn.cu, ggml_cuda_flash_attn_ext_get_alloc_size;
# measured).
_UNPACKED_BYTES = 2
_UNPACKED_TYPE = "f16"


@dataclass(frozen=True, slots=True)
class BusyMoment:
    """The most that one layer needs on a GPU, masks and inputs not counted.

    Attributes:
        least_bytes: without an unpacked cache, which older releases and cards take elsewhere.
    """

    least_bytes: int
    expected_bytes: int
    arithmetic: str


def gpu_moment(
    layers: Iterable[Layer], architecture: Architecture, workload: Workload, serving: Serving
) -> BusyMoment:
    """The busiest moment over those layers; nothing where there are none."""
    moments = [_moment(layer, architecture, workload, serving) for layer in dict.fromkeys(layers)]
    if not moments:
        return BusyMoment(0, 0, "")
    busiest = max(moments, key=lambda moment: moment.expected_bytes)
    return BusyMoment(
        max(moment.least_bytes for moment in moments), busiest.expected_bytes, busiest.arithmetic
    )


def input_bytes(architecture: Architecture, workload: Workload, serving: Serving) -> int:
    """Masks, token numbers, positions, cache rows and rotations, which the host and every GPU hold."""
    tokens = compute.micro_batch(workload, serving)
    masks = compute.mask_bytes(architecture, workload, serving)
    if serving.flash_attention:
        rows = tokens * _INPUT_BYTES_PER_TOKEN
    else:
        widest = max(kv_elements_per_token(layer)[1] for layer in architecture.distinct_layers)
        rows = tokens * (_TRANSPOSED_INPUT_BYTES_PER_TOKEN + widest * _ROW_NUMBER_BYTES)
    return masks + _INPUT_BYTES + rows + (_ROTATION_BYTES if _is_quantized(serving) else 0)


def host_bytes(architecture: Architecture, workload: Workload, serving: Serving) -> int:
    """The host's pinned buffer: embeddings on their way to the GPU, and the inputs once more."""
    tokens = compute.micro_batch(workload, serving)
    vector = architecture.hidden_size * compute.F32_BYTES
    width = _HOST_STREAM_VECTORS * vector + _HOST_INPUT_BYTES_PER_TOKEN
    return tokens * width + input_bytes(architecture, workload, serving)


def host_arithmetic(architecture: Architecture, workload: Workload, serving: Serving) -> str:
    """``host_bytes`` as a calculation."""
    tokens = compute.micro_batch(workload, serving)
    mask = compute.mask_arithmetic(architecture, workload, serving) or "0 B"
    vectors = tokens * _HOST_STREAM_VECTORS * architecture.hidden_size * compute.F32_BYTES
    masks = compute.mask_bytes(architecture, workload, serving)
    rest = host_bytes(architecture, workload, serving) - vectors - masks
    return (
        f"{tokens} tokens x {_HOST_STREAM_VECTORS} x {architecture.hidden_size:,} x 4 B + mask {mask} "
        f"+ inputs {rest:,} B"
    )


def last_logits_bytes(architecture: Architecture, workload: Workload) -> int:
    """Logits of the last token of each sequence, which is all that llama.cpp reserves as of June 2026.

    ggml-org/llama.cpp, pull 23861; Ollama builds on b10091 of July 2026.
    """
    width = architecture.vocabulary_size + architecture.hidden_size
    return workload.concurrent_sequences * width * compute.F32_BYTES


def layer_cache_bytes(layers: Iterable[Layer], workload: Workload, serving: Serving) -> int:
    """Keys and values of one layer in 16 bits, the largest: what an unpacked copy of it takes."""
    return max((_unpacked_bytes(layer, workload, serving) for layer in dict.fromkeys(layers)), default=0)


def _moment(layer: Layer, architecture: Architecture, workload: Workload, serving: Serving) -> BusyMoment:
    tokens, hidden = compute.micro_batch(workload, serving), architecture.hidden_size
    busiest = busiest_moment(layer, hidden)
    plain = tokens * (busiest.elements - hidden) * compute.F32_BYTES
    text = f"{tokens} tokens x ({busiest.arithmetic} - {hidden:,}) x 4 B"
    attention = attention_moment(layer, hidden)
    scores = 0 if serving.flash_attention else _score_elements(layer, workload, serving)
    elements = _GPU_STREAM_VECTORS * hidden + attention.elements + scores
    attending = tokens * elements * compute.F32_BYTES
    unpacked = 0
    if serving.flash_attention and serving.kv_cache_type != _UNPACKED_TYPE:
        unpacked = _unpacked_bytes(layer, workload, serving)
    if attending + unpacked > plain:
        text = f"{tokens} tokens x ({_GPU_STREAM_VECTORS} x {hidden:,} + {attention.arithmetic}"
        text += f" + {scores:,} scores) x 4 B" if scores else ") x 4 B"
        text += f" + {unpacked:,} B of a layer's cache in 16 bits" if unpacked else ""
    return BusyMoment(max(plain, attending), max(plain, attending + unpacked), text)


def _score_elements(layer: Layer, workload: Workload, serving: Serving) -> int:
    attention = layer.attention
    if isinstance(attention, LinearAttention):
        return 0
    return attention.heads * compute.cells(layer, workload, serving)


def _unpacked_bytes(layer: Layer, workload: Workload, serving: Serving) -> int:
    cells = compute.cells(layer, workload, serving) * workload.concurrent_sequences
    return cells * sum(kv_elements_per_token(layer)) * _UNPACKED_BYTES


def _is_quantized(serving: Serving) -> bool:
    return serving.kv_cache_type not in {"f16", "bf16", "f32"}

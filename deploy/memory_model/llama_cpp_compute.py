"""llama.cpp's compute buffer: what one micro-batch of a prompt needs while it passes through the layers.

The busiest moment of a layer, the masks, the inputs and the logits. Nothing here knows a device or an engine.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from deploy.architectures.shape import LatentAttention, LinearAttention
from deploy.memory_model.kv_cache import cached_tokens, kv_bytes_per_token, window_tokens
from deploy.memory_model.llama_cpp_moments import STREAM_VECTORS, attention_moment, busiest_moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.architectures.shape import Architecture, Layer
    from deploy.serving import Serving
    from deploy.spec import Workload

F32_BYTES = 4
_F16_BYTES = 2

# llama.cpp rounds the cells of a sequence's cache up to a multiple of this (src/llama-context.cpp,
# GGML_PAD(n_ctx, 256)).
CONTEXT_STEP_TOKENS = 256

# Token numbers, positions, cache rows and output rows of the micro-batch: 0.02 MiB for 512 tokens. Measured.
_INPUT_BYTES_PER_TOKEN = 40


def micro_batch(workload: Workload, serving: Serving) -> int:
    """Tokens that are computed at once: a multiple of the sequences, as llama.cpp reserves for all at once.

    Rounding up for three sequences can take more than for four; the most that any fewer take is counted, so
    that another sequence never needs less.

    Example:
        >>> from deploy.serving import Serving
        >>> from deploy.spec import Workload
        >>> micro_batch(Workload(8192, 1), Serving()), micro_batch(Workload(8192, 3), Serving())
        (512, 513)
    """
    return _micro_batch(
        workload.context_tokens * workload.concurrent_sequences,
        workload.concurrent_sequences,
        serving.micro_batch_tokens,
    )


@cache
def _micro_batch(context_tokens: int, sequences: int, micro_batch_tokens: int) -> int:
    tokens = min(context_tokens, micro_batch_tokens)
    splits = range(1, min(sequences, tokens) + 1)
    return max((-(-tokens // split) * split for split in splits), default=0)


def cells(layer: Layer, workload: Workload, serving: Serving) -> int:
    """Tokens that the layer's cache holds for each sequence, padding included."""
    return cached_tokens(
        layer, workload.context_tokens, batch_tokens=serving.micro_batch_tokens, step=CONTEXT_STEP_TOKENS
    )


def layers_bytes(
    layers: Iterable[Layer], architecture: Architecture, workload: Workload, serving: Serving
) -> int:
    """The busiest moment over those layers, without masks and inputs."""
    tokens = micro_batch(workload, serving)
    distinct = dict.fromkeys(layers)
    return max(
        (_layer_elements(layer, architecture, workload, serving) * tokens * F32_BYTES for layer in distinct),
        default=0,
    )


def layers_arithmetic(
    layers: Iterable[Layer], architecture: Architecture, workload: Workload, serving: Serving
) -> str:
    """``layers_bytes`` as a calculation."""
    busiest = max(
        dict.fromkeys(layers),
        key=lambda layer: _layer_elements(layer, architecture, workload, serving),
        default=None,
    )
    if busiest is None:
        return ""
    moment = busiest_moment(busiest, architecture.hidden_size)
    scores = _score_elements(busiest, workload, serving)
    added = f" + {scores:,} scores" if scores else ""
    return f"{micro_batch(workload, serving)} tokens x ({moment.arithmetic}{added}) x 4 B"


def mask_bytes(architecture: Architecture, workload: Workload, serving: Serving) -> int:
    """Who may see whom: one number for each token of the micro-batch and each cell, once a kind of cache.

    Layers with a window have a mask of their own. Masks are 16 bits wide with flash attention and 32 without.
    """
    return sum(width for width, _ in _masks(architecture, workload, serving))


def mask_arithmetic(architecture: Architecture, workload: Workload, serving: Serving) -> str:
    """``mask_bytes`` as a calculation."""
    return " + ".join(text for _, text in _masks(architecture, workload, serving))


def inputs_bytes(workload: Workload, serving: Serving) -> int:
    """Token numbers, positions and rows of the micro-batch."""
    return micro_batch(workload, serving) * _INPUT_BYTES_PER_TOKEN


def logits_bytes(architecture: Architecture, workload: Workload, serving: Serving) -> int:
    """Logits of a whole micro-batch beside its residual stream, which llama.cpp before 2026 reserved on GPUs.

    512 x (vocabulary + hidden size) x 4 B is the 304.00 MiB printed for Qwen2.5-7B and the 258.50 MiB for
    Llama-3-8B.
    """
    width = architecture.vocabulary_size + architecture.hidden_size
    return micro_batch(workload, serving) * width * F32_BYTES


def output_bytes(architecture: Architecture, workload: Workload) -> int:
    """The buffer that logits are handed out in: one row a sequence."""
    return architecture.vocabulary_size * F32_BYTES * workload.concurrent_sequences


def _score_elements(layer: Layer, workload: Workload, serving: Serving) -> int:
    """Without flash attention every head has a score for each cell; measured within 8 %, mostly 2 %."""
    if serving.flash_attention or not kv_bytes_per_token(layer):
        return 0
    attention = layer.attention
    if isinstance(attention, LinearAttention):
        return 0
    scores = attention.heads * cells(layer, workload, serving)
    if isinstance(attention, LatentAttention):
        return scores
    return scores + 2 * attention.kv_heads * attention.key_dim


def _layer_elements(layer: Layer, architecture: Architecture, workload: Workload, serving: Serving) -> int:
    """Floats a token; without flash attention the scores may make another moment the busiest."""
    busiest = busiest_moment(layer, architecture.hidden_size).elements
    scores = _score_elements(layer, workload, serving)
    if not scores:
        return busiest
    attention = attention_moment(layer, architecture.hidden_size).elements
    return max(busiest, STREAM_VECTORS * architecture.hidden_size + attention + scores)


def _masks(architecture: Architecture, workload: Workload, serving: Serving) -> list[tuple[int, str]]:
    tokens = micro_batch(workload, serving)
    width = _F16_BYTES if serving.flash_attention else F32_BYTES
    kinds: dict[bool, int] = {}
    for layer in architecture.distinct_layers:
        if kv_bytes_per_token(layer):
            sliding = window_tokens(layer) > 0
            kinds[sliding] = max(kinds.get(sliding, 0), cells(layer, workload, serving))
    return [(tokens * kept * width, f"{tokens} x {kept:,} x {width} B") for _, kept in sorted(kinds.items())]

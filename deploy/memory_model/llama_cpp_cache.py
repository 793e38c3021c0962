"""llama.cpp's KV cache and recurrent states on one device, with the arithmetic that a reader can check.

Every sequence has cells of its own, its context rounded up to 256; a layer with a sliding window keeps the
window and one micro-batch. It does not know which layers are on the device.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from deploy.architectures.shape import Attention, LatentAttention
from deploy.memory_model.kv_cache import (
    kv_block,
    kv_bytes_per_token,
    kv_elements_per_token,
    recurrent_state_bytes,
    recurrent_state_elements,
    row_bytes,
    window_tokens,
)
from deploy.memory_model.llama_cpp_compute import cells
from deploy.spec import MemoryTerm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.architectures.shape import Architecture, Layer
    from deploy.quantizations.block_types import Block
    from deploy.serving import Serving
    from deploy.spec import Workload


def cache_terms(
    layers: list[Layer], workload: Workload, serving: Serving, device: str
) -> Iterator[MemoryTerm]:
    """The terms ``kv_cache`` and, where a layer has a recurrence, ``recurrent_state``; both exact.

    Raises:
        PlanError: the cache type is unknown.
    """
    kinds = Counter(layers)
    sequences = workload.concurrent_sequences
    cached = sequences * sum(
        kv_bytes_per_token(layer, serving.kv_cache_type) * cells(layer, workload, serving) * count
        for layer, count in kinds.items()
    )
    source = "keys and values of each layer, token and sequence, as llama.cpp allocates them"
    text = _cache_arithmetic(kinds, workload, serving)
    yield MemoryTerm("kv_cache", cached, cached, cached, source, device, text)
    state = sequences * sum(recurrent_state_bytes(layer) * count for layer, count in kinds.items())
    if state:
        source = "convolution and recurrence of linear attention, in 32 bits"
        text = _state_arithmetic(kinds, sequences)
        yield MemoryTerm("recurrent_state", state, state, state, source, device, text)


def checkpoint_bytes(architecture: Architecture, workload: Workload, serving: Serving) -> int:
    """What llama.cpp's server copies when it notes where a prompt was, of what cannot be rolled back.

    The windows of layers that have one, and recurrent states; 0 for models with neither. It printed 11.006
    MiB for gemma-3-1b, which is 22 layers x 1 KiB x 512 tokens and a header.
    """
    copied = 0
    for layer, count in Counter(architecture.layers).items():
        kept = min(window_tokens(layer), workload.context_tokens)
        copied += count * (
            kv_bytes_per_token(layer, serving.kv_cache_type) * kept + recurrent_state_bytes(layer)
        )
    return copied


def _cache_arithmetic(kinds: Counter[Layer], workload: Workload, serving: Serving) -> str:
    merged: Counter[tuple[str, int]] = Counter()
    for layer, count in kinds.items():
        if any(kv_elements_per_token(layer)):
            merged[_token_arithmetic(layer, serving.kv_cache_type), cells(layer, workload, serving)] += count
    sequences = f"{workload.concurrent_sequences} sequence{'s' * (workload.concurrent_sequences != 1)}"
    parts = [
        f"{count} layers x {token} x {kept:,} tokens x {sequences}" for (token, kept), count in merged.items()
    ]
    return " + ".join(parts) or "0 B"


def _token_arithmetic(layer: Layer, kv_cache_type: str) -> str:
    """One layer's bytes a token: ``2 x 4 KV heads x 128 x 2 B``."""
    attention, block = layer.attention, kv_block(kv_cache_type)
    keys, values = kv_elements_per_token(layer)
    whole = keys % block.weights == 0 and values % block.weights == 0
    if whole and isinstance(attention, Attention) and attention.key_dim == attention.value_dim:
        return f"2 x {attention.kv_heads} KV heads x {attention.key_dim} x {_element(block)}"
    if whole and isinstance(attention, LatentAttention) and not attention.index_heads:
        return f"({attention.kv_rank} + {attention.rope_dim}) x {_element(block)}"
    return (
        f"({row_bytes(keys, kv_cache_type):,} B of keys + {row_bytes(values, kv_cache_type):,} B of values)"
    )


def _element(block: Block) -> str:
    return f"{block.bytes} B" if block.weights == 1 else f"{block.bytes}/{block.weights} B"


def _state_arithmetic(kinds: Counter[Layer], sequences: int) -> str:
    merged: Counter[tuple[int, int]] = Counter()
    for layer, count in kinds.items():
        if any(recurrent_state_elements(layer)):
            merged[recurrent_state_elements(layer)] += count
    parts = [
        f"{count} layers x ({convolution:,} + {state:,}) x 4 B"
        for (convolution, state), count in merged.items()
    ]
    return f"({' + '.join(parts)}) x {sequences} sequence{'s' * (sequences != 1)}"

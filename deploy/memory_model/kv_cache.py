"""What attention remembers: bytes a token of one layer's keys and values, tokens kept, and recurrent states.

Both engines' memory models build on it. It knows the shapes and the types of a cache; how an engine pads,
pages or shares it among sequences is that engine's module's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.architectures.shape import Attention, LatentAttention, LinearAttention
from deploy.quantizations.block_types import BLOCK_TYPES, Block
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from deploy.architectures.shape import Layer

# Elements that are stored together, and in how many bytes. llama.cpp's block types (ggml/src/ggml-common.h),
# and vLLM's fp8 (vllm/config/cache.py), whose scales are one number a layer.
KV_ELEMENT_BYTES = {
    "f32": BLOCK_TYPES["F32"],
    "f16": BLOCK_TYPES["F16"],
    "bf16": BLOCK_TYPES["BF16"],
    "q8_0": BLOCK_TYPES["Q8_0"],
    "q5_1": BLOCK_TYPES["Q5_1"],
    "q5_0": BLOCK_TYPES["Q5_0"],
    "q4_1": BLOCK_TYPES["Q4_1"],
    "q4_0": BLOCK_TYPES["Q4_0"],
    "iq4_nl": BLOCK_TYPES["IQ4_NL"],
    "fp8": Block(1, 1),
}


def kv_block(kv_cache_type: str) -> Block:
    """How a cache type stores elements.

    Raises:
        PlanError: there is no such cache type; the message lists those that exist.

    Example:
        >>> kv_block("q8_0")
        Block(weights=32, bytes=34)
    """
    try:
        return KV_ELEMENT_BYTES[kv_cache_type]
    except KeyError:
        raise PlanError(
            f"there is no KV cache type {kv_cache_type!r}; known are {', '.join(KV_ELEMENT_BYTES)}",
            hint="stillroom plan --kv-cache q8_0",
        ) from None


def kv_elements_per_token(layer: Layer) -> tuple[int, int]:
    """How many elements of keys and of values one layer caches a token.

    Latent attention caches one compressed vector a token beside its rotary part, and the values are read out
    of it, so that it has no values of its own (llama.cpp, src/llama-kv-cache.cpp: no V for MLA; vLLM does the
    same). Its sparse indexer, where there is one, caches a key of its own. Layers that share an earlier
    layer's cache, and linear attention, cache nothing a token.

    Example:
        >>> from deploy.architectures.shape import FeedForward, Layer
        >>> kv_elements_per_token(Layer(Attention(12, 2, 128, 128), FeedForward(8960)))
        (256, 256)
        >>> kv_elements_per_token(Layer(LatentAttention(16, 0, 512, 128, 64, 128), FeedForward(10944)))
        (576, 0)
    """
    attention = layer.attention
    if isinstance(attention, LatentAttention):
        index = attention.index_dim if attention.index_heads else 0
        return attention.kv_rank + attention.rope_dim + index, 0
    if isinstance(attention, LinearAttention) or attention.shares_cache:
        return 0, 0
    return attention.kv_heads * attention.key_dim, attention.kv_heads * attention.value_dim


def row_bytes(elements: int, kv_cache_type: str) -> int:
    """What that many elements of one token take: whole blocks.

    Example:
        >>> row_bytes(256, "f16"), row_bytes(256, "q8_0")
        (512, 272)
    """
    block = kv_block(kv_cache_type)
    return -(-elements // block.weights) * block.bytes


def kv_bytes_per_token(layer: Layer, kv_cache_type: str = "f16") -> int:
    """Keys and values of one token in one layer.

    Example:
        R1-Distill-Qwen-1.5B caches 1,024 bytes a token in each of its 28 layers: 2 KV heads of 128, twice, in
        16 bits.

    Raises:
        PlanError: there is no such cache type.
    """
    keys, values = kv_elements_per_token(layer)
    return row_bytes(keys, kv_cache_type) + row_bytes(values, kv_cache_type)


def window_tokens(layer: Layer) -> int:
    """How far back the layer's sliding window sees; 0 for the whole context."""
    return layer.attention.window_tokens if isinstance(layer.attention, Attention) else 0


def cached_tokens(layer: Layer, context_tokens: int, *, batch_tokens: int = 0, step: int = 1) -> int:
    """How many tokens of one sequence a layer must keep.

    Args:
        layer: with or without a sliding window.
        context_tokens: of the sequence.
        batch_tokens: what is computed at once: a window's cache holds it beside the window.
        step: the cache's size is a multiple of this.

    Example:
        >>> from deploy.architectures.shape import FeedForward, Layer
        >>> sliding = Layer(Attention(4, 1, 256, 256, window_tokens=512), FeedForward(6912))
        >>> cached_tokens(sliding, 8192, batch_tokens=512, step=256)
        1024
    """
    whole = -(-context_tokens // step) * step
    window = window_tokens(layer)
    if not window:
        return whole
    return min(whole, -(-(window + batch_tokens) // step) * step)


def recurrent_state_elements(layer: Layer) -> tuple[int, int]:
    """Elements of a linear attention layer's convolution and of its recurrence, for one sequence.

    The convolution keeps the tokens before the current one of queries, keys and values; the recurrence is a
    matrix of key by value dimensions a value head (llama.cpp, src/llama-hparams.cpp, ``n_embd_r`` and
    ``n_embd_s``).
    """
    attention = layer.attention
    if not isinstance(attention, LinearAttention):
        return 0, 0
    channels = 2 * attention.key_heads * attention.key_dim + attention.value_heads * attention.value_dim
    state = attention.value_heads * attention.value_dim * attention.key_dim
    return (attention.conv_kernel - 1) * channels, state


def recurrent_state_bytes(layer: Layer, *, conv_element_bytes: int = 4, state_element_bytes: int = 4) -> int:
    """What one sequence's state takes in one layer; llama.cpp keeps both parts in 32 bits."""
    convolution, state = recurrent_state_elements(layer)
    return convolution * conv_element_bytes + state * state_element_bytes

"""The busiest moment of a layer in llama.cpp's compute buffer: how many floats a token lie in it at once.

llama.cpp lays out the graph of one micro-batch and reuses memory from layer to layer, so that the buffer is
as large as one layer's busiest moment. The moments were found by loading models of 30 shapes on a CPU
(xllamacpp 2026.10.11549, flash attention on, micro-batches of 128 to 2048) and comparing with the buffer
that it printed: they agree to the rounding of its last digit for dense models with grouped queries, for
mixtures of experts and for latent attention. Nothing here knows a context, a device or an engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from deploy.architectures.shape import Experts, FeedForward, LatentAttention, LinearAttention

if TYPE_CHECKING:
    from deploy.architectures.shape import Layer

# Vectors as wide as the residual stream that lie in the buffer at every busy moment: the embedded tokens,
# the residual, its normalization, and the holes that two such leave before something wider. Measured.
STREAM_VECTORS = 5


@dataclass(frozen=True, slots=True)
class Moment:
    """The buffer at one busy moment.

    Attributes:
        name: what is computed then.
        elements: 32-bit floats a token of the micro-batch.
        arithmetic: the same as a calculation with its numbers.
    """

    name: str
    elements: int
    arithmetic: str


@cache
def busiest_moment(layer: Layer, hidden_size: int) -> Moment:
    """The moment at which the layer needs most, without the scores that flash attention spares.

    Example:
        >>> from deploy.architectures.shape import Attention, FeedForward, Layer
        >>> busiest_moment(Layer(Attention(12, 2, 128, 128), FeedForward(8960)), 1536).arithmetic
        '5 x 1,536 + 3 x 8,960'
    """
    stream = STREAM_VECTORS * hidden_size
    begin = f"{STREAM_VECTORS} x {hidden_size:,}"
    moments = (attention_moment(layer, hidden_size), _feed_forward_moment(layer, hidden_size))
    busiest = max(moments, key=lambda moment: moment.elements)
    return Moment(busiest.name, stream + busiest.elements, f"{begin} + {busiest.arithmetic}")


def attention_moment(layer: Layer, hidden_size: int) -> Moment:
    """The moment of attention alone, the residual stream not counted."""
    attention = layer.attention
    if isinstance(attention, LatentAttention):
        return _latent_moment(attention)
    if isinstance(attention, LinearAttention):
        return _linear_moment(attention)
    query = attention.heads * attention.key_dim * (2 if attention.gated else 1)
    key = attention.kv_heads * attention.key_dim
    # Queries and what attention puts out; or, with many KV heads, queries, keys before and after rotation,
    # and values in a buffer that is not yet fragmented.
    out = Moment("attention", 2 * query, f"2 x {query:,}")
    if query == hidden_size:  # one of the holes is just as wide
        out = Moment("attention", query, f"{query:,}")
    narrower = STREAM_VECTORS - 1
    wide = 2 * query + 3 * key - narrower * hidden_size
    if wide <= out.elements:
        return out
    return Moment("attention", wide, f"2 x {query:,} + 3 x {key:,} - {narrower} x {hidden_size:,}")


def _latent_moment(attention: LatentAttention) -> Moment:
    """Queries, their rotary part, the part that is taken into the latent space, and both joined."""
    query = attention.nope_dim + attention.rope_dim
    joined = attention.kv_rank + attention.rope_dim
    width = query + attention.rope_dim + attention.kv_rank + joined
    return Moment(
        "latent attention",
        attention.heads * width,
        f"{attention.heads} x ({query} + {attention.rope_dim} + {attention.kv_rank} + {joined})",
    )


def _linear_moment(attention: LinearAttention) -> Moment:
    """Fitted to four sequences of Qwen3-Next with small experts, within 1 %; one needs a quarter less.

    In Qwen3-Next itself the experts need more, and the buffer is what was printed.
    """
    keys = 2 * attention.key_heads * attention.key_dim
    values = attention.value_heads * attention.value_dim
    return Moment(
        "linear attention", 3 * (keys + values) + 2 * values, f"3 x ({keys:,} + {values:,}) + 2 x {values:,}"
    )


def _feed_forward_moment(layer: Layer, hidden_size: int) -> Moment:
    block = layer.feed_forward
    if isinstance(block, FeedForward):
        parts = 3 if block.gated else 2
        return Moment(
            "feed forward", parts * block.intermediate_size, f"{parts} x {block.intermediate_size:,}"
        )
    return _experts_moment(block, hidden_size)


def _experts_moment(block: Experts, hidden_size: int) -> Moment:
    """Gate, up and product of each active expert; the outputs go where gate and up were, if they fit."""
    width = block.active * block.intermediate_size
    outputs = block.active * hidden_size
    text = f"3 x {block.active} x {block.intermediate_size:,}"
    routed = Moment("experts", 3 * width, text)
    if outputs > 2 * width:
        routed = Moment("experts", 3 * width + outputs, f"{text} + {block.active} x {hidden_size:,}")
    shared = 3 * block.shared_intermediate_size
    if shared > routed.elements:
        return Moment("shared experts", shared, f"3 x {block.shared_intermediate_size:,}")
    return routed

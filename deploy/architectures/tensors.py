"""The tensors of a decoder, from its shape: what there is to load, and how many parameters that is.

It knows no bytes: how a tensor is stored is ``deploy.quantizations``'s.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from deploy.architectures.attention_tensors import attention_parts
from deploy.architectures.feed_forward_tensors import feed_forward_parts
from deploy.architectures.shape import Experts
from deploy.architectures.tensor import Tensor

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture, Layer
    from deploy.architectures.tensor import Part

# Families whose second norm is named for what it follows (``post_attention_norm``) and not for the
# feed-forward network that it precedes: ``LLM_TENSOR_ATTN_POST_NORM`` of these architectures in llama.cpp.
_POST_ATTENTION_NORM = frozenset({"gpt_oss", "qwen3_next", "qwen3_5", "qwen3_5_moe", "glm4_moe"})

# A layer's norms after its first: two in all in most families, four in Gemma 2 and 3, seven in Gemma 4's
# mixtures.
_LATER_NORMS = (
    "ffn_norm.weight",
    "post_attention_norm.weight",
    "post_ffw_norm.weight",
    "post_ffw_norm_1.weight",
    "pre_ffw_norm_2.weight",
    "post_ffw_norm_2.weight",
)

# Long and short factors for each rotary frequency in files of their own names: llama.cpp's ``LLM_ARCH_PHI3``.
_LONG_ROPE = frozenset({"phi3"})
_LONG_FACTORS = ("rope_factors_long.weight", "rope_factors_short.weight")


@lru_cache(maxsize=256)
def tensors(architecture: Architecture) -> tuple[Tensor, ...]:
    """Every tensor of a model, in a GGUF file's order.

    Example:
        >>> from deploy.architectures.shape import Architecture, Attention, FeedForward, Layer
        >>> layer = Layer(Attention(4, 2, 8, 8), FeedForward(64))
        >>> [tensor.name for tensor in tensors(Architecture("llama", 32, 100, (layer,), 512))][:3]
        ['token_embd.weight', 'blk.0.attn_norm.weight', 'blk.0.attn_q.weight']
    """
    parts = {layer: layer_parts(layer, architecture) for layer in architecture.distinct_layers}
    blocks = (
        Tensor(f"blk.{number}.{name}", shape, role, number)
        for number, layer in enumerate(architecture.layers)
        for name, shape, role in parts[layer]
    )
    before = (Tensor(name, shape, role) for name, shape, role in _parts_before(architecture))
    after = (Tensor(name, shape, role) for name, shape, role in _parts_after(architecture))
    return (*before, *blocks, *after)


def parameter_count(architecture: Architecture) -> int:
    """How many parameters a model has: a tied embedding counts once, rotary factors are none."""
    count = sum(prod(shape) for _, shape, role in _parts_outside(architecture) if role != "rope_factors")
    sums = {layer: _elements(layer_parts(layer, architecture)) for layer in architecture.distinct_layers}
    return count + sum(sums[layer] for layer in architecture.layers)


def active_parameter_count(architecture: Architecture) -> int:
    """How many parameters one token is computed with: all but the experts that it does not visit.

    An embedding is looked up, not multiplied with, so it counts only where it is the output projection too.
    """
    looked_up = {"rope_freqs.weight", *_LONG_FACTORS, "per_layer_token_embd.weight"}
    if not architecture.tied_embeddings:
        looked_up.add("token_embd.weight")
    count = sum(prod(shape) for name, shape, _ in _parts_outside(architecture) if name not in looked_up)
    sums = {layer: _active_elements(layer, architecture) for layer in architecture.distinct_layers}
    return count + sum(sums[layer] for layer in architecture.layers)


def layer_parts(layer: Layer, architecture: Architecture) -> list[Part]:
    """The tensors of one decoder layer, by their names within it."""
    hidden, model_type = architecture.hidden_size, architecture.model_type
    parts: list[Part] = [("attn_norm.weight", (hidden,), "norm")]
    parts += attention_parts(layer.attention, hidden, model_type)
    later = ("post_attention_norm.weight",) if model_type in _POST_ATTENTION_NORM else _LATER_NORMS
    parts += [(name, (hidden,), "norm") for name in later[: layer.norms - 1]]
    parts += feed_forward_parts(layer.feed_forward, hidden, model_type)
    if width := layer.per_layer_input_dim:
        parts += [
            ("inp_gate.weight", (width, hidden), "per_layer_input"),
            ("proj.weight", (hidden, width), "per_layer_input"),
            ("post_norm.weight", (hidden,), "norm"),
        ]
    if layer.scalar:
        parts.append(("layer_output_scale.weight", (1,), "other"))
    return parts


def _parts_outside(architecture: Architecture) -> tuple[Part, ...]:
    """Every tensor outside the layers."""
    return (*_parts_before(architecture), *_parts_after(architecture))


def _parts_before(architecture: Architecture) -> list[Part]:
    """What stands in front of the layers: embeddings, and rotary factors that a file may carry."""
    hidden, vocabulary = architecture.hidden_size, architecture.vocabulary_size
    parts: list[Part] = [("token_embd.weight", (vocabulary, hidden), "token_embedding")]
    if architecture.rope_factors:
        names = _LONG_FACTORS if architecture.model_type in _LONG_ROPE else ("rope_freqs.weight",)
        parts += [(name, (architecture.rope_factor_count,), "rope_factors") for name in names]
    if width := max((layer.per_layer_input_dim for layer in architecture.distinct_layers), default=0):
        rows = architecture.layer_count * width
        parts += [
            ("per_layer_token_embd.weight", (vocabulary, rows), "per_layer_input"),
            ("per_layer_model_proj.weight", (rows, hidden), "per_layer_input"),
            ("per_layer_proj_norm.weight", (width,), "norm"),
        ]
    return parts


def _parts_after(architecture: Architecture) -> list[Part]:
    """What follows the layers: the last norm, and an output projection that is not the embedding."""
    hidden = architecture.hidden_size
    parts: list[Part] = [("output_norm.weight", (hidden,), "norm")]
    if not architecture.tied_embeddings:
        parts.append(("output.weight", (architecture.vocabulary_size, hidden), "output"))
    return parts


def _elements(parts: list[Part]) -> int:
    """How many parameters those tensors hold."""
    return sum(prod(shape) for _, shape, _ in parts)


def _active_elements(layer: Layer, architecture: Architecture) -> int:
    """The elements of a layer that one token is computed with."""
    parts = layer_parts(layer, architecture)
    experts = layer.feed_forward
    if not isinstance(experts, Experts):
        return _elements(parts)
    routed = sum(prod(shape) for name, shape, _ in parts if "_exps." in name)
    return _elements(parts) - routed + routed * experts.active // experts.total

"""Which ggml type each tensor of a GGUF file gets, in a mix such as Q4_K_M.

Before and after llama.cpp's rules for the mix (``deploy.quantizations.gguf_rules``) stand what is never
quantized and what happens to rows that are not whole blocks: ``tensor_allows_quantization`` and
``tensor_type_fallback`` in llama.cpp's ``src/llama-quant.cpp`` (commit 007dbbf3), and the converter's choice
of 32 bits for small tensors. It knows no bytes, and not the mixes that publishers make by hand: a real file's
header beats these rules.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from deploy.architectures.shape import Attention, Experts, LatentAttention
from deploy.quantizations.block_types import BLOCK_TYPES
from deploy.quantizations.gguf_rules import Asked, Category, Model, mixed_type

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture
    from deploy.architectures.tensor import Tensor

# llama.cpp recognizes a tensor by what its name contains, in this order. A fused ``attn_qkv`` counts as
# values (before 2026 Q4_K_M gave all of them Q5_K, and Q5_K_M Q6_K: 6 MB less in phi-4). The ``attn_kv_b`` of
# DeepSeek files from before May 2025 would count so too, but when those were made it was nothing special.
_CATEGORY_BY_NAME: tuple[tuple[str, Category], ...] = (
    ("attn_qkv.weight", "value"),
    ("attn_v.weight", "value"),
    ("attn_k.weight", "key"),
    ("attn_q.weight", "query"),
    ("attn_output.weight", "projection"),
    ("ffn_up", "up"),
    ("ffn_gate", "gate"),
    ("ffn_down", "down"),
)

# Where a row is not a multiple of 256, a type with blocks of 32 takes its place.
_FALLBACKS = {
    "IQ1_S": "IQ4_NL",
    "IQ1_M": "IQ4_NL",
    "IQ2_XXS": "IQ4_NL",
    "IQ2_XS": "IQ4_NL",
    "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL",
    "IQ3_S": "IQ4_NL",
    "IQ4_XS": "IQ4_NL",
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
    "TQ1_0": "Q4_0",
    "TQ2_0": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
}

_UNQUANTIZED = frozenset({"F32", "F16", "BF16"})
# The converter keeps vectors, norms, these, and whatever is no ``.weight`` in 32 bits (llama.cpp,
# convert_hf_to_gguf.py and conversion/base.py), and llama-quantize leaves them so.
_FULL_PRECISION_ENDS = (
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_inp_shexp.weight",
    "ssm_conv1d.weight",
)
# Left in the 16 bits of the source.
_HALF_PRECISION_ENDS = ("per_layer_model_proj.weight", "indexer.k_proj.weight", "indexer.q_proj.weight")

_SEVENTY_B_LAYERS = 80
# Hugging Face's types whose files say ``llama``.
_LLAMA_FAMILY = frozenset({"llama", "mistral"})


def ggml_types(architecture: Architecture, mix: str, base: str, tensors: tuple[Tensor, ...]) -> list[str]:
    """The type of every tensor, in order.

    Args:
        architecture: the model's shape.
        mix: a GGUF quantization's name, such as ``Q4_K_M``.
        base: the type of most of its tensors, such as ``Q4_K``.
        tensors: those of the architecture, layer by layer.
    """
    names = [tensor.name if tensor.layer is None else tensor.name.split(".", 2)[2] for tensor in tensors]
    categories = [category_of(name) for name in names]
    model = _model(architecture, value_tensors=categories.count("value"))
    values = downs = 0
    types: list[str] = []
    for tensor, name, category in zip(tensors, names, categories, strict=True):
        dimensions, columns = len(tensor.shape), tensor.shape[-1]
        kind = _kept_type(name, dimensions, base)
        if not kind:
            asked = Asked(mix, base, category, columns, dimensions, tensor.layer or 0, values, downs)
            kind = _whole_blocks(mixed_type(asked, model), columns)
        values += category == "value"
        downs += category == "down"
        types.append(kind)
    return types


@cache
def category_of(name: str) -> Category:
    """What llama.cpp takes a tensor for, by its name within the layer."""
    if name == "output.weight":
        return "output"
    if name in {"token_embd.weight", "per_layer_token_embd.weight"}:
        return "embedding"
    return next((category for part, category in _CATEGORY_BY_NAME if part in name), "other")


def _model(architecture: Architecture, *, value_tensors: int) -> Model:
    """What llama.cpp reads from a file's header and tensor list before it chooses types."""
    kinds = architecture.distinct_layers
    # A latent attention has one head of keys and values for all queries, as its files' headers say.
    shared_by = next(
        (
            attention.heads // (attention.kv_heads if isinstance(attention, Attention) else 1)
            for attention in (layer.attention for layer in kinds)
            if isinstance(attention, Attention | LatentAttention)
        ),
        1,
    )
    mixtures = [layer.feed_forward for layer in kinds if isinstance(layer.feed_forward, Experts)]
    return Model(
        layers=architecture.layer_count,
        value_tensors=value_tensors,
        queries_per_value=shared_by,
        experts=max((mixture.total for mixture in mixtures), default=0),
        tied=architecture.tied_embeddings,
        seventy_b=_is_seventy_b(architecture, shared_by),
    )


def _is_seventy_b(architecture: Architecture, shared_by: int) -> bool:
    """What llama.cpp's loaders call a 70B: 80 layers of Qwen2, or of Llama with shared value heads."""
    if architecture.layer_count != _SEVENTY_B_LAYERS:
        return False
    return architecture.model_type == "qwen2" or (architecture.model_type in _LLAMA_FAMILY and shared_by > 1)


@cache
def _kept_type(name: str, dimensions: int, base: str) -> str:
    """The type of a tensor that is not quantized, or nothing."""
    if dimensions == 1 or not name.endswith(".weight") or name.endswith(_FULL_PRECISION_ENDS):
        return "F32"
    if base in _UNQUANTIZED:
        return base
    return "F16" if name.endswith(_HALF_PRECISION_ENDS) else ""


def _whole_blocks(kind: str, columns: int) -> str:
    """The type, or the one that takes its place where a row is not whole blocks of it.

    Rows that are not whole blocks of the other type either go to 16 bits; of types without another, llama.cpp
    makes no file at all.
    """
    for candidate in (kind, _FALLBACKS.get(kind, "F16")):
        if columns % BLOCK_TYPES[candidate].weights == 0:
            return candidate
    return "F16"

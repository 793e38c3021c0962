"""The tensors of a dense decoder, from its shape: what there is to load, and how many parameters that is.

It covers Llama, Qwen2 and Qwen3. It knows no bytes: how a tensor is stored is ``deploy.quantization``'s.
Mixture of experts, latent attention and sliding windows are not described here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Literal

from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.spec import Architecture

SUPPORTED_MODEL_TYPES = ("llama", "qwen2", "qwen3")

Role = Literal[
    "token_embedding",
    "output",
    "attention_q",
    "attention_k",
    "attention_v",
    "attention_output",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
    "norm",
    "bias",
    "rope_factors",
]

# The projections inside decoder layers: what GPU formats such as AWQ and FP8 quantize.
LINEAR_ROLES: frozenset[Role] = frozenset(
    ("attention_q", "attention_k", "attention_v", "attention_output", "ffn_gate", "ffn_up", "ffn_down")
)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight tensor.

    Attributes:
        name: as GGUF names it, for example ``blk.0.attn_q.weight``.
        shape: rows first: (output features, input features), or (features,).
        layer: the decoder layer from 0, or None outside the layers.
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    layer: int | None = None

    @property
    def elements(self) -> int:
        """How many parameters it holds."""
        return prod(self.shape)

    @property
    def columns(self) -> int:
        """The contiguous dimension, which quantization cuts into blocks."""
        return self.shape[-1]


def tensors(architecture: Architecture) -> tuple[Tensor, ...]:
    """Every weight tensor once: a tied output projection is its token embedding.

    Raises:
        PlanError: the model type is not a dense decoder that this module describes.
    """
    if architecture.model_type not in SUPPORTED_MODEL_TYPES:
        raise PlanError(
            f"the architecture {architecture.model_type!r} is not described here; "
            f"known are {', '.join(SUPPORTED_MODEL_TYPES)}",
            hint="stillroom models list",
        )
    width, vocabulary = architecture.hidden_size, architecture.vocabulary_size
    outside = [
        Tensor("token_embd.weight", (vocabulary, width), "token_embedding"),
        Tensor("output_norm.weight", (width,), "norm"),
    ]
    if not architecture.tied_embeddings:
        outside.append(Tensor("output.weight", (vocabulary, width), "output"))
    if architecture.rope_factors:
        outside.append(Tensor("rope_freqs.weight", (architecture.head_dim // 2,), "rope_factors"))
    layers = [tensor for layer in range(architecture.layers) for tensor in _layer(architecture, layer)]
    return (*outside, *layers)


def parameter_count(architecture: Architecture) -> int:
    """How many parameters the model has, tied ones counted once, as Hugging Face counts them."""
    return sum(tensor.elements for tensor in tensors(architecture) if tensor.role != "rope_factors")


def _layer(architecture: Architecture, layer: int) -> Iterator[Tensor]:
    width, inner = architecture.hidden_size, architecture.intermediate_size
    queries = architecture.attention_heads * architecture.head_dim
    keys = architecture.kv_heads * architecture.head_dim
    matrices: tuple[tuple[str, tuple[int, ...], Role], ...] = (
        ("attn_q", (queries, width), "attention_q"),
        ("attn_k", (keys, width), "attention_k"),
        ("attn_v", (keys, width), "attention_v"),
        ("attn_output", (width, queries), "attention_output"),
        ("ffn_gate", (inner, width), "ffn_gate"),
        ("ffn_up", (inner, width), "ffn_up"),
        ("ffn_down", (width, inner), "ffn_down"),
        ("attn_norm", (width,), "norm"),
        ("ffn_norm", (width,), "norm"),
    )
    for name, shape, role in matrices:
        yield Tensor(f"blk.{layer}.{name}.weight", shape, role, layer)
    if architecture.qkv_bias:
        for name, features in (("attn_q", queries), ("attn_k", keys), ("attn_v", keys)):
            yield Tensor(f"blk.{layer}.{name}.bias", (features,), "bias", layer)
    if architecture.qk_norm:
        for name in ("attn_q_norm", "attn_k_norm"):
            yield Tensor(f"blk.{layer}.{name}.weight", (architecture.head_dim,), "norm", layer)

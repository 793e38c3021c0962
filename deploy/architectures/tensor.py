"""One weight tensor: its name, its shape, and the role that decides how it is stored, placed and cut."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

Role = Literal[
    "token_embedding",
    "output",
    "norm",
    "bias",
    "rope_factors",
    "attention_q",
    "attention_k",
    "attention_v",
    "attention_qkv",
    "attention_output",
    "attention_gate",
    "attention_sinks",
    "latent_q_a",
    "latent_q_b",
    "latent_kv_a",
    "latent_k_b",
    "latent_v_b",
    "latent_index",
    "linear_attention",
    "linear_state",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
    "router",
    "expert_gate",
    "expert_up",
    "expert_down",
    "shared_expert_gate",
    "shared_expert_up",
    "shared_expert_down",
    "shared_router",
    "per_layer_input",
    "other",
]

# The routed experts' projections, of which a token visits a few.
EXPERT_ROLES: frozenset[Role] = frozenset({"expert_gate", "expert_up", "expert_down"})

Part: TypeAlias = tuple[str, tuple[int, ...], Role]
"""A tensor without its layer: its name within the layer, its shape with rows first, its role."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight tensor.

    Attributes:
        name: as GGUF names it, for example ``blk.0.attn_q.weight``.
        shape: rows first: (output features, input features), (experts, output features, input features), or
            (features,).
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

"""The tensors of one layer's feed-forward network: dense, or a mixture of experts with its router.

Names and shapes are those of llama.cpp's GGUF files, rows first. It knows no layer number and no bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.architectures.shape import FeedForward

if TYPE_CHECKING:
    from deploy.architectures.shape import Experts
    from deploy.architectures.tensor import Part

# Gate and up projections are one tensor, which GGUF stores as an ``ffn_up`` of twice the width:
# ``gate_up_proj`` of transformers' modeling_phi3.py and modeling_glm4.py.
FUSED_GATE_UP = frozenset({"phi3", "glm", "glm4"})

# Experts' gate and up are one stacked tensor, and the "shared expert" is the layer's plain dense network:
# llama.cpp, ``MODEL_ARCH.GEMMA4`` in gguf-py's constants.py.
DENSE_BESIDE_EXPERTS = frozenset({"gemma4"})

# A bias of the router's logits; elsewhere it only corrects the choice (``e_score_correction_bias``).
_PLAIN_ROUTER_BIAS = frozenset({"gpt_oss"})


def feed_forward_parts(feed_forward: FeedForward | Experts, hidden_size: int, model_type: str) -> list[Part]:
    """Every tensor of a feed-forward network, by its name within the layer."""
    if isinstance(feed_forward, FeedForward):
        return _dense_parts(feed_forward, hidden_size, fused=model_type in FUSED_GATE_UP)
    return _expert_parts(feed_forward, hidden_size, model_type)


def _dense_parts(feed_forward: FeedForward, hidden: int, *, fused: bool) -> list[Part]:
    """Gate, up and down."""
    width = feed_forward.intermediate_size
    down: Part = ("ffn_down.weight", (hidden, width), "ffn_down")
    if fused and feed_forward.gated:
        return [("ffn_up.weight", (2 * width, hidden), "ffn_up"), down]
    gate: list[Part] = [("ffn_gate.weight", (width, hidden), "ffn_gate")] if feed_forward.gated else []
    return [*gate, ("ffn_up.weight", (width, hidden), "ffn_up"), down]


def _expert_parts(experts: Experts, hidden: int, model_type: str) -> list[Part]:
    """The router, the routed experts (stacked, one tensor for all) and the shared ones."""
    total = experts.total
    parts: list[Part] = [("ffn_gate_inp.weight", (total, hidden), "router")]
    if model_type in DENSE_BESIDE_EXPERTS:
        return [*parts, *_gemma4_parts(experts, hidden)]
    if experts.router_bias:
        name = "ffn_gate_inp.bias" if model_type in _PLAIN_ROUTER_BIAS else "exp_probs_b.bias"
        parts.append((name, (total,), "bias"))
    width = experts.intermediate_size
    parts += [
        ("ffn_gate_exps.weight", (total, width, hidden), "expert_gate"),
        ("ffn_up_exps.weight", (total, width, hidden), "expert_up"),
        ("ffn_down_exps.weight", (total, hidden, width), "expert_down"),
    ]
    if experts.biases:
        parts += [
            ("ffn_gate_exps.bias", (total, width), "bias"),
            ("ffn_up_exps.bias", (total, width), "bias"),
            ("ffn_down_exps.bias", (total, hidden), "bias"),
        ]
    return [*parts, *_shared_parts(experts, hidden)]


def _shared_parts(experts: Experts, hidden: int) -> list[Part]:
    """All shared experts as one, and the gate that scales it."""
    shared = experts.shared_intermediate_size
    parts: list[Part] = []
    if shared:
        parts += [
            ("ffn_gate_shexp.weight", (shared, hidden), "shared_expert_gate"),
            ("ffn_up_shexp.weight", (shared, hidden), "shared_expert_up"),
            ("ffn_down_shexp.weight", (hidden, shared), "shared_expert_down"),
        ]
    if experts.shared_gate:
        parts.append(("ffn_gate_inp_shexp.weight", (hidden,), "shared_router"))
    return parts


def _gemma4_parts(experts: Experts, hidden: int) -> list[Part]:
    """Gemma 4's mixture: scales in the router, gate and up stacked in one, a dense network in parallel."""
    width = experts.intermediate_size
    dense = FeedForward(experts.shared_intermediate_size)
    return [
        ("ffn_gate_inp.scale", (hidden,), "other"),
        ("ffn_gate_up_exps.weight", (experts.total, 2 * width, hidden), "expert_up"),
        ("ffn_down_exps.weight", (experts.total, hidden, width), "expert_down"),
        ("ffn_down_exps.scale", (experts.total,), "other"),
        *(_dense_parts(dense, hidden, fused=False) if dense.intermediate_size else ()),
    ]

"""The tensors of one layer's attention: softmax, latent or linear, without the layer's own norms.

Names and shapes are those of llama.cpp's GGUF files (``TENSOR_NAMES`` in gguf-py's constants.py and
``create_tensor`` in llama-model.cpp), rows first. It knows no layer number and no bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.architectures.shape import Attention, LatentAttention

if TYPE_CHECKING:
    from deploy.architectures.shape import LinearAttention
    from deploy.architectures.tensor import Part, Role

# One projection for queries, keys and values: ``qkv_proj`` of transformers' modeling_phi3.py.
FUSED_QKV = frozenset({"phi3"})


def attention_parts(
    attention: Attention | LatentAttention | LinearAttention, hidden_size: int, model_type: str
) -> list[Part]:
    """Every tensor of an attention, by its name within the layer."""
    if isinstance(attention, Attention):
        return _softmax_parts(attention, hidden_size, fused=model_type in FUSED_QKV)
    if isinstance(attention, LatentAttention):
        return _latent_parts(attention, hidden_size)
    return _linear_parts(attention, hidden_size)


def _softmax_parts(attention: Attention, hidden: int, *, fused: bool) -> list[Part]:
    """Queries, keys and values of separate heads."""
    parts: list[Part] = []
    for name, rows, role in _projections(attention, fused=fused):
        parts.append((f"{name}.weight", (rows, hidden), role))
        if attention.qkv_bias:
            parts.append((f"{name}.bias", (rows,), "bias"))
    if attention.qk_norm:
        parts.append(("attn_q_norm.weight", (attention.key_dim,), "norm"))
        if not attention.shares_cache:
            parts.append(("attn_k_norm.weight", (attention.key_dim,), "norm"))
    parts.append(("attn_output.weight", (hidden, attention.heads * attention.value_dim), "attention_output"))
    if attention.output_bias:
        parts.append(("attn_output.bias", (hidden,), "bias"))
    if attention.sinks:
        parts.append(("attn_sinks.weight", (attention.heads,), "attention_sinks"))
    return parts


def _projections(attention: Attention, *, fused: bool) -> list[tuple[str, int, Role]]:
    """Name, rows and role of each projection that a layer has: one that shares a cache has queries only."""
    queries = attention.heads * attention.key_dim * (2 if attention.gated else 1)
    keys, values = attention.kv_heads * attention.key_dim, attention.kv_heads * attention.value_dim
    if fused:
        return [("attn_qkv", queries + keys + values, "attention_qkv")]
    if attention.shares_cache:
        return [("attn_q", queries, "attention_q")]
    if attention.keys_are_values:
        return [("attn_q", queries, "attention_q"), ("attn_k", keys, "attention_k")]
    return [
        ("attn_q", queries, "attention_q"),
        ("attn_k", keys, "attention_k"),
        ("attn_v", values, "attention_v"),
    ]


def _latent_parts(attention: LatentAttention, hidden: int) -> list[Part]:
    """Multi-head latent attention, its expansion of keys and values split in two as llama.cpp stores it.

    ``attn_k_b`` is transposed against Hugging Face's ``kv_b_proj``, so that its rows are ``nope_dim`` long:
    the count is the same, the row length (which quantization cares for) is not.
    """
    heads, query_width = attention.heads, attention.nope_dim + attention.rope_dim
    parts: list[Part] = []
    if attention.query_rank:
        parts += [
            ("attn_q_a.weight", (attention.query_rank, hidden), "latent_q_a"),
            ("attn_q_a_norm.weight", (attention.query_rank,), "norm"),
            ("attn_q_b.weight", (heads * query_width, attention.query_rank), "latent_q_b"),
        ]
    else:
        parts.append(("attn_q.weight", (heads * query_width, hidden), "attention_q"))
    parts += [
        ("attn_kv_a_mqa.weight", (attention.kv_rank + attention.rope_dim, hidden), "latent_kv_a"),
        ("attn_kv_a_norm.weight", (attention.kv_rank,), "norm"),
        ("attn_k_b.weight", (heads, attention.kv_rank, attention.nope_dim), "latent_k_b"),
        ("attn_v_b.weight", (heads, attention.value_dim, attention.kv_rank), "latent_v_b"),
        ("attn_output.weight", (hidden, heads * attention.value_dim), "attention_output"),
    ]
    if attention.index_heads:
        rows = attention.index_heads * attention.index_dim
        parts += [
            ("indexer.attn_q_b.weight", (rows, attention.query_rank or hidden), "latent_index"),
            ("indexer.attn_k.weight", (attention.index_dim, hidden), "latent_index"),
            ("indexer.k_norm.weight", (attention.index_dim,), "norm"),
            ("indexer.k_norm.bias", (attention.index_dim,), "bias"),
            ("indexer.proj.weight", (attention.index_heads, hidden), "latent_index"),
        ]
    return parts


def _linear_parts(attention: LinearAttention, hidden: int) -> list[Part]:
    """A gated delta network. Hugging Face joins other projections than GGUF does; the sums are equal."""
    keys = attention.key_heads * attention.key_dim
    values = attention.value_heads * attention.value_dim
    mixed = 2 * keys + values
    parts: list[Part] = [
        ("attn_qkv.weight", (mixed, hidden), "linear_attention"),
        ("attn_gate.weight", (values, hidden), "attention_gate"),
        ("ssm_conv1d.weight", (mixed, attention.conv_kernel), "linear_state"),
        ("ssm_dt.bias", (attention.value_heads,), "linear_state"),
        ("ssm_a", (attention.value_heads,), "linear_state"),
    ]
    if attention.split_projections:
        parts += [
            ("ssm_beta.weight", (attention.value_heads, hidden), "linear_state"),
            ("ssm_alpha.weight", (attention.value_heads, hidden), "linear_state"),
        ]
    else:
        parts.append(("ssm_ba.weight", (2 * attention.value_heads, hidden), "linear_state"))
    parts += [
        ("ssm_norm.weight", (attention.value_dim,), "norm"),
        ("ssm_out.weight", (hidden, values), "linear_attention"),
    ]
    return parts

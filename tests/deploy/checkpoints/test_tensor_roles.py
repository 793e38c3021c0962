"""What a tensor does, by the names of every family."""

from __future__ import annotations

import pytest

from deploy.architectures.shape import (
    Architecture,
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Layer,
    LinearAttention,
)
from deploy.architectures.tensors import tensors
from deploy.checkpoints.tensor_roles import role_of_gguf, role_of_safetensors

DENSE = Layer(
    Attention(8, 2, 16, 16, qkv_bias=True, qk_norm=True, sinks=True, output_bias=True),
    FeedForward(64),
    norms=4,
)
MIXTURE = Layer(
    LatentAttention(8, 32, 64, 16, 8, 16, index_heads=2, index_dim=16),
    Experts(4, 2, 32, shared_intermediate_size=32, shared_gate=True, router_bias=True, biases=True),
)
LINEAR = Layer(LinearAttention(2, 4, 16, 16, 4, split_projections=True), FeedForward(64))
SMALL = Layer(Attention(8, 2, 16, 16), FeedForward(64), per_layer_input_dim=8, scalar=True)


@pytest.mark.parametrize("layer", [DENSE, MIXTURE, LINEAR, SMALL])
def test_a_files_names_get_the_roles_that_computed_tensors_have(layer: Layer) -> None:
    model = Architecture("llama", 128, 256, (layer,) * 2, 512, rope_factors=True, rope_factor_count=8)

    for tensor in tensors(model):
        role, number = role_of_gguf(tensor.name)
        if "attn_qkv" not in tensor.name:  # of the softmax or the linear kind: the layer tells, not the name
            assert (role, number) == (tensor.role, tensor.layer), tensor.name


@pytest.mark.parametrize(
    ("name", "role", "layer"),
    [
        ("blk.1.ffn_gate.3.weight", "expert_gate", 1),
        ("blk.0.attn_kv_b.weight", "latent_k_b", 0),
        ("blk.0.ffn_gate_up_exps.weight", "expert_up", 0),
        ("blk.61.nextn.eh_proj.weight", "other", 61),
        ("v.blk.0.attn_q.weight", "other", None),
        ("rope_factors_long.weight", "rope_factors", None),
        ("", "other", None),
    ],
)
def test_names_of_gguf_files_that_are_read_and_not_computed(name: str, role: str, layer: int | None) -> None:
    assert role_of_gguf(name) == (role, layer)


@pytest.mark.parametrize(
    ("name", "role", "layer"),
    [
        ("model.embed_tokens.weight", "token_embedding", None),
        ("model.norm.weight", "norm", None),
        ("lm_head.weight", "output", None),
        ("model.layers.0.input_layernorm.weight", "norm", 0),
        ("model.layers.0.self_attn.q_norm.weight", "norm", 0),
        # Packed by AWQ, GPTQ, FP8, compressed-tensors, bitsandbytes.
        ("model.layers.0.self_attn.q_proj.weight", "attention_q", 0),
        ("model.layers.0.self_attn.k_proj.qweight", "attention_k", 0),
        ("model.layers.0.self_attn.v_proj.qzeros", "attention_v", 0),
        ("model.layers.0.self_attn.o_proj.scales", "attention_output", 0),
        ("model.layers.0.mlp.gate_proj.g_idx", "ffn_gate", 0),
        ("model.layers.0.mlp.up_proj.weight_packed", "ffn_up", 0),
        ("model.layers.0.mlp.down_proj.weight_scale", "ffn_down", 0),
        ("model.layers.0.mlp.down_proj.weight.quant_state.bitsandbytes__nf4", "ffn_down", 0),
        ("model.layers.0.self_attn.q_proj.bias", "bias", 0),
        ("model.layers.0.self_attn.qkv_proj.weight", "attention_qkv", 0),
        ("model.layers.0.mlp.gate_up_proj.weight", "ffn_up", 0),
        # DeepSeek V3.
        ("model.layers.9.self_attn.q_a_proj.weight_scale_inv", "latent_q_a", 9),
        ("model.layers.9.self_attn.q_b_proj.weight", "latent_q_b", 9),
        ("model.layers.9.self_attn.kv_a_proj_with_mqa.weight", "latent_kv_a", 9),
        ("model.layers.9.self_attn.kv_b_proj.weight", "latent_k_b", 9),
        ("model.layers.9.self_attn.kv_a_layernorm.weight", "norm", 9),
        ("model.layers.9.self_attn.indexer.wk.weight", "latent_index", 9),
        ("model.layers.9.mlp.gate.weight", "router", 9),
        ("model.layers.9.mlp.gate.e_score_correction_bias", "bias", 9),
        ("model.layers.9.mlp.experts.255.down_proj.weight", "expert_down", 9),
        ("model.layers.9.mlp.shared_experts.up_proj.weight", "shared_expert_up", 9),
        # Qwen3-Next and Qwen3.5.
        ("model.layers.2.mlp.shared_expert_gate.weight", "shared_router", 2),
        ("model.layers.2.linear_attn.in_proj_qkvz.weight", "linear_attention", 2),
        ("model.language_model.layers.2.linear_attn.in_proj_qkv.weight", "linear_attention", 2),
        ("model.layers.2.linear_attn.in_proj_z.weight", "attention_gate", 2),
        ("model.layers.2.linear_attn.A_log", "linear_state", 2),
        ("model.layers.2.linear_attn.dt_bias", "linear_state", 2),
        ("model.layers.2.linear_attn.norm.weight", "norm", 2),
        ("mtp.layers.0.mlp.gate.weight", "other", None),
        # Mixtral, gpt-oss, Llama 4, Gemma.
        ("model.layers.3.block_sparse_moe.gate.weight", "router", 3),
        ("model.layers.3.block_sparse_moe.experts.7.w1.weight", "expert_gate", 3),
        ("model.layers.3.mlp.experts.gate_up_proj_blocks", "expert_up", 3),
        ("model.layers.3.mlp.experts.down_proj_scales", "expert_down", 3),
        ("model.layers.3.mlp.experts.down_proj_bias", "bias", 3),
        ("model.layers.3.mlp.router.weight", "router", 3),
        ("model.layers.3.self_attn.sinks", "attention_sinks", 3),
        (
            "language_model.model.layers.3.feed_forward.shared_expert.down_proj.weight",
            "shared_expert_down",
            3,
        ),
        ("language_model.model.layers.3.feed_forward.router.weight", "router", 3),
        ("model.language_model.embed_tokens_per_layer.weight", "per_layer_input", None),
        ("model.language_model.layers.3.per_layer_input_gate.weight", "per_layer_input", 3),
        # GPT-2, ChatGLM, OPT.
        ("transformer.h.3.attn.c_attn.weight", "attention_qkv", 3),
        ("transformer.h.3.mlp.c_proj.weight", "ffn_down", 3),
        ("transformer.h.3.ln_1.bias", "norm", 3),
        ("transformer.wte.weight", "token_embedding", None),
        ("transformer.encoder.layers.3.self_attention.query_key_value.weight", "attention_qkv", 3),
        ("model.decoder.layers.3.fc1.weight", "ffn_up", 3),
        # No part of the decoder.
        ("model.visual.blocks.2.attn.qkv.weight", "other", None),
        ("vision_tower.encoder.layers.2.self_attn.q_proj.weight", "other", None),
        ("model.layers.3.something_new.weight", "other", 3),
        ("", "other", None),
    ],
)
def test_names_of_hugging_face_checkpoints(name: str, role: str, layer: int | None) -> None:
    assert role_of_safetensors(name) == (role, layer)

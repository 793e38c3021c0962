"""Tensors and parameter counts, from shapes alone."""

from __future__ import annotations

import time
from dataclasses import replace
from math import prod

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
from deploy.architectures.tensors import active_parameter_count, parameter_count, tensors

SMALL = Architecture("llama", 64, 1000, (Layer(Attention(4, 2, 16, 16), FeedForward(128)),) * 2, 512)
LATENT = Layer(LatentAttention(4, 0, 32, 16, 8, 16), FeedForward(128))
LINEAR = LinearAttention(2, 4, 16, 8, 4)


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in tensors(architecture)}


def with_layer(model_type: str, layer: Layer) -> Architecture:
    return replace(SMALL, model_type=model_type, layers=(layer,))


def test_a_network_of_100_500_and_10_has_55510_parameters_when_counted_the_same_way() -> None:
    weights, biases = 100 * 500 + 500 * 10, 500 + 10
    assert weights + biases == 55_510
    attention = Attention(1, 1, 10, 10)
    layer = Layer(attention, FeedForward(500, gated=False))
    counted = parameter_count(Architecture("llama", 10, 1, (layer,), 1, tied_embeddings=True))
    assert counted == 2 * 500 * 10 + 4 * 10 * 10 + 3 * 10 + 10


def test_tensors_come_in_a_files_order_with_their_layer() -> None:
    listed = tensors(SMALL)
    assert [tensor.name for tensor in listed[:3]] == [
        "token_embd.weight",
        "blk.0.attn_norm.weight",
        "blk.0.attn_q.weight",
    ]
    assert [tensor.name for tensor in listed[-2:]] == ["output_norm.weight", "output.weight"]
    assert {tensor.layer for tensor in listed} == {None, 0, 1}
    assert all((tensor.layer is None) == (not tensor.name.startswith("blk.")) for tensor in listed)


def test_names_occur_once_and_elements_add_up_to_the_count() -> None:
    listed = tensors(SMALL)
    assert len({tensor.name for tensor in listed}) == len(listed)
    assert sum(tensor.elements for tensor in listed) == parameter_count(SMALL)


def test_a_tied_output_projection_is_counted_once() -> None:
    tied = replace(SMALL, tied_embeddings=True)
    assert parameter_count(SMALL) - parameter_count(tied) == 1000 * 64
    assert "output.weight" not in shapes(tied)


def test_rope_factors_are_stored_but_are_no_parameters() -> None:
    llama = replace(SMALL, rope_factors=True, rope_factor_count=8)
    assert shapes(llama)["rope_freqs.weight"] == (8,)
    assert parameter_count(llama) == parameter_count(SMALL)
    phi = replace(llama, model_type="phi3")
    assert {"rope_factors_long.weight", "rope_factors_short.weight"} <= set(shapes(phi))
    assert active_parameter_count(phi) == active_parameter_count(replace(phi, rope_factors=False))


def test_phi_fuses_attention_and_gate_without_another_count() -> None:
    phi = replace(SMALL, model_type="phi3")
    assert shapes(phi)["blk.0.attn_qkv.weight"] == ((4 + 2 + 2) * 16, 64)
    assert shapes(phi)["blk.0.ffn_up.weight"] == (256, 64)
    assert "blk.0.ffn_gate.weight" not in shapes(phi)
    assert parameter_count(phi) == parameter_count(SMALL)


def test_latent_attention_splits_the_expansion_of_keys_and_values() -> None:
    found = shapes(with_layer("deepseek_v2", LATENT))
    assert found["blk.0.attn_k_b.weight"] == (4, 32, 16)
    assert found["blk.0.attn_v_b.weight"] == (4, 16, 32)
    expansion = prod(found["blk.0.attn_k_b.weight"]) + prod(found["blk.0.attn_v_b.weight"])
    assert expansion == 32 * 4 * (16 + 16)  # Hugging Face's kv_b_proj
    assert "blk.0.attn_q_a.weight" not in found


def test_a_sparse_indexer_adds_its_four_projections() -> None:
    indexed = replace(LATENT, attention=LatentAttention(4, 24, 32, 16, 8, 16, index_heads=2, index_dim=8))
    names = {
        name.removeprefix("blk.0.indexer.")
        for name in shapes(with_layer("deepseek_v32", indexed))
        if "indexer" in name
    }
    assert names == {"attn_q_b.weight", "attn_k.weight", "k_norm.weight", "k_norm.bias", "proj.weight"}


def test_linear_attention_holds_the_same_parameters_in_either_split() -> None:
    joined = with_layer("qwen3_next", Layer(LINEAR, FeedForward(128)))
    split = with_layer("qwen3_5", Layer(replace(LINEAR, split_projections=True), FeedForward(128)))
    assert parameter_count(joined) == parameter_count(split)
    assert shapes(joined)["blk.0.ssm_ba.weight"] == (8, 64)
    assert shapes(split)["blk.0.ssm_alpha.weight"] == (4, 64)


def test_a_layer_that_shares_a_cache_has_queries_only() -> None:
    layer = Layer(Attention(4, 2, 16, 16, qk_norm=True, shares_cache=True), FeedForward(128))
    names = set(shapes(with_layer("gemma4", layer)))
    assert {"blk.0.attn_q.weight", "blk.0.attn_q_norm.weight"} <= names
    assert not names & {"blk.0.attn_k.weight", "blk.0.attn_v.weight", "blk.0.attn_k_norm.weight"}


def test_experts_that_a_token_does_not_visit_are_not_active() -> None:
    experts = Experts(8, 2, 32, shared_intermediate_size=16)
    mixture = with_layer("qwen2_moe", Layer(Attention(4, 2, 16, 16), experts))
    idle = 6 * 3 * 32 * 64
    embedding = 1000 * 64
    assert parameter_count(mixture) - active_parameter_count(mixture) == idle + embedding


def test_an_embedding_is_active_only_where_it_is_the_output_projection() -> None:
    assert parameter_count(SMALL) - active_parameter_count(SMALL) == 1000 * 64
    tied = replace(SMALL, tied_embeddings=True)
    assert active_parameter_count(tied) == parameter_count(tied)


@pytest.mark.parametrize(
    ("model_type", "bias"), [("gpt_oss", "ffn_gate_inp.bias"), ("deepseek_v3", "exp_probs_b.bias")]
)
def test_a_routers_bias_has_the_familys_name(model_type: str, bias: str) -> None:
    mixture = with_layer(model_type, Layer(Attention(4, 2, 16, 16), Experts(8, 2, 32, router_bias=True)))
    assert shapes(mixture)[f"blk.0.{bias}"] == (8,)


def test_the_tensors_of_80_layers_are_listed_in_milliseconds() -> None:
    layer = Layer(Attention(64, 8, 128, 128), FeedForward(28_672))
    llama = Architecture("llama", 8192, 128_256, (layer,) * 80, 131_072)
    started = time.thread_time()
    listed = tensors.__wrapped__(llama)
    assert time.thread_time() - started < 0.1  # about 0.6 ms
    assert len(listed) == 80 * 9 + 3

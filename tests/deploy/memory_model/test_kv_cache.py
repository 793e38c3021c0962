"""What attention remembers, against what engines allocate."""

from __future__ import annotations

import pytest

from deploy.architectures.shape import Attention, FeedForward, LatentAttention, Layer, LinearAttention
from deploy.memory_model.kv_cache import (
    KV_ELEMENT_BYTES,
    cached_tokens,
    kv_bytes_per_token,
    kv_elements_per_token,
    recurrent_state_bytes,
)
from stillroom.errors import PlanError

FEED_FORWARD = FeedForward(8960)
GROUPED = Layer(Attention(12, 2, 128, 128), FEED_FORWARD)
LATENT = Layer(LatentAttention(128, 1536, 512, 128, 64, 128), FEED_FORWARD)
SLIDING = Layer(Attention(4, 1, 256, 256, window_tokens=512), FEED_FORWARD)
# Qwen3-Next-80B-A3B's config.json.
LINEAR = Layer(LinearAttention(16, 32, 128, 128, 4), FEED_FORWARD)


def test_grouped_queries_cache_keys_and_values_of_the_kv_heads_alone() -> None:
    assert kv_bytes_per_token(GROUPED) * 28 == 28_672


def test_latent_attention_caches_576_elements_and_no_values() -> None:
    assert kv_elements_per_token(LATENT) == (576, 0)
    # 61 layers of DeepSeek-R1, whose cache is known to be 70,272 bytes a token.
    assert kv_bytes_per_token(LATENT) * 61 == 70_272


def test_an_indexer_caches_its_key_beside_the_latent_vector() -> None:
    sparse = Layer(LatentAttention(128, 1536, 512, 128, 64, 128, index_heads=64, index_dim=128), FEED_FORWARD)

    assert kv_elements_per_token(sparse) == (704, 0)


def test_a_quantized_cache_takes_whole_blocks_with_their_scales() -> None:
    assert kv_bytes_per_token(GROUPED, "q8_0") == 2 * 256 // 32 * 34
    assert kv_bytes_per_token(GROUPED, "q4_0") == 2 * 256 // 32 * 18
    assert kv_bytes_per_token(GROUPED, "fp8") == 2 * 256


def test_fewer_bits_never_cache_more() -> None:
    by_bits = sorted(KV_ELEMENT_BYTES, key=lambda name: KV_ELEMENT_BYTES[name].bits_per_weight)

    taken = [kv_bytes_per_token(GROUPED, name) for name in by_bits]

    assert taken == sorted(taken)


def test_a_layer_that_shares_a_cache_and_one_without_any_take_nothing_a_token() -> None:
    shared = Layer(Attention(8, 2, 256, 256, shares_cache=True), FEED_FORWARD)

    assert kv_bytes_per_token(shared) == 0
    assert kv_bytes_per_token(LINEAR) == 0


def test_a_window_bounds_what_is_kept_and_the_context_bounds_the_window() -> None:
    assert cached_tokens(SLIDING, 32_768) == 512
    assert cached_tokens(SLIDING, 32_768, batch_tokens=512, step=256) == 1024
    assert cached_tokens(SLIDING, 300, batch_tokens=512, step=256) == 512
    assert cached_tokens(GROUPED, 32_768, batch_tokens=512, step=256) == 32_768


def test_a_linear_layer_keeps_a_state_of_fixed_size() -> None:
    convolution = 3 * (2 * 16 * 128 + 32 * 128)
    recurrence = 32 * 128 * 128

    assert recurrent_state_bytes(LINEAR) == 4 * (convolution + recurrence)
    assert recurrent_state_bytes(LINEAR, conv_element_bytes=2) == 2 * convolution + 4 * recurrence
    assert recurrent_state_bytes(GROUPED) == 0


def test_an_unknown_cache_type_is_named_with_those_that_exist() -> None:
    with pytest.raises(PlanError, match=r"q3_0.*q8_0"):
        kv_bytes_per_token(GROUPED, "q3_0")

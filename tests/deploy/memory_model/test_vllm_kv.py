"""vLLM's cache: the blocks and tokens that vLLM's own planner returns."""

from __future__ import annotations

import pytest

from deploy.architectures.shape import (
    Architecture,
    Attention,
    FeedForward,
    LatentAttention,
    Layer,
    LinearAttention,
)
from deploy.memory_model.vllm_budget import kv_cache_tokens
from deploy.memory_model.vllm_kv import cache_pool
from deploy.serving import Placement, Serving
from deploy.spec import GIB
from stillroom.errors import PlanError


def layers_of(count: int, *period: Attention | LatentAttention | LinearAttention) -> Architecture:
    """Only the cache of it matters."""
    kinds = [Layer(attention, FeedForward(64)) for attention in period]
    model_type = "qwen3_5" if any(isinstance(kind, LinearAttention) for kind in period) else "other"
    return Architecture(
        model_type, 64, 640, tuple(kinds[number % len(kinds)] for number in range(count)), 131_072
    )


def softmax(kv_heads: int, dim: int, window: int = 0) -> Attention:
    return Attention(32, kv_heads, dim, dim, window)


def on_gpus(tensor_parallel: int, pipeline_parallel: int = 1) -> Placement:
    ranks = tensor_parallel * pipeline_parallel
    return Placement(
        tuple(range(ranks)), tensor_parallel=tensor_parallel, pipeline_parallel=pipeline_parallel
    )


# What vLLM 0.32.0's own get_kv_cache_configs and get_kv_cache_capacity return for these caches and budgets:
# layers, tensor and pipeline ranks, context, batched tokens, GiB on each rank, blocks, tokens.
FULL, WINDOW = softmax(16, 128), softmax(16, 128, 1024)
LATENT = LatentAttention(128, 1536, 512, 128, 64, 128)
DELTA = LinearAttention(16, 48, 128, 128, 4, split_projections=True)
PLANNED = (
    pytest.param(
        layers_of(62, *(WINDOW,) * 5, FULL), 1, 1, 32_768, 8192, 20, 16_384, 62_557, id="gemma-3-27b"
    ),
    pytest.param(
        layers_of(62, *(WINDOW,) * 5, FULL), 2, 1, 131_072, 2048, 10, 16_384, 212_243, id="gemma-3-27b-tp2"
    ),
    pytest.param(
        layers_of(24, softmax(8, 64, 128), softmax(8, 64)),
        *(1, 1, 131_072, 8192, 50, 136_533, 1_939_908),
        id="gpt-oss-20b",
    ),
    pytest.param(
        layers_of(24, softmax(8, 64, 128), softmax(8, 64)),
        *(1, 2, 16_000, 2048, 10, 54_613, 627_284),
        id="gpt-oss-20b-pp2",
    ),
    pytest.param(
        layers_of(60, *(softmax(16, 256, 1024),) * 5, softmax(4, 512)),
        *(1, 1, 32_768, 8192, 20, 8192, 41_495),
        id="gemma-4-31b",
    ),
    pytest.param(layers_of(61, LATENT), 8, 1, 65_536, 8192, 30, 28_649, 458_384, id="deepseek-r1-tp8"),
    pytest.param(layers_of(80, softmax(8, 128)), 8, 1, 131_072, 2048, 8, 13_107, 209_712, id="llama-70b-tp8"),
    pytest.param(layers_of(80, softmax(8, 128)), 1, 2, 8192, 2048, 8, 3276, 52_416, id="llama-70b-pp2"),
    pytest.param(
        layers_of(64, DELTA, DELTA, DELTA, softmax(4, 256)),
        *(1, 1, 32_768, 2048, 10, 208, 141_994),
        id="qwen3.5-27b",
    ),
    pytest.param(
        layers_of(20, softmax(8, 96), softmax(4, 128, 4096), softmax(4, 128, 4096)),
        *(1, 1, 20_000, 2048, 4, 12_483, 109_692),
        id="pages-that-do-not-divide",
    ),
)


@pytest.mark.parametrize(
    ("architecture", "tensor", "pipeline", "context", "batch", "gib", "blocks", "tokens"), PLANNED
)
def test_blocks_and_tokens_are_those_of_vllms_own_planner(  # noqa: PLR0917  the columns of the table
    architecture: Architecture,
    tensor: int,
    pipeline: int,
    context: int,
    batch: int,
    gib: int,
    blocks: int,
    tokens: int,
) -> None:
    placement = on_gpus(tensor, pipeline)
    pool = cache_pool(architecture, Serving(), placement, batched_tokens=batch)
    assert pool.blocks_in([gib * GIB] * pipeline) == blocks
    assert (
        kv_cache_tokens(
            gib * GIB, architecture, Serving(), placement, context_tokens=context, batched_tokens=batch
        )
        == tokens
    )


def test_a_window_keeps_no_more_than_itself_and_what_is_under_way() -> None:
    pool = cache_pool(layers_of(12, WINDOW), Serving(), on_gpus(1), batched_tokens=512)
    # A window of 1024 less the new token, two batches of 512, and a block since it need not begin with one.
    assert pool.blocks_per_sequence(100_000) == -(-(1023 + 1024) // 16) + 1
    assert pool.blocks_per_sequence(160) == 10 + 1


def test_layers_that_read_anothers_cache_keep_none() -> None:
    own, shared = softmax(2, 64), Attention(32, 2, 64, 64, shares_cache=True)
    alone = cache_pool(layers_of(4, own), Serving(), on_gpus(1), batched_tokens=2048)
    with_readers = cache_pool(layers_of(8, own, shared), Serving(), on_gpus(1), batched_tokens=2048)
    assert with_readers.stage_block_bytes == alone.stage_block_bytes


def test_sparse_latent_attention_caches_its_indexers_key_too() -> None:
    sparse = LatentAttention(128, 1536, 512, 128, 64, 128, index_heads=64, index_dim=128)
    pool = cache_pool(layers_of(1, sparse), Serving(), on_gpus(8), batched_tokens=2048)
    packed = cache_pool(layers_of(1, sparse), Serving(kv_cache_type="fp8"), on_gpus(8), batched_tokens=2048)
    assert pool.stage_block_bytes == (16 * (576 * 2 + 132),)
    assert packed.stage_block_bytes == (16 * (656 + 132),)


def test_a_pool_without_room_holds_nothing() -> None:
    pool = cache_pool(layers_of(4, FULL), Serving(), on_gpus(1), batched_tokens=2048)
    assert pool.blocks_in([0]) == pool.blocks_in([-GIB]) == 0
    assert pool.tokens_in(0, 8192) == 0


def test_an_unknown_cache_type_lists_those_that_exist() -> None:
    with pytest.raises(PlanError, match="it takes f16, bf16, fp8"):
        cache_pool(layers_of(4, FULL), Serving(kv_cache_type="q4_0"), on_gpus(1), batched_tokens=2048)

"""vLLM's cache of keys and values: one pool of equal blocks that all layers draw from, group by group.

Layers that need the same tokens share a group and its block table. Where a model mixes whole contexts,
sliding windows and recurrent states, vLLM cuts its layers into groups of equal size and pads every page to
the largest, so that a block fits any group: this module does the same sums. Followed in vLLM 0.32.0:
``vllm/v1/core/kv_cache_utils.py`` (groups, blocks, capacity), ``vllm/v1/kv_cache_interface.py`` (pages) and
``vllm/platforms/interface.py`` (the block size of hybrid models). It knows no device and no budget. It does
not know speculative decoding, decode context parallelism, or the block-outermost layouts that some connectors
ask for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from deploy.architectures.shape import Attention, LatentAttention
from deploy.memory_model.kv_cache import kv_elements_per_token, recurrent_state_elements
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.architectures.shape import Architecture, Layer
    from deploy.serving import Placement, Serving

# Tokens a block: CacheConfig.DEFAULT_BLOCK_SIZE on GPUs; CpuPlatform.check_and_update_config on CPUs, where
# the kernel for latent attention takes 16 (with AMX it would keep 128; the capacity differs by less than one
# block).
GPU_BLOCK_TOKENS = 16
CPU_BLOCK_TOKENS = 128
_CPU_LATENT_BLOCK_TOKENS = 16

_ELEMENT_BYTES = {"f16": 2, "bf16": 2, "fp8": 1}

# Sparse latent attention (DeepSeek V3.2) packs an fp8 row: 512 values, 16 bytes of scales, 64 rotary values
# in 16 bits: flashmla_sparse.py. Its indexer keeps one byte an element and a 4-byte scale for each 128:
# indexer.py.
_SPARSE_FP8_ROW_BYTES = 656
_INDEX_SCALE_ELEMENTS = 128
_INDEX_SCALE_BYTES = 4

# With prefix caching, which is on by default, a state is kept twice a sequence:
# MambaSpec.max_memory_usage_bytes.
_STATES_PER_SEQUENCE = 2

# Qwen3.5's configuration asks for 32-bit states (mamba_ssm_dtype); Qwen3-Next's leaves the model's 16 bits.
_FLOAT32_STATE_PREFIX = "qwen3_5"

# Where the most common kind of layer is less than 1.5 times the rarest, groups take the size of the most
# common: _get_kv_cache_groups_uniform_page_size.
_PADDING_RATIO = 1.5

CacheKind = Literal["full", "window", "state"]


@dataclass(frozen=True, slots=True)
class LayerCache:
    """What one layer keeps.

    Attributes:
        page_bytes: of one block, on one rank.
        page_tokens: tokens in one block; a state's page holds one sequence.
    """

    kind: CacheKind
    page_bytes: int
    page_tokens: int
    window_tokens: int = 0


@dataclass(frozen=True, slots=True)
class CacheGroup:
    """Layers with one block table, by their numbers."""

    cache: LayerCache
    layers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CachePool:
    """vLLM's pool of blocks.

    Attributes:
        stage_block_bytes: one block on a rank of each pipeline stage.
        in_flight_tokens: tokens scheduled and not yet settled; a sliding window keeps them beside itself.
    """

    groups: tuple[CacheGroup, ...]
    stage_block_bytes: tuple[int, ...]
    in_flight_tokens: int

    def blocks_per_sequence(self, context_tokens: int, *kinds: CacheKind) -> int:
        """Blocks that one sequence of this length may hold, of those kinds of groups or of all."""
        return sum(
            group_blocks(group.cache, context_tokens, self.in_flight_tokens)
            for group in self.groups
            if not kinds or group.cache.kind in kinds
        )

    def blocks_in(self, stage_bytes: Sequence[int]) -> int:
        """Whole blocks that fit everywhere, given the bytes for the cache on each pipeline stage."""
        fitting = [
            room // block
            for room, block in zip(stage_bytes, self.stage_block_bytes, strict=True)
            if block > 0
        ]
        return max(0, min(fitting, default=0))

    def tokens_in(self, blocks: int, context_tokens: int) -> int:
        """The capacity as vLLM reports it: ``kv_cache_size_tokens`` of ``vllm:cache_config_info``."""
        per_sequence = self.blocks_per_sequence(context_tokens)
        return int(blocks / per_sequence * context_tokens) if per_sequence else 0


def group_blocks(cache: LayerCache, context_tokens: int, in_flight_tokens: int) -> int:
    """Blocks that one sequence takes in one group.

    A window needs a block more, since it need not begin where a block begins.
    """
    if cache.kind == "state":
        return _STATES_PER_SEQUENCE
    if cache.kind == "full":
        return _ceil_divide(context_tokens, cache.page_tokens)
    held = min(cache.window_tokens - 1 + in_flight_tokens, context_tokens)
    return _ceil_divide(held, cache.page_tokens) + 1


def cache_pool(
    architecture: Architecture, serving: Serving, placement: Placement, *, batched_tokens: int
) -> CachePool:
    """The pool of a model on that placement.

    Args:
        architecture: the model's shape.
        serving: whose ``kv_cache_type`` counts.
        placement: no GPUs is the CPU.
        batched_tokens: what is scheduled at once, for sliding windows.

    Raises:
        PlanError: vLLM has no such cache type.
    """
    element_bytes = _element_bytes(serving.kv_cache_type)
    on_cpu, tensor_parallel = not placement.gpus, placement.tensor_parallel
    block_tokens = _block_tokens(architecture, element_bytes, tensor_parallel, on_cpu=on_cpu)
    caches = {
        number: cache
        for number, layer in enumerate(architecture.layers)
        if (
            cache := _layer_cache(
                layer, architecture.model_type, element_bytes, tensor_parallel, block_tokens
            )
        )
    }
    groups = _groups(caches)
    stages = pipeline_stages(architecture.layer_count, placement.pipeline_parallel)
    pages = {
        number: group.cache.page_bytes if len(groups) > 1 else caches[number].page_bytes
        for group in groups
        for number in group.layers
    }
    block_bytes = tuple(
        max((sum(pages[n] for n in group.layers if n in stage) for group in groups), default=0)
        for stage in stages
    )
    # Asynchronous scheduling, on by default on GPUs and off on CPUs, has one batch more under way than there
    # are stages: VllmConfig.max_concurrent_batches.
    batches = placement.pipeline_parallel + (0 if on_cpu else 1)
    return CachePool(groups, block_bytes, batches * batched_tokens)


def pipeline_stages(layer_count: int, stages: int) -> tuple[range, ...]:
    """Which layers each pipeline stage has, as vLLM's ``get_pp_indices`` deals them out.

    Layers left over go one each to the stages from the last but one backwards.

    Example:
        >>> pipeline_stages(30, 4)
        (range(0, 7), range(7, 15), range(15, 23), range(23, 30))
    """
    counts = [layer_count // stages] * stages
    for extra in range(layer_count % stages):
        counts[-(extra + 2)] += 1
    starts = [sum(counts[:stage]) for stage in range(stages)]
    return tuple(range(start, start + count) for start, count in zip(starts, counts, strict=True))


def kv_heads_on_rank(kv_heads: int, tensor_parallel: int) -> int:
    """KV heads that one rank keeps: its share, and at least one, which other ranks then keep too."""
    return max(1, kv_heads // tensor_parallel)


def _element_bytes(kv_cache_type: str) -> int:
    if kv_cache_type not in _ELEMENT_BYTES:
        raise PlanError(
            f"vLLM has no KV cache of type {kv_cache_type!r}: it takes {', '.join(_ELEMENT_BYTES)}",
            hint="stillroom plan --engine vllm --kv-cache fp8",
        )
    return _ELEMENT_BYTES[kv_cache_type]


def _layer_cache(
    layer: Layer, model_type: str, element_bytes: int, tensor_parallel: int, block_tokens: int
) -> LayerCache | None:
    """What a layer keeps; None where it reads another layer's cache."""
    attention = layer.attention
    if isinstance(attention, LatentAttention):
        return LayerCache("full", block_tokens * _latent_token_bytes(attention, element_bytes), block_tokens)
    if isinstance(attention, Attention):
        if attention.shares_cache:
            return None
        page = block_tokens * _token_bytes(layer, element_bytes, tensor_parallel)
        kind: CacheKind = "window" if attention.window_tokens else "full"
        return LayerCache(kind, page, block_tokens, attention.window_tokens)
    return LayerCache("state", _state_bytes(layer, model_type, tensor_parallel), block_tokens)


def _token_bytes(layer: Layer, element_bytes: int, tensor_parallel: int) -> int:
    """One token's keys and values in a layer of softmax attention, on one rank."""
    kv_heads = layer.attention.kv_heads if isinstance(layer.attention, Attention) else 1
    a_head = sum(kv_elements_per_token(layer)) // kv_heads
    return kv_heads_on_rank(kv_heads, tensor_parallel) * a_head * element_bytes


def _latent_token_bytes(attention: LatentAttention, element_bytes: int) -> int:
    """One vector a token, whole on every rank; a sparse model's index key beside it."""
    row = (attention.kv_rank + attention.rope_dim) * element_bytes
    if not attention.index_heads:
        return row
    scales = _ceil_divide(attention.index_dim, _INDEX_SCALE_ELEMENTS) * _INDEX_SCALE_BYTES
    return (_SPARSE_FP8_ROW_BYTES if element_bytes == 1 else row) + attention.index_dim + scales


def _state_bytes(layer: Layer, model_type: str, tensor_parallel: int) -> int:
    """A gated delta network's state of one sequence on one rank: ``gated_delta_net_state_shape``.

    The convolution's last inputs in 16 bits, and the recurrence in 16 or 32.
    """
    convolution, recurrence = recurrent_state_elements(layer)
    width = 4 if model_type.startswith(_FLOAT32_STATE_PREFIX) else 2
    return convolution // tensor_parallel * 2 + recurrence // tensor_parallel * width


def _block_tokens(
    architecture: Architecture, element_bytes: int, tensor_parallel: int, *, on_cpu: bool
) -> int:
    """Tokens a block; beside recurrent states so many that a page of attention is no smaller than a state."""
    tokens = CPU_BLOCK_TOKENS if on_cpu else GPU_BLOCK_TOKENS
    if on_cpu and architecture.is_latent:
        tokens = _CPU_LATENT_BLOCK_TOKENS
    layers = architecture.distinct_layers
    states = [_state_bytes(layer, architecture.model_type, tensor_parallel) for layer in layers]
    per_token = [
        _token_bytes(layer, element_bytes, tensor_parallel)
        for layer in layers
        if isinstance(layer.attention, Attention)
    ]
    if not any(states) or not any(per_token):
        return tokens
    return max(tokens, tokens * _ceil_divide(max(states), tokens * max(per_token)))


def _groups(caches: dict[int, LayerCache]) -> tuple[CacheGroup, ...]:
    """Layers by block table."""
    if not caches:
        return ()
    first = next(iter(caches.values()))
    if len({(cache.kind, cache.window_tokens, cache.page_tokens) for cache in caches.values()}) == 1:
        return (CacheGroup(first, tuple(caches)),)
    largest = max(cache.page_bytes for cache in caches.values())
    buckets: dict[LayerCache, list[int]] = {}
    for number, cache in caches.items():
        buckets.setdefault(_padded(cache, largest), []).append(number)
    size = _group_size(Counter({cache: len(numbers) for cache, numbers in buckets.items()}))
    groups: list[CacheGroup] = []
    for cache, numbers in buckets.items():
        count = _ceil_divide(len(numbers), size)
        # Dealt out in turn, so that each pipeline stage gets its share of every group.
        groups += [CacheGroup(cache, tuple(numbers[turn::count])) for turn in range(count)]
    return tuple(groups)


def _padded(cache: LayerCache, page_bytes: int) -> LayerCache:
    """The same layer with the common page: more tokens in it where they fill it exactly, else empty space."""
    if cache.kind != "state" and page_bytes % cache.page_bytes == 0:
        ratio = page_bytes // cache.page_bytes
        return replace(cache, page_bytes=page_bytes, page_tokens=cache.page_tokens * ratio)
    return replace(cache, page_bytes=page_bytes)


def _group_size(layers: Counter[LayerCache]) -> int:
    fewest, most = min(layers.values()), max(layers.values())
    return most if most < fewest * _PADDING_RATIO else fewest


def _ceil_divide(value: int, by: int) -> int:
    return -(-value // by)

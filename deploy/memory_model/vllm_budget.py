"""From a GPU's memory to vLLM's settings: the fraction it may take, and the tokens that its cache then holds.

Pure arithmetic. ``--gpu-memory-utilization`` is a fraction of the *whole* memory; vLLM refuses to start where
that fraction is not free once CUDA and NCCL have taken theirs (``request_memory`` in vLLM 0.32.0's
``v1/worker/utils.py``, called after both are up), and it takes them into account nowhere else: they come on
top.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deploy.memory_model.vllm_activations import cuda_context, nccl
from deploy.memory_model.vllm_kv import cache_pool
from deploy.spec import GIB
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture
    from deploy.serving import Placement, Serving

_STEP = 1000
# The driver and other processes' peaks need a little; vLLM's own default is 0.92.
MOST_UTILIZATION = 0.98


def gpu_memory_utilization(
    free_bytes: int, total_bytes: int, reserved_bytes: int = 0, *, ranks: int = 1
) -> float:
    """The fraction of a GPU's whole memory that vLLM may take, rounded down to 0.001.

    Args:
        free_bytes: what no process uses now.
        total_bytes: what the GPU has.
        reserved_bytes: kept free for an embedder and a reranker on the same card.
        ranks: GPUs that work together, for NCCL's buffers.

    Raises:
        PlanError: nothing is left to take, or the whole memory is not known.

    Example:
        >>> gpu_memory_utilization(23 * GIB, 24 * GIB, 2 * GIB)
        0.854
    """
    if total_bytes <= 0:
        raise PlanError(
            "the GPU's whole memory is not known, and vLLM takes a fraction of it", hint="stillroom doctor"
        )
    outside = cuda_context().expected + nccl(ranks).expected
    usable = free_bytes - reserved_bytes - outside
    fraction = math.floor(usable / total_bytes * _STEP) / _STEP
    if fraction <= 0:
        raise PlanError(
            f"{free_bytes / GIB:.1f} GiB of the GPU are free; {reserved_bytes / GIB:.1f} GiB are reserved "
            f"and CUDA takes {outside / GIB:.1f} GiB, which leaves vLLM nothing",
            hint="nvidia-smi  # end what uses the GPU, or lower the reservation",
        )
    return min(MOST_UTILIZATION, fraction)


def kv_cache_tokens(
    budget_bytes: int,
    architecture: Architecture,
    serving: Serving,
    placement: Placement,
    *,
    context_tokens: int,
    batched_tokens: int,
) -> int:
    """The cache's capacity in tokens as vLLM reports it, given the bytes for it on each rank.

    Args:
        budget_bytes: on each rank: ``Available KV cache memory`` on a GPU, VLLM_CPU_KVCACHE_SPACE on a CPU.
        architecture: the model's shape.
        serving: whose cache type counts.
        placement: no GPUs is the CPU.
        context_tokens: ``--max-model-len``; blocks are counted for sequences of that length.
        batched_tokens: ``--max-num-batched-tokens``; sliding windows keep what is being scheduled as well.

    Raises:
        PlanError: vLLM has no such cache type.
    """
    pool = cache_pool(architecture, serving, placement, batched_tokens=batched_tokens)
    blocks = pool.blocks_in([budget_bytes] * placement.pipeline_parallel)
    return pool.tokens_in(blocks, context_tokens)


def cpu_cache_space_gib(cache_bytes: int) -> int:
    """VLLM_CPU_KVCACHE_SPACE for a cache of that size: whole GiB, at least one."""
    return max(1, math.ceil(cache_bytes / GIB))

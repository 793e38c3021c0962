"""vLLM's memory beside weights and cache: activations of a full batch, sampler, CUDA graphs, CUDA and NCCL.

vLLM measures the first two by one pass over its largest batch before it sizes the cache. Here the widest step
of that pass is computed from the shape. The sampler's share changed over the versions: its interval runs from
what vLLM 0.32.0 reserves (the logits alone) to what 0.6 to 0.11 measured. It does not know vision towers, and
compilation may need less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deploy.architectures.shape import Attention, Experts, LatentAttention
from deploy.spec import GIB, MIB

if TYPE_CHECKING:
    from deploy.architectures.shape import Architecture, FeedForward, LinearAttention
    from deploy.spec import Workload

_16_BIT_BYTES = 2
_F32_BYTES = 4

# EngineArgs.get_batch_defaults for the API server, by the GPU's memory: from 160 GiB on (B200), from 70 GiB
# on but for the A100 (H100, H200, MI300), and below. CPUs take 2048.
_LARGEST_GPU_BYTES, _LARGEST_BATCHED_TOKENS = 160 * GIB, 16_384
_LARGE_GPU_BYTES, _LARGE_BATCHED_TOKENS = 70 * GIB, 8192
_BATCHED_TOKENS = 2048
_SMALLER_BATCHES = "a100"

# Copies of the logits in 32 bits. 0.32.0's profiling run holds them once in 16 bits; sampling with top-p
# makes a copy in 32 bits and probabilities. Until about 0.11 the profiling run sorted them as well: 9.5
# copies reproduce what was measured with 8192 tokens and 1024 sequences on an H100 (5.56, 5.64, 4.84 and 7.38
# GiB; llm-d-planner, empirical-vllm-memory-results.md) within 1 %, and 1.26 GiB with 256 sequences
# (vllm-project/vllm#10511).
_LOGITS_COPIES = (0.5, 2.5, 9.5)
# What is left over in the same five rows: 0.04 to 0.07 GiB.
_REST_BYTES = (0, 32 * MIB, 64 * MIB)

# Latent attention reserves room for expanding cached context: determine_chunked_prefill_workspace_size.
_LATENT_WORKSPACE_SEQUENCES = 8
_LATENT_WORKSPACE_TOKENS = 64 * 1024
# Tokens a chunk of the gated delta rule, which keeps one state a chunk: fla/ops/chunk.py.
_DELTA_CHUNK_TOKENS = 64

# CUDA's context and libraries, outside gpu_memory_utilization: 309 MiB (ollama/ollama#6160) to about 0.6 GiB
# on Hopper.
_CUDA_CONTEXT = (300 * MIB, 500 * MIB, 700 * MIB)
# What libraries take while the model loads: 0.13 to 0.33 GiB reported by vLLM (llm-d-planner;
# vllm-project/vllm#13061, #14452, #15340); up to 1.79 GiB in 0.6, which counted the context too (#10511).
_NON_TORCH = (130 * MIB, 200 * MIB, 512 * MIB)
# With several ranks, NCCL's and the all-reduce's buffers: 0.25 to 0.55 GiB reported for two.
_NCCL = (130 * MIB, 400 * MIB, 1024 * MIB)
# CUDA graphs: 0.10 to 0.39 GiB with 67 sizes (llm-d-planner), 0.21 GiB with 35 (vllm-project/vllm#11349),
# 0.36 GiB with 16 (gpustack/runner#251), 26 MiB a size at worst (vllm-project/vllm#22897).
_GRAPHS_BASE_BYTES, _GRAPH_BYTES, _WORST_GRAPH_BYTES = 64 * MIB, 6 * MIB, 26 * MIB
_MOST_GRAPH_TOKENS = 512


class Interval(NamedTuple):
    """Bytes, at least, expected and at most."""

    low: int
    expected: int
    high: int

    def plus(self, other: Interval) -> Interval:
        """Both together."""
        return Interval(*(one + two for one, two in zip(self, other, strict=True)))


def batched_tokens(workload: Workload, *, asked: int, gpu_bytes: int, gpu_name: str) -> int:
    """Tokens that vLLM computes at once (``max_num_batched_tokens``).

    Args:
        workload: its sequences times its context bound the default.
        asked: the setting; 0 for vLLM's own default.
        gpu_bytes: the whole memory of the GPU; 0 on a CPU or where it is not known.
        gpu_name: the default is smaller on an A100.
    """
    if asked:
        return asked
    if gpu_bytes >= _LARGEST_GPU_BYTES:
        default = _LARGEST_BATCHED_TOKENS
    elif gpu_bytes >= _LARGE_GPU_BYTES and _SMALLER_BATCHES not in gpu_name.lower():
        default = _LARGE_BATCHED_TOKENS
    else:
        default = _BATCHED_TOKENS
    return min(default, workload.context_tokens * workload.concurrent_sequences)


def activations(
    architecture: Architecture, workload: Workload, *, tokens: int, tensor_parallel: int, on_cpu: bool = False
) -> Interval:
    """The peak of one pass on one rank: the widest layer, or the sampler after it, whichever is larger."""
    widest = max(
        (
            _layer_elements(
                layer.attention, layer.feed_forward, architecture.hidden_size, tokens, tensor_parallel
            )
            for layer in architecture.distinct_layers
        ),
        default=0,
    )
    stream = tokens * architecture.hidden_size
    # The residual stream and its normalized copy live through the layer.
    forward = (2 * stream + widest) * _16_BIT_BYTES
    if not on_cpu:  # there latent attention computes a prompt in one piece
        forward += latent_workspace_bytes(architecture, workload, tensor_parallel)
    sampled = min(workload.concurrent_sequences, tokens)
    logits = sampled * architecture.vocabulary_size * _F32_BYTES
    # Compilation may fuse an activation with the product before it, and half of the widest step goes; torch's
    # allocator may find no room between what is left, and takes more.
    passes = (forward // 2, forward, forward * 5 // 4)
    low, expected, high = (
        max(passed, stream * _16_BIT_BYTES + round(copies * logits)) + rest
        for passed, copies, rest in zip(passes, _LOGITS_COPIES, _REST_BYTES, strict=True)
    )
    return Interval(low, expected, high)


def cuda_graphs(workload: Workload) -> Interval:
    """Graphs for batches of 1, 2, 4, then in steps of 8 up to 256 and of 16 up to twice the sequences."""
    most = min(2 * workload.concurrent_sequences, _MOST_GRAPH_TOKENS)
    sizes = [*(size for size in (1, 2, 4) if size <= most), *range(8, min(most, 255) + 1, 8)]
    count = len(sizes) + len(range(256, most + 1, 16))
    return Interval(
        0, _GRAPHS_BASE_BYTES + count * _GRAPH_BYTES, _GRAPHS_BASE_BYTES + count * _WORST_GRAPH_BYTES
    )


def cuda_context() -> Interval:
    """What CUDA itself takes of each GPU."""
    return Interval(*_CUDA_CONTEXT)


def non_torch() -> Interval:
    """What libraries other than torch allocate while the model loads."""
    return Interval(*_NON_TORCH)


def nccl(ranks: int) -> Interval:
    """Communication buffers of each of several ranks."""
    return Interval(*_NCCL) if ranks > 1 else Interval(0, 0, 0)


def latent_workspace_bytes(architecture: Architecture, workload: Workload, tensor_parallel: int) -> int:
    """Latent attention's workspace for expanding cached context, and the expanded keys and values."""
    tokens = min(_LATENT_WORKSPACE_SEQUENCES * workload.context_tokens, _LATENT_WORKSPACE_TOKENS)
    widths = [
        attention.kv_rank
        + attention.rope_dim
        + attention.heads * (attention.nope_dim + attention.value_dim) // tensor_parallel
        for attention in (layer.attention for layer in architecture.distinct_layers)
        if isinstance(attention, LatentAttention)
    ]
    return max(widths, default=0) * tokens * _16_BIT_BYTES


def _layer_elements(
    attention: Attention | LatentAttention | LinearAttention,
    feed_forward: FeedForward | Experts,
    hidden: int,
    tokens: int,
    tensor_parallel: int,
) -> int:
    """Elements alive in the wider half of a layer beside the residual stream."""
    return max(
        _attention_elements(attention, tokens, tensor_parallel),
        _feed_forward_elements(feed_forward, hidden, tokens, tensor_parallel),
    )


def _attention_elements(
    attention: Attention | LatentAttention | LinearAttention, tokens: int, tensor_parallel: int
) -> int:
    """Queries, keys and values, and what comes out."""
    if isinstance(attention, Attention):
        queries = attention.heads * attention.key_dim * (2 if attention.gated else 1)
        keys_and_values = attention.kv_heads * (attention.key_dim + attention.value_dim)
        return tokens * (queries + keys_and_values + attention.heads * attention.value_dim) // tensor_parallel
    if isinstance(attention, LatentAttention):
        query_width = attention.nope_dim + attention.rope_dim
        # Keys are joined from their two parts, so that they are there twice.
        width = 3 * query_width + 2 * attention.value_dim
        return tokens * attention.heads * width // tensor_parallel
    keys, values = attention.key_heads * attention.key_dim, attention.value_heads * attention.value_dim
    states = _ceil_divide(tokens, _DELTA_CHUNK_TOKENS) * values * attention.key_dim
    # Projected, convolved and normalized inputs, the gate, and what comes out.
    return (tokens * (2 * (2 * keys + values) + 3 * values) + states) // tensor_parallel


def _feed_forward_elements(
    feed_forward: FeedForward | Experts, hidden: int, tokens: int, tensor_parallel: int
) -> int:
    """Gate and up side by side, and their product; for experts once for each that a token visits.

    fused_moe keeps two workspaces, of the wider and of the narrower of its steps, and the sum of all experts.
    """
    if not isinstance(feed_forward, Experts):
        return tokens * feed_forward.intermediate_size * (3 if feed_forward.gated else 2) // tensor_parallel
    width = _ceil_divide(feed_forward.intermediate_size, tensor_parallel)
    routed = feed_forward.active * (max(2 * width, hidden) + max(width, hidden))
    shared = 3 * feed_forward.shared_intermediate_size // tensor_parallel
    return tokens * (routed + shared + hidden)


def _ceil_divide(value: int, by: int) -> int:
    return -(-value // by)

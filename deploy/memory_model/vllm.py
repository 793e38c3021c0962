"""What vLLM holds on each device, term by term: weights, blocks of the cache, activations, CUDA itself.

Pure. It says what a workload needs; vLLM then takes all that ``--gpu-memory-utilization`` allows and fills
the rest with cache. Ranks are placed as vLLM numbers them: the GPUs of the first pipeline stage, then those
of the next. Shapes and rules are followed in vLLM 0.32.0. It does not know vision towers, speculative
decoding, LoRA adapters or expert parallelism.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.memory_model.vllm_activations import (
    Interval,
    activations,
    batched_tokens,
    cuda_context,
    cuda_graphs,
    nccl,
    non_torch,
)
from deploy.memory_model.vllm_budget import cpu_cache_space_gib
from deploy.memory_model.vllm_kv import cache_pool
from deploy.memory_model.vllm_weights import VOCABULARY_ROLES, rank_weights
from deploy.serving import CPU
from deploy.spec import GIB, MIB, MemoryEstimate, MemoryTerm
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.architectures.shape import Architecture
    from deploy.checkpoint import Checkpoint
    from deploy.memory_model.vllm_kv import CachePool
    from deploy.memory_model.vllm_weights import RankWeights
    from deploy.serving import Placement, Serving
    from deploy.spec import Machine, Workload

# torch hands out memory in pieces of 2 MiB and loading leaves some behind: 13.95 GiB where the share is 13.79
# (vllm-project/vllm#13061) and 30.59 where it is 30.52 (llm-d-planner), 1.2 % at most.
_WEIGHTS_SLACK = 0.02

# Python and torch in three processes, API server, engine core and worker, and the holes that packing weights
# leaves in the worker's heap: what bench/memory_vllm.py measured beside weights and cache on Linux, 1,434 to
# 1,762 MiB for models of 0.6 to 1.8 billion parameters; larger tensors leave no larger holes.
_CPU_PROCESSES = Interval(1250 * MIB, 1600 * MIB, 2000 * MIB)
_PROCESSES_ON_CPU = 3
# What CUDA takes of the main memory of a process that uses it: measured for llama.cpp on an H100 and an H200
# (deploy.memory_model.llama_cpp), not for torch.
_CUDA_IN_WORKER = Interval(160 * MIB, 315 * MIB, 450 * MIB)


def vllm_memory(
    architecture: Architecture,
    checkpoint: Checkpoint,
    workload: Workload,
    serving: Serving,
    placement: Placement,
    *,
    machine: Machine,
) -> MemoryEstimate:
    """What vLLM needs on each device to serve the workload.

    Args:
        architecture: the model's shape.
        checkpoint: its weights.
        workload: every sequence with its whole context in the cache at once.
        serving: cache type, batched tokens and CUDA graphs count.
        placement: one GPU a rank, or none for the CPU.
        machine: its GPUs' names and sizes set vLLM's default batch.

    Raises:
        PlanError: the placement has not one GPU a rank, or vLLM has no such cache type.
    """
    ranks = placement.tensor_parallel * placement.pipeline_parallel
    if placement.gpus and len(placement.gpus) != ranks:
        raise PlanError(
            f"vLLM runs one rank on each GPU: {ranks} ranks on {len(placement.gpus)} GPUs",
            hint="stillroom plan --engine vllm --gpus N",
        )
    tokens = default_batch(workload, serving, placement, machine)
    model = _Served(
        checkpoint,
        workload,
        serving,
        placement,
        tokens,
        activations(
            architecture,
            workload,
            tokens=tokens,
            tensor_parallel=placement.tensor_parallel,
            on_cpu=not placement.gpus,
        ),
        cache_pool(architecture, serving, placement, batched_tokens=tokens),
        rank_weights(architecture, checkpoint, placement),
    )
    if not placement.gpus:
        return MemoryEstimate(tuple(model.on_cpu()))
    on_gpus = (
        term
        for rank, device in enumerate(placement.devices)
        for term in model.on_gpu(rank // placement.tensor_parallel, device)
    )
    return MemoryEstimate((*on_gpus, _host_term(ranks)))


def default_batch(workload: Workload, serving: Serving, placement: Placement, machine: Machine) -> int:
    """``max_num_batched_tokens``: what was asked for, or vLLM's default on the smallest of the GPUs."""
    gpus = [gpu for gpu in machine.gpus if gpu.index in placement.gpus]
    smallest = min(gpus, key=lambda gpu: gpu.total_bytes, default=None)
    return batched_tokens(
        workload,
        asked=serving.batched_tokens,
        gpu_bytes=smallest.total_bytes if smallest else 0,
        gpu_name=smallest.name if smallest else "",
    )


@dataclass(frozen=True, slots=True)
class _Served:
    """A model as vLLM serves it, with what its terms are computed from."""

    checkpoint: Checkpoint
    workload: Workload
    serving: Serving
    placement: Placement
    tokens: int
    peak: Interval
    pool: CachePool
    weights: tuple[RankWeights, ...]

    def on_cpu(self) -> Iterator[MemoryTerm]:
        """The terms of the only rank, in the system's memory."""
        yield self._weights(0, CPU)
        yield _packed_vocabulary_term(self.checkpoint)
        yield from _in_whole_gib(tuple(self._cache(0, CPU)))
        yield self._compute(CPU)
        yield _term("overhead", _CPU_PROCESSES, "API server, engine core and worker processes, measured", CPU)

    def on_gpu(self, stage: int, device: str) -> Iterator[MemoryTerm]:
        """The terms of one rank of a pipeline stage."""
        yield self._weights(stage, device)
        yield from self._cache(stage, device)
        yield self._compute(device)
        if self.serving.cuda_graphs:
            yield _term(
                "overhead", cuda_graphs(self.workload), "CUDA graphs by batch sizes, from vLLM's logs", device
            )
        yield _term(
            "overhead",
            cuda_context().plus(non_torch()),
            "CUDA's context, outside gpu_memory_utilization, and what libraries take",
            device,
        )
        ranks = len(self.placement.gpus)
        if ranks > 1:
            source = "buffers of NCCL and all-reduce, outside gpu_memory_utilization"
            yield _term("overhead", nccl(ranks), source, device)

    def _weights(self, stage: int, device: str) -> MemoryTerm:
        return _weights_term(self.weights[stage], self.checkpoint, self.placement.tensor_parallel, device)

    def _cache(self, stage: int, device: str) -> Iterator[MemoryTerm]:
        return _cache_terms(self.pool, self.workload, stage, device)

    def _compute(self, device: str) -> MemoryTerm:
        sequences = self.workload.concurrent_sequences
        return MemoryTerm(
            "compute",
            *self.peak,
            f"activations of {self.tokens:,} batched tokens, or logits of {sequences} sequences",
            device,
            f"{self.peak.expected:,} B, the widest step of a layer in 16 bits for {self.tokens:,} tokens",
        )


def _weights_term(
    weights: RankWeights, checkpoint: Checkpoint, tensor_parallel: int, device: str
) -> MemoryTerm:
    low = weights.stored_bytes + weights.padding_bytes
    expected = weights.total_bytes
    parts = [f"{weights.stored_bytes:,} B of the checkpoint's {checkpoint.tensor_bytes:,} B"]
    parts += [
        f"{size:,} B of {what}"
        for size, what in (
            (weights.padding_bytes, "padding"),
            (weights.rotary_bytes, "rotary table"),
            (weights.dequantized_bytes, "dequantized latent projections"),
        )
        if size
    ]
    split = f"; one rank of {tensor_parallel}" if tensor_parallel > 1 else ""
    return MemoryTerm(
        "weights",
        low,
        expected,
        round(expected * (1 + _WEIGHTS_SLACK)),
        checkpoint.source + split,
        device,
        " + ".join(parts),
    )


def _packed_vocabulary_term(checkpoint: Checkpoint) -> MemoryTerm:
    """On a CPU vLLM packs weights for its matrix products.

    It lets the originals of linear layers go. The embedding and the output projection keep theirs, and a tied
    embedding is packed for either use (``dispatch_cpu_unquantized_gemm``).
    """
    sizes = [tensor.stored_bytes for tensor in checkpoint.tensors if tensor.role in VOCABULARY_ROLES]
    size = sum(sizes) if len(sizes) > 1 else 2 * sum(sizes)
    source = "packed copies of the embedding and the output projection"
    return MemoryTerm("weights_repacked", 0, size, size, source, CPU, f"{size:,} B")


def _in_whole_gib(terms: tuple[MemoryTerm, ...]) -> Iterator[MemoryTerm]:
    """The cache on a CPU: VLLM_CPU_KVCACHE_SPACE counts whole GiB, and vLLM fills all of it with zeros."""
    needed = sum(term.expected_bytes for term in terms)
    taken = cpu_cache_space_gib(needed) * GIB
    for term in terms:
        if term.name != "kv_cache":
            yield term
            continue
        size = term.expected_bytes + taken - needed
        arithmetic = f"{term.arithmetic}; rounded up, all of it to {taken // GIB} GiB"
        yield replace(term, expected_bytes=size, high_bytes=size, arithmetic=arithmetic)


def _cache_terms(pool: CachePool, workload: Workload, stage: int, device: str) -> Iterator[MemoryTerm]:
    """Blocks of attention and, where a model has them, of recurrent states: exact."""
    block, context, sequences = (
        pool.stage_block_bytes[stage],
        workload.context_tokens,
        workload.concurrent_sequences,
    )
    blocks = pool.blocks_per_sequence(context, "full", "window")
    sizes = "+".join(str(group.cache.page_tokens) for group in pool.groups if group.cache.kind != "state")
    cache = (sequences * blocks + 1) * block if pool.groups else 0
    yield MemoryTerm(
        "kv_cache",
        cache,
        cache,
        cache,
        f"vLLM's block pool; blocks of {sizes or 0} tokens",
        device,
        f"({sequences} sequences x {blocks:,} blocks + 1 empty) x {block:,} B",
    )
    states = pool.blocks_per_sequence(context, "state")
    if states:
        held = sequences * states * block
        yield MemoryTerm(
            "recurrent_state",
            held,
            held,
            held,
            "recurrent states in the same pool, two a sequence for prefix caching",
            device,
            f"{sequences} sequences x {states} blocks x {block:,} B",
        )


def _host_term(ranks: int) -> MemoryTerm:
    """Main memory of a server on GPUs: its API server, engine core and a worker a rank."""
    sizes = (
        _CPU_PROCESSES[end] * (2 + ranks) // _PROCESSES_ON_CPU + _CUDA_IN_WORKER[end] * ranks
        for end in range(3)
    )
    source = "API server, engine core, a worker a rank: estimated from what they take on a CPU"
    return _term("overhead", Interval(*sizes), source, CPU)


def _term(name: str, size: Interval, source: str, device: str) -> MemoryTerm:
    return MemoryTerm(name, *size, source, device, f"{size.expected / MIB:.0f} MiB")

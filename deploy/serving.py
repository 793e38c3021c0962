"""How a model is served: the settings of an engine that cost or save memory, and what each device holds.

Frozen values that the planner chooses, the memory and speed models read, and engines turn into options.
"""

from __future__ import annotations

from dataclasses import dataclass

CPU = "cpu"

# llama.cpp's server keeps copies of windows and recurrent states, so that a prompt that goes back need not be
# computed from its start: 32 a sequence by itself (n_ctx_checkpoints), so many in the embedded engine. A
# first prompt leaves about two.
CONTEXT_CHECKPOINTS = 2


@dataclass(frozen=True, slots=True)
class Serving:
    """Settings of an engine.

    Attributes:
        kv_cache_type: what keys and values are stored in. llama.cpp: ``f16``, ``bf16``, ``f32``, ``q8_0``,
            ``q5_1``, ``q5_0``, ``q4_1``, ``q4_0``, ``iq4_nl``; vLLM: ``f16`` (the model's own 16 bits) or
            ``fp8``.
        micro_batch_tokens: how many tokens of a prompt llama.cpp computes at once (n_ubatch).
        flash_attention: llama.cpp computes attention without a matrix of scores.
        batched_tokens: how many tokens vLLM computes at once (max_num_batched_tokens); 0 for its own default.
        cuda_graphs: vLLM records CUDA graphs (no ``--enforce-eager``).
        reserved_bytes: GPU memory kept free for an embedder and a reranker on the same card.
    """

    kv_cache_type: str = "f16"
    micro_batch_tokens: int = 512
    flash_attention: bool = True
    batched_tokens: int = 0
    cuda_graphs: bool = True
    reserved_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """Which device holds what.

    Decoder layers go to the GPUs in order, from the first GPU's first layer on, and the rest stays on the
    CPU. As in llama.cpp, layers that stay on the CPU are the first ones, and the output projection counts as
    one layer more: it is on the last GPU once ``sum(gpu_layers)`` is the layer count plus one. vLLM has
    every layer on each of ``tensor_parallel`` GPUs, a slice of it, in ``pipeline_parallel`` stages.

    Attributes:
        gpus: indices of the GPUs in use, in order; empty on the CPU alone.
        gpu_layers: layers on each of ``gpus``, the output projection counted as one; empty for vLLM.

    Example:
        >>> Placement(gpus=(0,), gpu_layers=(29,)).devices, Placement().devices
        (('gpu:0',), ('cpu',))
    """

    gpus: tuple[int, ...] = ()
    gpu_layers: tuple[int, ...] = ()
    tensor_parallel: int = 1
    pipeline_parallel: int = 1

    @property
    def devices(self) -> tuple[str, ...]:
        """The GPUs by name, or the CPU where none is used."""
        return tuple(f"gpu:{index}" for index in self.gpus) or (CPU,)

    def layers_on_gpus(self) -> int:
        """Layers on all GPUs together, the output projection counted as one."""
        return sum(self.gpu_layers)

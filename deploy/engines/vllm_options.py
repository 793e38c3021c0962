"""A plan as options of ``vllm serve``: what does not depend on where it runs.

Pure. Options and their meaning are those of vLLM 0.32.0 (``vllm/engine/arg_utils.py``). A value of several
words holds them in lines; an empty value makes its option a switch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.engines.vllm_parsers import reasoning_parser, tool_parser
from stillroom.errors import EngineError

if TYPE_CHECKING:
    from deploy.engines.base import LaunchOptions
    from deploy.plan import Plan

# The 16-bit repository is loaded and turned into FP8 on the way; an AWQ repository says by itself what it is.
_QUANTIZED_WHILE_LOADING: Final = "FP8"

# The planner's name for the model's own 16 bits, which vLLM calls auto and takes by itself.
_KV_CACHE_TYPE: Final = "f16"

# The ranks that vLLM has kernels for: ``MaxLoRARanks`` in vllm/config/lora.py.
_LORA_RANKS: Final = (1, 8, 16, 32, 64, 128, 256, 320, 512)


def model_options(plan: Plan, options: LaunchOptions) -> dict[str, str]:
    """Which model, under which name, for how much context, and how its text is read.

    Raises:
        EngineError: an adapter's rank is beyond what vLLM computes.
    """
    flags = {
        "--served-model-name": plan.model_tag,
        "--max-model-len": str(plan.workload.context_tokens),
        "--max-num-seqs": str(plan.workload.concurrent_sequences),
    }
    if plan.artefact.quantization == _QUANTIZED_WHILE_LOADING and not plan.weights_name:
        flags["--quantization"] = "fp8"
    if plan.serving.kv_cache_type != _KV_CACHE_TYPE:
        flags["--kv-cache-dtype"] = _cache_dtype(plan.serving.kv_cache_type)
    if plan.serving.batched_tokens:
        flags["--max-num-batched-tokens"] = str(plan.serving.batched_tokens)
    if not plan.serving.cuda_graphs:
        flags["--enforce-eager"] = ""
    flags["--enable-prefix-caching" if options.prefix_caching else "--no-enable-prefix-caching"] = ""
    names = (plan.model_id, plan.model_tag)
    if plan.reasoning and (thoughts := reasoning_parser(*names)):
        flags["--reasoning-parser"] = thoughts
    if plan.native_tools and (calls := tool_parser(*names)):
        flags |= {"--enable-auto-tool-choice": "", "--tool-call-parser": calls}
    return flags | _lora_options(plan)


def place_options(plan: Plan, options: LaunchOptions) -> dict[str, str]:
    """The share of memory and the parallelism; nothing on a CPU, which takes them from its environment.

    Raises:
        EngineError: the plan does not know the GPU's whole memory.
    """
    placement = plan.placement
    if not placement.gpus:
        return {}
    flags: dict[str, str] = {}
    if options.exact_kv_cache:
        ranks = [
            plan.memory.on(device).component("kv_cache", "recurrent_state") for device in placement.devices
        ]
        # Each rank takes the same; the largest share is enough for all.
        flags["--kv-cache-memory-bytes"] = str(max(rank.expected_bytes for rank in ranks))
    elif plan.gpu_memory_utilization <= 0:
        raise EngineError(
            f"the whole memory of {plan.device} is not known, and vLLM takes a fraction of it",
            hint="stillroom doctor",
        )
    else:
        flags["--gpu-memory-utilization"] = str(plan.gpu_memory_utilization)
    if placement.tensor_parallel > 1:
        flags["--tensor-parallel-size"] = str(placement.tensor_parallel)
    if placement.pipeline_parallel > 1:
        flags["--pipeline-parallel-size"] = str(placement.pipeline_parallel)
    return flags


def _cache_dtype(kv_cache_type: str) -> str:
    return {"bf16": "bfloat16"}.get(kv_cache_type, kv_cache_type)


def _lora_options(plan: Plan) -> dict[str, str]:
    if not plan.adapters:
        return {}
    rank = max(adapter.rank for adapter in plan.adapters)
    served = next((known for known in _LORA_RANKS if known >= rank), None)
    if served is None:
        raise EngineError(
            f"a LoRA adapter has rank {rank}, and vLLM computes ranks up to {_LORA_RANKS[-1]}",
            hint="merge the adapter into the model's weights",
        )
    return {
        "--enable-lora": "",
        "--max-loras": str(len(plan.adapters)),
        "--max-lora-rank": str(served),
        "--lora-modules": "\n".join(f"{adapter.name}={adapter.path}" for adapter in plan.adapters),
    }

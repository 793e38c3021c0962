"""The vLLM engine: ``vllm serve`` on GPUs, or on CPUs with a build made for them.

vLLM lives in an environment or container of its own; this module only writes its command line and reads its
log. ``--gpu-memory-utilization`` is a fraction of the *whole* memory of a GPU, and vLLM refuses to start
where that fraction is not free: it is computed from what the plan found free.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, ClassVar, Final

from deploy.engines.base import Availability, MeasuredTerm
from deploy.memory_model.vllm_budget import cpu_cache_space_gib
from deploy.spec import GIB, EngineName, LaunchSpec
from stillroom.errors import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.plan import Plan

_INSTALL_HINT: Final = "install it in its own environment (pip install vllm) and put `vllm` on the PATH"

# Seen: 65 s to /health with 135M parameters; compilation and graph capture of large models take minutes.
_START_DEADLINE_SECONDS: Final = 900.0

# SIGTERM with an open stream waits for its client.
_STOP_GRACE_SECONDS: Final = 20.0

# The 16-bit repository is loaded and turned into FP8 on the way; an AWQ repository says by itself what it is.
_QUANTIZED_WHILE_LOADING: Final = "FP8"

# The parser of DeepSeek-R1 and all its distills, in vLLM's own naming.
_R1_PARSER: Final = "deepseek_r1"

# The planner's name for the model's own 16 bits, which vLLM calls auto and takes by itself.
_KV_CACHE_TYPE: Final = "f16"

_LOG_TERMS: Final = (
    ("weights", re.compile(r"Model loading took (?P<gib>[\d.]+) GiB")),
    ("kv_cache", re.compile(r"Available KV cache memory: (?P<gib>[\d.]+) GiB")),
    ("kv_cache", re.compile(r"Explicitly set \((?P<gib>[\d.]+)/[\d.]+\) GiB for KV cache")),
    ("cuda_graphs", re.compile(r"Graph capturing finished in .* took (?P<gib>[\d.]+) GiB")),
)


class Vllm:
    """vLLM's OpenAI-compatible server."""

    name: ClassVar[EngineName] = "vllm"

    def availability(self) -> Availability:
        """By the program on the PATH; it is not started, since that alone takes many seconds."""
        program = shutil.which("vllm")
        if program is None:
            return Availability(
                installed=False,
                version="",
                detail="no program 'vllm' on the PATH",
                install_hint=_INSTALL_HINT,
            )
        return Availability(installed=True, version="", detail=program)

    def require(self) -> None:
        """Return if ``vllm`` is on the PATH.

        Raises:
            EngineUnavailableError: it is not.
        """
        if shutil.which("vllm") is None:
            raise EngineUnavailableError("no program 'vllm' on the PATH", hint=_INSTALL_HINT)

    def launch_spec(
        self,
        plan: Plan,
        *,
        weights: Path | None,
        host: str,
        port: int,
        threads: int,  # noqa: ARG002  the GPU computes, and the CPU build binds threads to NUMA nodes itself
    ) -> LaunchSpec:
        """`vllm serve` with the planned context, sequences and share of memory.

        Raises:
            EngineError: the plan is for a GPU and does not know its whole memory.
        """
        options = {
            "--served-model-name": plan.model_tag,
            "--max-model-len": str(plan.workload.context_tokens),
            "--max-num-seqs": str(plan.workload.concurrent_sequences),
            "--host": host,
            "--port": str(port),
        }
        environment = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        if not plan.placement.gpus:
            environment["VLLM_CPU_KVCACHE_SPACE"] = str(
                cpu_cache_space_gib(plan.memory.term("kv_cache").expected_bytes)
            )
        else:
            options |= _gpu_options(plan)
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(str(index) for index in plan.placement.gpus)
        if plan.artefact.quantization == _QUANTIZED_WHILE_LOADING and not plan.weights_name:
            options["--quantization"] = "fp8"
        if "deepseek-r1" in plan.model_tag.lower():
            options["--reasoning-parser"] = _R1_PARSER
        flags = [part for pair in options.items() for part in pair]
        return LaunchSpec(
            engine=self.name,
            argv=("vllm", "serve", str(weights or plan.weights_name or plan.model_id), *flags),
            host=host,
            port=port,
            base_url=f"http://{host}:{port}/v1",
            readiness_url=f"http://{host}:{port}/health",
            served_model=plan.model_tag,
            environment=environment,
            start_deadline_seconds=_START_DEADLINE_SECONDS,
            stop_grace_seconds=_STOP_GRACE_SECONDS,
        )

    def prepare(self, spec: LaunchSpec, *, on_progress: Callable[[str], None]) -> None:
        """Nothing is left to do: the server answers once its weights are loaded."""

    def read_memory(self, log: str) -> tuple[MeasuredTerm, ...]:
        """What the profiling run reported: weights, KV cache, CUDA graphs."""
        terms: dict[str, MeasuredTerm] = {}
        for name, pattern in _LOG_TERMS:
            match = pattern.search(log)
            if match:
                terms[name] = MeasuredTerm(name, round(float(match["gib"]) * GIB), match[0])
        return tuple(terms.values())


def _gpu_options(plan: Plan) -> dict[str, str]:
    """The share of memory, the parallelism and the cache's type.

    Raises:
        EngineError: the plan does not know the GPU's whole memory.
    """
    if plan.gpu_memory_utilization <= 0:
        raise EngineError(
            f"the whole memory of {plan.device} is not known, and vLLM takes a fraction of it",
            hint="stillroom doctor",
        )
    options = {"--gpu-memory-utilization": str(plan.gpu_memory_utilization)}
    placement, serving = plan.placement, plan.serving
    if placement.tensor_parallel > 1:
        options["--tensor-parallel-size"] = str(placement.tensor_parallel)
    if placement.pipeline_parallel > 1:
        options["--pipeline-parallel-size"] = str(placement.pipeline_parallel)
    if serving.kv_cache_type != _KV_CACHE_TYPE:
        options["--kv-cache-dtype"] = serving.kv_cache_type
    if serving.batched_tokens:
        options["--max-num-batched-tokens"] = str(serving.batched_tokens)
    return options

"""Memory and speed of one way to run a model: each engine's own models, asked for in one place.

Pure. It weighs nothing against a machine's budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.calibration.corrections import UNCALIBRATED, Calibration
from deploy.calibration.observation import Setup, layout, named_devices
from deploy.memory_model.llama_cpp import llama_cpp_memory
from deploy.memory_model.vllm import vllm_memory
from deploy.spec import MemoryEstimate, MemoryTerm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.architectures.lora import LoraAdapter
    from deploy.architectures.shape import Architecture
    from deploy.checkpoint import Checkpoint
    from deploy.serving import Placement, Serving
    from deploy.spec import EngineName, Machine, Workload

# What each engine stores keys and values in. llama.cpp: common/arg.cpp, ``kv_cache_types``; Ollama takes
# three of them and warns of the others: fs/ggml/ggml.go, ``SupportsKVCacheType``; vLLM:
# vllm/config/cache.py.
KV_CACHE_TYPES: Mapping[EngineName, tuple[str, ...]] = {
    "ollama": ("f16", "q8_0", "q4_0"),
    "vllm": ("f16", "bf16", "fp8"),
    "embedded": ("f16", "bf16", "f32", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"),
}


@dataclass(frozen=True)
class Loaded:
    """A model in an engine: everything that its memory depends on but the workload and the placement.

    Attributes:
        calibration: what earlier launches measured, which corrects what the formulas say.
    """

    architecture: Architecture
    checkpoint: Checkpoint
    engine: EngineName
    serving: Serving
    machine: Machine
    adapters: tuple[LoraAdapter, ...] = ()
    calibration: Calibration = UNCALIBRATED

    def memory(self, workload: Workload, placement: Placement) -> MemoryEstimate:
        """What the engine holds on each device once the model is loaded and has answered, corrected."""
        formula = self._formula(workload, placement)
        if not self.calibration.observations:
            return formula
        return self.calibration.apply(formula, self._setup(placement))

    def _formula(self, workload: Workload, placement: Placement) -> MemoryEstimate:
        if self.engine == "vllm":
            base = vllm_memory(
                self.architecture, self.checkpoint, workload, self.serving, placement, machine=self.machine
            )
        else:
            vendors = [gpu.vendor for gpu in self.machine.gpus if gpu.index in placement.gpus]
            base = llama_cpp_memory(
                self.architecture,
                self.checkpoint,
                workload,
                self.serving,
                placement,
                engine=self.engine,
                vendor=vendors[0] if vendors else "nvidia",
            )
        return MemoryEstimate((*base.terms, *(_lora(adapter, placement) for adapter in self.adapters)))

    def _setup(self, placement: Placement) -> Setup:
        return Setup(
            engine=self.engine,
            architecture=self.architecture.model_type,
            layout=layout(placement, self.architecture.layer_count),
            weights_bytes=self.checkpoint.tensor_bytes,
            kv_cache_type=self.serving.kv_cache_type,
            devices=named_devices(self.machine, placement, self.calibration.device_names),
        )

    def at(self, workload: Workload) -> Callable[[Placement], MemoryEstimate]:
        """The same for one workload, as a function of the placement."""
        return lambda placement: self.memory(workload, placement)


def _lora(adapter: LoraAdapter, placement: Placement) -> MemoryTerm:
    """An adapter's matrices, counted whole on the first device."""
    size = adapter.total_bytes
    return MemoryTerm(
        "lora",
        size,
        size,
        size,
        f"LoRA adapter {adapter.name} of rank {adapter.rank}: {adapter.source}",
        device=placement.devices[0],
        arithmetic=f"{size:,} B",
    )

"""The nouns of a decision: what is asked for, chosen and turned down, and what would change that.

Frozen values. Nothing here estimates, ranks or prints.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 -- read at run time, where a plan comes back from a file
from dataclasses import dataclass, field
from typing import Literal

from deploy.serving import Placement, Serving  # noqa: TC001 -- likewise
from deploy.spec import ENGINE_NAMES, Artefact, EngineName, MemoryEstimate, Workload

# The most that the settings allow (stillroom.settings), which this room may not ask.
MOST_SEQUENCES = 1024

Preference = Literal["quality", "speed", "context"]


@dataclass(frozen=True, slots=True)
class SpeedEstimate:
    """Tokens a second of one sequence, as an interval.

    Attributes:
        source: where the bandwidth and the efficiency come from.
        arithmetic: the expected value as a calculation with its numbers.
    """

    low_tokens_per_s: float
    expected_tokens_per_s: float
    high_tokens_per_s: float
    source: str
    arithmetic: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A figure that no verified fact leads to.

    Attributes:
        reason: which fact is missing.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a person asks of a plan.

    Attributes:
        engines: only these.
        quantization: only this one; None for all that can be had.
        kv_cache_type: of keys and values, as in ``Serving``; None for what the engine does by itself.
        minimum_tokens_per_s: what is slower is turned down; None takes
            ``deploy.speed.MINIMUM_TOKENS_PER_S``, except for a model that was named.
        most_memory_bytes: what the model may take on all devices together; None for all that is free.
        license: an SPDX id, or ``commercial`` for any that allows commercial use; empty for any.
        languages: ISO 639-1 codes that the model must write.
        prefer: what decides between options that fit.
        reserved_bytes: GPU memory to leave for an embedder and a reranker.
    """

    workload: Workload = field(default_factory=Workload)
    engines: tuple[EngineName, ...] = ENGINE_NAMES
    quantization: str | None = None
    kv_cache_type: str | None = None
    minimum_tokens_per_s: float | None = None
    most_memory_bytes: int | None = None
    license: str = ""
    languages: tuple[str, ...] = ()
    prefer: Preference = "quality"
    reserved_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PlannedAdapter:
    """A LoRA adapter that is loaded beside the model.

    Attributes:
        path: of its folder, absolute.
        rank: the highest of its ranks.
    """

    name: str
    path: str
    rank: int


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that fits where a plan puts the model, all else as planned.

    Attributes:
        context_tokens: the longest context of each sequence, at most the model's own.
        concurrent_sequences: the most sequences of the planned context.
    """

    context_tokens: int
    concurrent_sequences: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One model, quantization and engine for one machine, and what it is predicted to take.

    Attributes:
        model_id: the catalog's key, for example ``deepseek-ai/DeepSeek-R1-Distill-Qwen-7B``, or a file or
            URL.
        model_tag: the short name people type, for example ``deepseek-r1:7b``.
        model_type: Hugging Face's name of the architecture.
        layer_count: decoder layers.
        memory: every term on every device.
        budgets: the memory that the plan may use, by device: ``gpu:0``, ``cpu``.
        device_totals: the whole memory of each GPU in use, of which vLLM takes a fraction.
        gpu_memory_utilization: that fraction, for vLLM; 0 for other engines.
        rule_of_thumb_gb: M = P·4·1.2/(32/Q), in GB of 10**9 bytes.
        languages: ISO 639-1 codes that the model can write.
        weights_name: by what name the engine fetches exactly these weights itself: an Ollama tag, a Hugging
            Face repository; empty where it cannot, or where ``model_tag`` and ``model_id`` say it.
        weights_path: a file or folder on this machine that holds them; empty for none.
        adapters: LoRA adapters that are loaded beside it.
        reason: one sentence: why this one.
    """

    model_id: str
    model_tag: str
    model_type: str
    layer_count: int
    artefact: Artefact
    engine: EngineName
    workload: Workload
    serving: Serving
    placement: Placement
    memory: MemoryEstimate
    budgets: Mapping[str, int]
    rule_of_thumb_gb: float
    languages: tuple[str, ...]
    native_tools: bool
    reasoning: bool
    decode: SpeedEstimate | Unknown
    prefill: SpeedEstimate | Unknown
    limits: Limits
    device_totals: Mapping[str, int] = field(default_factory=dict)
    gpu_memory_utilization: float = 0.0
    reason: str = ""
    weights_name: str = ""
    weights_path: str = ""
    adapters: tuple[PlannedAdapter, ...] = ()

    @property
    def device(self) -> str:
        """Where the layers live: ``gpu:0``, ``gpu:0+gpu:1``, ``gpu:0+cpu`` or ``cpu``."""
        return device_name(self.placement, self.layer_count)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that would make an option fit.

    Attributes:
        kind: what is changed: ``kv_cache``, ``context``, ``users``, ``quantization``, ``model``, ``engine``,
            ``speed``, ``request``, ``disk`` or ``hardware``.
        description: the change, for a reader: ``a context of 12,288 tokens``.
        options: what to type after ``stillroom plan`` to have it; empty where it takes other hardware.
        effort: how much is given up, from 0: what orders changes of different kinds.
        without: options that are no longer typed, such as ``--license``, apart by spaces; empty for none.
    """

    kind: str
    description: str
    options: str
    effort: float
    without: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An option that does not fit, and what is to blame.

    Attributes:
        term: the name of the memory term that crossed the budget, terms taken in order, or ``engine``,
            ``format``, ``kv_cache_type``, ``context``, ``disk``, ``speed``, ``license``, ``languages``,
            ``max_memory`` where it was not memory.
        device: where it does not fit; empty where memory was not the reason.
        needed_bytes: what the option takes there in all; 0 where memory was not the reason.
        budget_bytes: what there is; 0 likewise.
        change: the nearest change that would make it fit; None where none is known.
    """

    model_id: str
    model_tag: str
    quantization: str
    engine: EngineName
    term: str
    reason: str
    device: str = ""
    needed_bytes: int = 0
    budget_bytes: int = 0
    change: Change | None = None

    @property
    def short_bytes(self) -> int:
        """How many bytes are missing; 0 where memory was not the reason."""
        return max(0, self.needed_bytes - self.budget_bytes)


def device_name(placement: Placement, layer_count: int) -> str:
    """The devices that hold layers, joined by plus signs.

    Example:
        >>> device_name(Placement(gpus=(0,), gpu_layers=(10,)), 28)
        'gpu:0+cpu'
    """
    names = "+".join(placement.devices)
    split = bool(placement.gpu_layers) and placement.layers_on_gpus() <= layer_count
    return f"{names}+cpu" if split else names

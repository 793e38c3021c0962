"""The nouns of planning and launching, as frozen values.

Every size is in bytes and every speed in tokens per second. Nothing here reads a machine,
a file or a clock; nothing here knows an engine's command line.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  read at run time, where a spec comes back from a file
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003
from typing import Literal

EngineName = Literal["ollama", "vllm", "embedded"]
ENGINE_NAMES: tuple[EngineName, ...] = ("ollama", "vllm", "embedded")

GIB = 1024**3
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator.

    Attributes:
        name: as the driver reports it, for example ``NVIDIA GeForce RTX 4090``.
        total_bytes: device memory that the driver reports.
        free_bytes: what no process uses now.
    """

    index: int
    name: str
    total_bytes: int
    free_bytes: int
    driver: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has for a model.

    Attributes:
        cpu_cores: those that this process may use, or a container's quota in whole cores where that is lower.
        memory_total_bytes: physical memory, or the container's limit where that is lower.
        memory_available_bytes: what can be taken now without swapping, within the same limit.
        memory_limited_by: where ``memory_total_bytes`` comes from: ``physical`` or ``cgroup``.
        disk_free_bytes: free space where weights and library live.
    """

    cpu_name: str
    cpu_cores: int
    memory_total_bytes: int
    memory_available_bytes: int
    memory_limited_by: Literal["physical", "cgroup"]
    disk_free_bytes: int
    gpus: tuple[Gpu, ...] = ()
    operating_system: str = ""
    python_version: str = ""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a dense decoder with multi-head, grouped-query or multi-query attention.

    Attributes:
        model_type: Hugging Face's ``model_type``: ``qwen2``, ``qwen3``, ``llama``.
        hidden_size: width of the residual stream, in elements.
        head_dim: elements a head; not always hidden_size / attention_heads.
        tied_embeddings: whether the output projection is the token embedding.
        qkv_bias: whether query, key and value projections have a bias (Qwen2).
        qk_norm: whether each head's queries and keys are normalized (Qwen3).
        rope_factors: whether GGUF files carry a factor for each rotary frequency (Llama 3.1 and later).
    """

    model_type: str
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocabulary_size: int
    max_context_tokens: int
    tied_embeddings: bool = False
    qkv_bias: bool = False
    qk_norm: bool = False
    rope_factors: bool = False


@dataclass(frozen=True, slots=True)
class Artefact:
    """Weights known to the byte, or computed to the byte from shapes.

    Attributes:
        total_bytes: all tensors.
        cpu_resident_bytes: tensors that llama.cpp keeps in host memory even with every layer
            offloaded: the token embedding.
        exact: read from a real file's header, not computed.
    """

    quantization: str
    total_bytes: int
    cpu_resident_bytes: int
    exact: bool
    source: str


@dataclass(frozen=True, slots=True)
class Workload:
    """What the model is asked to carry.

    Attributes:
        context_tokens: prompt and answer together, of one sequence.
        concurrent_sequences: sequences in memory at once, each with its own context.
    """

    context_tokens: int = 8192
    concurrent_sequences: int = 1


@dataclass(frozen=True, slots=True)
class MemoryTerm:
    """One component of a memory estimate, as an interval in bytes with where it comes from."""

    name: str
    low_bytes: int
    expected_bytes: int
    high_bytes: int
    source: str


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """What a model takes once it is loaded: the sum of its terms.

    Example:
        >>> kv = MemoryTerm("kv_cache", 10, 10, 10, "formula")
        >>> MemoryEstimate((kv,)).expected_bytes
        10
    """

    terms: tuple[MemoryTerm, ...]

    @property
    def low_bytes(self) -> int:
        """The sum of the terms' lower bounds."""
        return sum(term.low_bytes for term in self.terms)

    @property
    def expected_bytes(self) -> int:
        """The sum of the terms' expected values."""
        return sum(term.expected_bytes for term in self.terms)

    @property
    def high_bytes(self) -> int:
        """The sum of the terms' upper bounds."""
        return sum(term.high_bytes for term in self.terms)

    def term(self, name: str) -> MemoryTerm:
        """The term of that name.

        Raises:
            KeyError: no term has that name.
        """
        for term in self.terms:
            if term.name == name:
                return term
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Plan:
    """One model, quantization and engine for one machine, and what it is predicted to take.

    Attributes:
        model_id: the catalog's key, for example ``deepseek-ai/DeepSeek-R1-Distill-Qwen-7B``.
        model_tag: the short name people type, for example ``deepseek-r1:7b``.
        device: where the weights live: ``gpu:0`` or ``cpu``.
        budget_bytes: the memory of that device that the plan may use.
        weights_name: by what name the engine fetches exactly these weights itself: an Ollama tag, a Hugging
            Face repository; empty where it cannot, or where ``model_tag`` and ``model_id`` say it.
        device_total_bytes: the whole memory of that device, of which vLLM takes a fraction; 0 if unknown.
        rule_of_thumb_gb: M = P·4·1.2/(32/Q), in GB of 10**9 bytes.
        languages: ISO 639-1 codes that the model can write.
        reason: one sentence: why this one.
    """

    model_id: str
    model_tag: str
    architecture: Architecture
    artefact: Artefact
    engine: EngineName
    workload: Workload
    device: str
    budget_bytes: int
    memory: MemoryEstimate
    rule_of_thumb_gb: float
    languages: tuple[str, ...]
    native_tools: bool
    reasoning: bool
    reason: str = ""
    device_total_bytes: int = 0
    weights_name: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate that does not fit, and the term that is to blame.

    Attributes:
        term: the name of the memory term that crossed the budget, terms taken in order, or ``engine``,
            ``context``, ``disk``, ``speed`` where memory was not the reason.
        needed_bytes: what the candidate takes in all; 0 where memory was not the reason.
    """

    model_id: str
    model_tag: str
    quantization: str
    engine: EngineName
    term: str
    needed_bytes: int
    budget_bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class DerivedModel:
    """A model that a server makes from another one before it serves: what Ollama calls a Modelfile.

    Attributes:
        base: the tag of a library model, or the absolute path of a GGUF file.
        parameters: by the server's own names, such as ``num_ctx``.

    Example:
        >>> print(DerivedModel("mine", "deepseek-r1:7b", {"num_ctx": 8192}).modelfile())
        FROM deepseek-r1:7b
        PARAMETER num_ctx 8192
    """

    name: str
    base: str
    parameters: Mapping[str, int] = field(default_factory=dict)

    def modelfile(self) -> str:
        """The same as the text of a Modelfile."""
        return "\n".join([f"FROM {self.base}", *(f"PARAMETER {k} {v}" for k, v in self.parameters.items())])


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """How to start one engine, as data: printed by ``--dry-run``, exported, acted on by ``deploy.launch``.

    Attributes:
        argv: the command; empty where a running server is attached to.
        environment: what is added to the inherited environment.
        files: text files to write before the start, by absolute path.
        base_url: the OpenAI-compatible root, ending in ``/v1``.
        readiness_url: answers 200 once weights are loaded.
        derived_model: what the server must be asked to make once it answers; None for most engines.
        stop_grace_seconds: between SIGTERM and SIGKILL of the process group.
    """

    engine: EngineName
    argv: tuple[str, ...]
    host: str
    port: int
    base_url: str
    readiness_url: str
    served_model: str
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)
    derived_model: DerivedModel | None = None
    start_deadline_seconds: float = 120.0
    stop_grace_seconds: float = 10.0

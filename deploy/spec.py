"""The nouns that every room of deployment shares, as frozen values: machine, artefact, memory, launch.

Every size is in bytes and every speed in tokens per second. Nothing here reads a machine,
a file or a clock; nothing here knows an engine's command line.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  read at run time, where a spec comes back from a file
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003
from typing import Literal

from stillroom.addresses import shown_address

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
        bandwidth_bytes_per_s: peak memory bandwidth; 0 where it is not known.
        fp16_flops: dense 16-bit operations a second on tensor cores; 0 where no verified figure is known.
        compute_capability: of NVIDIA's generations, such as 8.9; 0 where it is not known.
        unified: it shares the system's memory (Apple, Grace, Jetson, integrated GPUs).
        processes: what uses its memory now.
        source: who said so: ``nvml``, ``nvidia-smi``, ``sysfs``, ``sysctl``, ``described``.
    """

    index: int
    name: str
    total_bytes: int
    free_bytes: int
    driver: str = ""
    vendor: Literal["nvidia", "amd", "intel", "apple"] = "nvidia"
    bandwidth_bytes_per_s: float = 0.0
    fp16_flops: float = 0.0
    compute_capability: float = 0.0
    unified: bool = False
    processes: tuple[GpuProcess, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A program that holds memory of a GPU."""

    pid: int
    name: str
    used_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has for a model.

    Attributes:
        cpu_cores: those that this process may use, or a container's quota in whole cores where that is lower.
        memory_total_bytes: physical memory, or the container's limit where that is lower.
        memory_available_bytes: what can be taken now without swapping, within the same limit.
        memory_limited_by: where ``memory_total_bytes`` comes from: ``physical`` or ``cgroup``.
        disk_free_bytes: free space where weights and library live.
        memory_bandwidth_bytes_per_s: what all cores together read, measured or described; 0 where unknown.
        described: it was told by flags or a file, not seen: nothing can be launched on it from here.
        notes: what limits it that numbers do not say, such as WSL's share of the memory.
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
    memory_bandwidth_bytes_per_s: float = 0.0
    described: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Artefact:
    """Weights known to the byte, or computed to the byte from shapes.

    Attributes:
        total_bytes: all tensors.
        cpu_resident_bytes: tensors that llama.cpp keeps in host memory even with every layer
            offloaded: the token embedding.
        exact: read from a real file's header, not computed.
        file_bytes: what a download takes, headers and tokenizer included.
    """

    quantization: str
    total_bytes: int
    cpu_resident_bytes: int
    exact: bool
    source: str
    file_bytes: int = 0


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
class Correction:
    """What earlier launches changed of a memory term's expected value, which a formula had given.

    Attributes:
        formula_bytes: what the formula gave.
        factor: what that was multiplied by; 1 where bytes were added, or where launches confirmed it.
        added_bytes: what was added to it, below 0 where something was taken away; 0 where it was multiplied.
        launches: how many launches say so.
        last: the day of the newest of them, as in 2026-11-26.
    """

    formula_bytes: int
    factor: float
    added_bytes: int
    launches: int
    last: str


@dataclass(frozen=True, slots=True)
class MemoryTerm:
    """One component of a memory estimate on one device, as an interval in bytes with where it comes from.

    Attributes:
        name: ``weights``, ``weights_repacked``, ``kv_cache``, ``recurrent_state``, ``compute``, ``overhead``,
            ``lora`` or ``reserved``.
        source: where the figure comes from: a formula, a header, a measurement and its date.
        device: ``gpu:0`` or ``cpu``.
        arithmetic: the expected value as a calculation with its numbers, that a reader can check by hand.
        correction: what earlier launches changed; None where there were none, or none that may be applied.
    """

    name: str
    low_bytes: int
    expected_bytes: int
    high_bytes: int
    source: str
    device: str = ""
    arithmetic: str = ""
    correction: Correction | None = None

    @property
    def formula_bytes(self) -> int:
        """The expected value before any correction: what a new measurement is compared with."""
        return self.correction.formula_bytes if self.correction else self.expected_bytes


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

    def on(self, device: str) -> MemoryEstimate:
        """The terms of one device."""
        return MemoryEstimate(tuple(term for term in self.terms if term.device == device))

    def component(self, *names: str) -> MemoryEstimate:
        """The terms of those names, on whichever device."""
        return MemoryEstimate(tuple(term for term in self.terms if term.name in names))

    def term(self, name: str) -> MemoryTerm:
        """The first term of that name.

        Raises:
            KeyError: no term has that name.
        """
        for term in self.terms:
            if term.name == name:
                return term
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class DerivedModel:
    """A model that a server makes from another one before it serves: what Ollama calls a Modelfile.

    Attributes:
        base: the tag of a library model, or the absolute path of a GGUF file or of a folder of safetensors.
        parameters: by the server's own names, such as ``num_ctx``.
        adapters: absolute paths of LoRA adapters, each a GGUF file or a folder of safetensors.
        quantize: what 16- or 32-bit weights are turned into while they are imported; empty for nothing.
        keep_alive: how long a server that is attached to keeps it loaded without a request, as Ollama writes
            durations; empty for as long as that server does by itself.

    Example:
        >>> print(DerivedModel("mine", "deepseek-r1:7b", {"num_ctx": 8192}).modelfile())
        FROM deepseek-r1:7b
        PARAMETER num_ctx 8192
    """

    name: str
    base: str
    parameters: Mapping[str, int] = field(default_factory=dict)
    adapters: tuple[str, ...] = ()
    quantize: str = ""
    keep_alive: str = ""

    def modelfile(self) -> str:
        """The same as the text of a Modelfile, which has no word for ``quantize`` and ``keep_alive``."""
        lines = [f"FROM {self.base}"]
        lines += [f"ADAPTER {adapter}" for adapter in self.adapters]
        lines += [f"PARAMETER {name} {value}" for name, value in self.parameters.items()]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class NodeCommands:
    """What is typed on one of several machines that serve a model together.

    Attributes:
        rank: 0 for the machine that answers requests.
        commands: in the order in which they are typed.
    """

    rank: int
    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """How to start one engine, as data: printed by ``--dry-run``, exported, acted on by ``deploy.launching``.

    It is ready once ``readiness_url`` answers 200, ``derived_model`` is made and the served model completed
    a few tokens. It is stopped by ``stop_signal`` to its process group and, ``stop_grace_seconds`` later,
    SIGKILL to what is left of it.

    Attributes:
        argv: the command; empty where a running server is attached to, or machines are started by hand.
        environment: what is added to the inherited environment.
        secrets: is added too, and never printed.
        api_key: what requests must carry; None for none. Never printed.
        files: text files to write before the start, by absolute path.
        base_url: the OpenAI-compatible root, ending in ``/v1``.
        readiness_url: answers 200 once weights are loaded.
        derived_model: what the server must be asked to make once it answers; None for most engines.
        memory_urls: where the server tells what memory it takes, beside its log.
        activity_url: where it counts requests and tokens; empty where its log alone does.
        nodes: for several machines, what to type on each; Stillroom starts none of them.
        stop_argv: what ends what a signal does not reach, such as a container; run last.
        start_deadline_seconds: from the start to the first answer, for weights of that size.
        stop_grace_seconds: between ``stop_signal`` and SIGKILL.
    """

    engine: EngineName
    argv: tuple[str, ...]
    host: str
    port: int
    base_url: str
    readiness_url: str
    served_model: str
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_key: str | None = field(default=None, repr=False)
    files: Mapping[Path, str] = field(default_factory=dict)
    derived_model: DerivedModel | None = None
    memory_urls: tuple[str, ...] = ()
    activity_url: str = ""
    nodes: tuple[NodeCommands, ...] = ()
    stop_argv: tuple[str, ...] = ()
    start_deadline_seconds: float = 120.0
    stop_signal: str = "SIGTERM"
    stop_grace_seconds: float = 10.0

    @property
    def address(self) -> str:
        """``base_url`` as messages and files show it: without a name and password."""
        return shown_address(self.base_url)

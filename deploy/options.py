"""One option of a plan: a model in a quantization on an engine, weighed against the machine's budget.

Pure. It tells whether the option fits, or which term is to blame; it compares options with nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deploy.memory import estimate_memory
from deploy.quantization import Quantization, compute_artefact, find_quantization
from deploy.rule_of_thumb import rule_of_thumb_gb
from deploy.spec import GIB, MIB, Rejection
from deploy.speed import MINIMUM_TOKENS_PER_S, cpu_decode_tokens_per_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.catalog import CatalogModel
    from deploy.spec import Artefact, EngineName, Gpu, Machine, MemoryEstimate, Workload

# What is left for Stillroom's own process (embedder, vector index, parsers) and the desktop beside the model.
# llama.cpp leaves the same 1024 MiB when it fits a model by itself.
RAM_RESERVE_BYTES = 1 * GIB
# A desktop session on the same GPU draws from its memory as windows open.
GPU_RESERVE_BYTES = 256 * MIB

# The one benchmark that every distill's publisher reports. MATH-500 separates them little (92.8 to 94.5 from
# 7B to 70B) and is not published for R1-0528-Qwen3-8B; AIME has 30 questions.
ABILITY_SCORE = "gpqa_diamond_pass1"


@dataclass(frozen=True, slots=True)
class PlanOption:
    """One model in one quantization on one engine, and whether it fits.

    Attributes:
        quantization: a name in ``deploy.quantization.QUANTIZATIONS``.
        device: where the weights would live: ``gpu:0`` or ``cpu``.
        budget_bytes: the memory of that device that a plan may use.
        rule_of_thumb_gb: M = P·4·1.2/(32/Q), for comparison.
        ability: the model's ``ABILITY_SCORE``; 0 where none is published.
        outcome: ``fits``, or why not.
    """

    model_id: str
    model_tag: str
    quantization: str
    engine: EngineName
    device: str
    artefact: Artefact
    memory: MemoryEstimate
    budget_bytes: int
    rule_of_thumb_gb: float
    ability: float
    outcome: Literal["fits"] | Rejection

    @property
    def fits(self) -> bool:
        """Whether it may be picked."""
        return self.outcome == "fits"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is weighed: a model in a format, on an engine, on a GPU or on the CPU."""

    model: CatalogModel
    quantization: Quantization
    engine: EngineName
    gpu: Gpu | None

    @property
    def device(self) -> str:
        """``gpu:N`` or ``cpu``; ``gpu:0`` for an engine that needs a GPU where there is none."""
        if self.gpu:
            return f"gpu:{self.gpu.index}"
        return "gpu:0" if self.engine == "vllm" else "cpu"

    @property
    def title(self) -> str:
        """For sentences: ``deepseek-r1:7b at Q4_K_M on ollama``."""
        return f"{self.model.tag} at {self.quantization.name} on {self.engine}"


def candidates(
    machine: Machine, model: CatalogModel, *, quantization: str | None, engines: Sequence[EngineName]
) -> Iterator[Candidate]:
    """Every way to get and run the model here, or only those in one quantization.

    Raises:
        PlanError: the quantization is unknown.
    """
    wanted = find_quantization(quantization).name if quantization else None
    gpu = max(machine.gpus, key=lambda gpu: (gpu.free_bytes, -gpu.index), default=None)
    for engine in engines:
        for name in _formats(model, engine):
            if wanted in {None, name}:
                # The embedded engine's wheel computes on the CPU.
                yield Candidate(model, find_quantization(name), engine, None if engine == "embedded" else gpu)


def weigh(machine: Machine, workload: Workload, candidate: Candidate, *, named: bool) -> PlanOption:
    """Estimate the candidate's memory and check it against the machine.

    Args:
        machine: what there is.
        workload: context and sequences.
        candidate: what to weigh.
        named: a person asked for this model, so that slow decoding is theirs to accept.

    Raises:
        PlanError: the catalog's architecture is not one that can be computed.
    """
    model, engine = candidate.model, candidate.engine
    artefact = _artefact(candidate)
    memory = estimate_memory(model.architecture, artefact, workload, engine=engine, device=candidate.device)
    budget = _budget(machine, candidate)
    rejected = _rejection(
        machine, workload, candidate, artefact=artefact, memory=memory, budget=budget, named=named
    )
    return PlanOption(
        model_id=model.id,
        model_tag=model.tag,
        quantization=candidate.quantization.name,
        engine=engine,
        device=candidate.device,
        artefact=artefact,
        memory=memory,
        budget_bytes=budget,
        rule_of_thumb_gb=rule_of_thumb_gb(model.params_billion, candidate.quantization.nominal_bits),
        ability=model.scores.get(ABILITY_SCORE, 0.0),
        outcome=rejected or "fits",
    )


def _formats(model: CatalogModel, engine: EngineName) -> tuple[str, ...]:
    """The quantizations in which an engine can get this model's weights."""
    if engine == "embedded":
        return tuple(model.gguf_files)
    if model.bundled:
        return ()
    if engine == "ollama":
        return tuple(dict.fromkeys((*model.ollama_tags, *model.gguf_files)))
    return ("BF16", "FP8", "AWQ") if model.awq_repo else ("BF16", "FP8")


def _artefact(candidate: Candidate) -> Artefact:
    # Ollama's own Qwen3 builds keep attn_v in F16: 5.225 GB for deepseek-r1:8b, not the mix's 5.03 GB.
    f16_values = (
        candidate.engine == "ollama"
        and candidate.model.architecture.model_type == "qwen3"
        and candidate.quantization.name == "Q4_K_M"
    )
    return compute_artefact(
        candidate.model.architecture,
        candidate.quantization.name,
        attention_value_type="F16" if f16_values else "",
    )


def _budget(machine: Machine, candidate: Candidate) -> int:
    if candidate.gpu:
        return max(0, candidate.gpu.free_bytes - GPU_RESERVE_BYTES)
    if candidate.engine == "vllm":
        return 0
    return max(0, machine.memory_available_bytes - RAM_RESERVE_BYTES)


def _rejection(
    machine: Machine,
    workload: Workload,
    candidate: Candidate,
    *,
    artefact: Artefact,
    memory: MemoryEstimate,
    budget: int,
    named: bool,
) -> Rejection | None:
    def reject(term: str, reason: str, needed: int = 0) -> Rejection:
        return Rejection(
            model_id=candidate.model.id,
            model_tag=candidate.model.tag,
            quantization=candidate.quantization.name,
            engine=candidate.engine,
            term=term,
            needed_bytes=needed,
            budget_bytes=budget,
            reason=f"{candidate.title} {reason}",
        )

    device, trained_tokens = candidate.device, candidate.model.architecture.max_context_tokens
    if candidate.engine == "vllm" and candidate.gpu is None:
        return reject("engine", "needs an NVIDIA GPU, and none was found")
    if workload.context_tokens > trained_tokens:
        return reject("context", f"holds {trained_tokens} tokens of context, not {workload.context_tokens}")
    needed = memory.expected_bytes
    if needed > budget:
        term = _crossing_term(memory, budget)
        return reject(
            term,
            f"needs {_gib(needed)} where {device} has {_gib(budget)}; the sum crosses that at {term}",
            needed,
        )
    if artefact.total_bytes > machine.disk_free_bytes:
        return reject(
            "disk",
            f"downloads {_gib(artefact.total_bytes)} and {_gib(machine.disk_free_bytes)} of the disk is free",
        )
    if device == "cpu" and not named and (slow := _too_slow(machine, candidate, artefact)):
        return reject("speed", slow)
    return None


def _too_slow(machine: Machine, candidate: Candidate, artefact: Artefact) -> str:
    """Why the candidate is unusable on this CPU; empty where it is usable, or bundled for demonstration."""
    rate = cpu_decode_tokens_per_s(candidate.model.architecture, artefact, cores=machine.cpu_cores)
    if rate >= MINIMUM_TOKENS_PER_S or candidate.model.bundled:
        return ""
    return (
        f"would decode about {rate:.1f} tokens/s on {machine.cpu_cores} CPU cores; "
        f"usable begins at {MINIMUM_TOKENS_PER_S:g}"
    )


def _crossing_term(memory: MemoryEstimate, budget: int) -> str:
    """The first term that carries the running sum over the budget; the whole sum must be over it."""
    total = 0
    for term in memory.terms:
        total += term.expected_bytes
        if total > budget:
            return term.name
    return memory.terms[-1].name


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f} GiB"

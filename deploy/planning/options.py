"""One option of a plan: a model in a quantization on an engine, placed on the machine and weighed against it.

Pure. It tells whether the option fits, or which term is to blame; it compares options with nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from deploy.calibration.corrections import UNCALIBRATED, Calibration
from deploy.memory_model.kv_cache import kv_block
from deploy.memory_model.limits import fits
from deploy.memory_model.vllm_support import tensor_parallel_problem, unsupported_format
from deploy.plan import Rejection, SpeedEstimate, Unknown
from deploy.planning.estimate import KV_CACHE_TYPES, Loaded
from deploy.planning.placements import Placed, place_layers, place_on_cpu, place_ranks
from deploy.quantizations.quantization import find_quantization
from deploy.rule_of_thumb import rule_of_thumb_gb
from deploy.serving import CPU, Placement, Serving
from deploy.spec import GIB, MIB
from deploy.speed import MINIMUM_TOKENS_PER_S, decode_speed
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.plan import PlanRequest
    from deploy.planning.subject import Subject
    from deploy.quantizations.quantization import Quantization
    from deploy.spec import EngineName, Machine, MemoryEstimate

# What is left for Stillroom's own process (embedder, vector index, parsers) and the desktop beside the model.
# llama.cpp leaves the same 1024 MiB when it fits a model by itself.
RAM_RESERVE_BYTES = 1 * GIB
# A desktop session on the same GPU draws from its memory as windows open.
GPU_RESERVE_BYTES = 256 * MIB
# NVIDIA's GB200 and GB300 (deploy/hardware/gpus.json); nothing that a person plans for is faster.
_FASTEST_BYTES_PER_S = 8e12


@dataclass(frozen=True)
class PlanOption:
    """One model in one quantization on one engine, and whether it fits.

    Attributes:
        loaded: what its memory is computed from.
        budgets: the memory that may be used, by device.
        rule_of_thumb_gb: M = P·4·1.2/(32/Q), for comparison.
        quality: the quantization, as what is known of it.
        ability: the model's published score less what the quantization costs; 0 where none is published.
        outcome: ``fits``, or why not.
    """

    subject: Subject
    quantization: str
    engine: EngineName
    loaded: Loaded
    placement: Placement
    memory: MemoryEstimate
    budgets: Mapping[str, int]
    rule_of_thumb_gb: float
    quality: Quantization
    ability: float
    decode: SpeedEstimate | Unknown
    outcome: Literal["fits"] | Rejection

    @property
    def fits(self) -> bool:
        """Whether it may be picked."""
        return self.outcome == "fits"

    @property
    def title(self) -> str:
        """For sentences: ``deepseek-r1:7b at Q4_K_M on ollama``."""
        return f"{self.subject.tag} at {self.quantization} on {self.engine}"

    @property
    def tokens_per_s(self) -> float:
        """Expected decode speed; 0 where it is not known."""
        return self.decode.expected_tokens_per_s if isinstance(self.decode, SpeedEstimate) else 0.0


@dataclass(frozen=True)
class Weigher:
    """Weighs options on one machine for one request.

    Attributes:
        named: a person asked for this model.
        calibration: what earlier launches measured.
    """

    machine: Machine
    request: PlanRequest
    named: bool = False
    calibration: Calibration = UNCALIBRATED
    budgets: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Take the budgets once: every option is weighed against the same.

        Raises:
            PlanError: no engine that was asked for has the KV cache type.
        """
        _check_kv_cache_type(self.request)
        object.__setattr__(self, "budgets", device_budgets(self.machine, self.request))

    def options(self, subject: Subject) -> Iterator[PlanOption]:
        """Every way to get and run the model here, or only those that were asked for.

        Raises:
            PlanError: a quantization is unknown.
        """
        asked = self.request.quantization
        for engine in self.request.engines:
            for name in subject.formats.get(engine, ()):
                if asked is None or name == asked or name == find_quantization(asked).name:
                    yield self.weigh(subject, name, engine)

    def weigh(self, subject: Subject, quantization: str, engine: EngineName) -> PlanOption:
        """Place one option and check it.

        Raises:
            PlanError: its weights cannot be computed.
        """
        loaded = self._loaded(subject, quantization, engine, serving_for(self.request, engine))
        budgets = self._budgets_for(engine)
        return self._weighed(subject, quantization, loaded, self._place(loaded, budgets))

    def at(
        self,
        subject: Subject,
        quantization: str,
        engine: EngineName,
        *,
        serving: Serving,
        placement: Placement,
    ) -> PlanOption:
        """The option with these settings in this place, whether or not it fits there.

        Raises:
            PlanError: its weights cannot be computed.
        """
        loaded = self._loaded(subject, quantization, engine, serving)
        memory = loaded.memory(self.request.workload, placement)
        placed = Placed(placement, memory, fits(memory, self._budgets_for(engine)))
        return self._weighed(subject, quantization, loaded, placed)

    def _loaded(self, subject: Subject, quantization: str, engine: EngineName, serving: Serving) -> Loaded:
        return Loaded(
            subject.shape(quantization, engine),
            subject.checkpoint(quantization, engine),
            engine,
            serving,
            self.machine,
            subject.adapters,
            self.calibration,
        )

    def _budgets_for(self, engine: EngineName) -> Mapping[str, int]:
        # The embedded engine's wheel computes on the CPU.
        return {CPU: self.budgets[CPU]} if engine == "embedded" else self.budgets

    def _weighed(self, subject: Subject, quantization: str, loaded: Loaded, placed: Placed) -> PlanOption:
        engine, budgets = loaded.engine, self._budgets_for(loaded.engine)
        chosen = subject.quality(quantization, engine)
        option = PlanOption(
            subject=subject,
            quantization=quantization,
            engine=engine,
            loaded=loaded,
            placement=placed.placement,
            memory=placed.memory,
            budgets={term.device: budgets.get(term.device, 0) for term in placed.memory.terms},
            rule_of_thumb_gb=rule_of_thumb_gb(subject.params_billion, chosen.nominal_bits),
            quality=chosen,
            ability=subject.ability * (1 - subject.loss(chosen)),
            decode=self._decode(loaded, placed.placement, self.machine),
            outcome="fits",
        )
        rejection = self.rejection(option, placed)
        return option if rejection is None else replace(option, outcome=rejection)

    def _place(self, loaded: Loaded, budgets: Mapping[str, int]) -> Placed:
        estimate = loaded.at(self.request.workload)
        if loaded.engine == "vllm":
            if not self.machine.gpus:
                placement = Placement(gpus=(0,))
                return Placed(placement, estimate(placement), fits=False)
            return place_ranks(
                estimate,
                layer_count=loaded.architecture.layer_count,
                budgets=budgets,
                splits=lambda ranks: not tensor_parallel_problem(loaded.architecture, ranks),
            )
        if loaded.engine == "embedded":
            # The embedded engine's wheel computes on the CPU.
            return place_on_cpu(estimate, budgets)
        return place_layers(estimate, loaded.architecture.layer_count, budgets)

    def rejection(self, option: PlanOption, placed: Placed) -> Rejection | None:
        """Why the option may not be picked: the first reason that applies."""
        for check in (self._unloadable, self._unsuitable, self._too_large, self._too_slow):
            found = check(option, placed)
            if found is not None:
                return found
        return None

    def _unloadable(self, option: PlanOption, _placed: Placed) -> Rejection | None:
        """What the engine lacks: a GPU, the format, the type of its cache."""
        asked, has = self.request.kv_cache_type, KV_CACHE_TYPES[option.engine]
        if asked and asked not in has:
            return _reject(option, "kv_cache_type", f"has no KV cache of type {asked}, only {', '.join(has)}")
        if option.engine == "vllm":
            if not self.machine.gpus:
                return _reject(option, "engine", "needs a GPU, and none was found")
            lacking = unsupported_format(option.quantization, self.machine.gpus)
            if lacking:
                return _reject(option, "format", lacking)
        return None

    def _unsuitable(self, option: PlanOption, _placed: Placed) -> Rejection | None:
        """What no memory mends: licence, languages, a context beyond the model's."""
        subject, request = option.subject, self.request
        if request.license and not _licensed(subject, request.license):
            has = subject.license or "no known licence"
            return _reject(option, "license", f"comes under {has}, not {request.license}")
        missing = [language for language in request.languages if language not in subject.languages]
        if missing:
            writes = ", ".join(subject.languages) or "languages that are not known"
            return _reject(option, "languages", f"writes {writes}, not {', '.join(missing)}")
        trained, asked = subject.architecture.max_context_tokens, request.workload.context_tokens
        if asked > trained:
            return _reject(option, "context", f"holds {trained} tokens of context, not {asked}")
        return None

    def _too_large(self, option: PlanOption, placed: Placed) -> Rejection | None:
        if not placed.fits:
            return _over_budget(option)
        needed, most = option.memory.expected_bytes, self.request.most_memory_bytes
        if most is not None and needed > most:
            why = f"needs {gib(needed)} in all, and {gib(most)} is the most that was allowed"
            return _reject(option, "max_memory", why, needed=needed, budget=most)
        file_bytes = option.loaded.checkpoint.file_bytes
        local = bool(option.subject.weights_path) or self.machine.described
        if not local and file_bytes > self.machine.disk_free_bytes:
            free = gib(self.machine.disk_free_bytes)
            why = f"downloads {gib(file_bytes)} and {free} of the disk is free"
            return _reject(option, "disk", why, needed=file_bytes, budget=self.machine.disk_free_bytes)
        return None

    def _too_slow(self, option: PlanOption, _placed: Placed) -> Rejection | None:
        """Slower than was asked for; without a word, slower than reading.

        A model that was named may be slow on a machine, or an engine, that has nothing faster.
        """
        least = self.request.minimum_tokens_per_s
        no_gpu = not self.machine.gpus or set(self.request.engines) == {"embedded"}
        lenient = option.subject.bundled or (self.named and no_gpu)
        if least is None:
            if lenient:
                return None
            least = MINIMUM_TOKENS_PER_S
        rate, about = option.tokens_per_s, "about"
        if isinstance(option.decode, Unknown):
            rate, about = self._fastest(option), "at most"
        if rate >= least:
            return None
        bar = "usable begins at" if self.request.minimum_tokens_per_s is None else "asked for are"
        why = f"would decode {about} {rate:.2g} tokens/s {_where(option)}; {bar} {least:g}"
        return _reject(option, "speed", why)

    def _fastest(self, option: PlanOption) -> float:
        """A bound where a GPU's bandwidth is not known: as if it were the fastest that there is."""
        gpus = tuple(
            replace(gpu, bandwidth_bytes_per_s=gpu.bandwidth_bytes_per_s or _FASTEST_BYTES_PER_S)
            for gpu in self.machine.gpus
        )
        bound = self._decode(option.loaded, option.placement, replace(self.machine, gpus=gpus))
        return bound.high_tokens_per_s if isinstance(bound, SpeedEstimate) else math.inf

    def _decode(self, loaded: Loaded, placement: Placement, machine: Machine) -> SpeedEstimate | Unknown:
        return decode_speed(
            loaded.architecture,
            loaded.checkpoint,
            self.request.workload,
            loaded.serving,
            placement,
            machine=machine,
            engine=loaded.engine,
        )


def device_budgets(machine: Machine, request: PlanRequest) -> dict[str, int]:
    """The memory that a plan may use, by device: free less a reserve.

    A GPU that shares the system's memory is not counted a second time as the CPU's.
    """
    budgets = {
        f"gpu:{gpu.index}": max(0, gpu.free_bytes - GPU_RESERVE_BYTES - request.reserved_bytes)
        for gpu in machine.gpus
    }
    budgets[CPU] = max(0, machine.memory_available_bytes - RAM_RESERVE_BYTES)
    if any(gpu.unified for gpu in machine.gpus):
        shared = sum(budgets[f"gpu:{gpu.index}"] for gpu in machine.gpus if gpu.unified)
        budgets[CPU] = max(0, budgets[CPU] - shared)
    return budgets


def serving_for(request: PlanRequest, engine: EngineName) -> Serving:
    """The engine's settings for the request; a KV cache type that it lacks is weighed as its default."""
    asked = request.kv_cache_type
    return Serving(
        kv_cache_type=asked if asked in KV_CACHE_TYPES[engine] else "f16",
        reserved_bytes=request.reserved_bytes if engine == "vllm" else 0,
    )


def gib(size_bytes: int) -> str:
    """Bytes as GiB with one decimal."""
    return f"{size_bytes / GIB:.1f} GiB"


def _check_kv_cache_type(request: PlanRequest) -> None:
    asked = request.kv_cache_type
    if asked is None:
        return
    kv_block(asked)  # raises where no engine has it
    if not any(asked in KV_CACHE_TYPES[engine] for engine in request.engines):
        has = "; ".join(f"{engine} has {', '.join(KV_CACHE_TYPES[engine])}" for engine in request.engines)
        raise PlanError(f"there is no KV cache of type {asked!r}: {has}", hint="--kv-cache f16")


def _licensed(subject: Subject, wanted: str) -> bool:
    if wanted.lower() == "commercial":
        return subject.commercial_use
    return wanted.strip().lower().replace(" ", "-") in subject.license.lower()


def _where(option: PlanOption) -> str:
    machine, total = option.loaded.machine, option.loaded.architecture.layer_count + 1
    on_gpus = option.placement.layers_on_gpus()
    if not option.placement.gpus:
        return f"on {machine.cpu_cores} CPU cores"
    if on_gpus < total:
        return (
            f"with {on_gpus} of {total} layers on {'+'.join(option.placement.devices)}, the rest on the CPU"
        )
    return f"on {'+'.join(option.placement.devices)}"


def _over_budget(option: PlanOption) -> Rejection:
    """Which device is short of what, and at which term the running sum crosses its budget."""
    short = [
        (option.memory.on(device).expected_bytes - room, device) for device, room in option.budgets.items()
    ]
    _, device = max(short)
    on_device, budget = option.memory.on(device), option.budgets[device]
    needed, total, crossing = on_device.expected_bytes, 0, on_device.terms[-1].name
    for term in on_device.terms:
        total += term.expected_bytes
        if total > budget:
            crossing = term.name
            break
    why = f"needs {gib(needed)} where {device} has {gib(budget)}; the sum crosses that at {crossing}"
    return _reject(option, crossing, why, device=device, needed=needed, budget=budget)


def _reject(
    option: PlanOption, term: str, why: str, *, device: str = "", needed: int = 0, budget: int = 0
) -> Rejection:
    return Rejection(
        model_id=option.subject.id,
        model_tag=option.subject.tag,
        quantization=option.quantization,
        engine=option.engine,
        term=term,
        reason=f"{option.title} {why}",
        device=device,
        needed_bytes=needed,
        budget_bytes=budget,
    )

"""From a machine, a workload and the catalog to a ranked report of what fits and why the rest does not.

Pure: every model in every quantization on every engine becomes an option that fits or carries a typed
rejection. It plans for one GPU, the one with most free memory. It does not know which engines are installed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.options import PlanOption, candidates, weigh
from deploy.quantization import find_quantization
from deploy.spec import ENGINE_NAMES, Plan, Rejection
from deploy.speed import MINIMUM_TOKENS_PER_S, cpu_decode_tokens_per_s
from stillroom.errors import NothingFitsError, PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.catalog import Catalog, CatalogModel
    from deploy.spec import EngineName, Machine, Workload

__all__ = ["PlanOption", "PlanReport", "plan", "plan_bundled", "require_pick"]

# Llama-3-8B's perplexity is about 6.2: below one percent of it, precision is not what a person notices, and
# the smaller file decodes faster.
_UNNOTICED_PERPLEXITY_INCREASE = 0.06
# Below four bits quality falls off a cliff (+0.66 perplexity at Q3_K_M, +3.5 at Q2_K): a smaller model first.
_LEAST_SENSIBLE_BITS = 4
# From here on vLLM's continuous batching is worth its larger footprint.
_THROUGHPUT_SEQUENCES = 4


@dataclass(frozen=True, slots=True)
class PlanReport:
    """Every option, best first, those that fit before those that do not.

    Attributes:
        pick: the first option that fits, as a plan; None where nothing does.
    """

    machine: Machine
    workload: Workload
    pick: Plan | None
    options: tuple[PlanOption, ...]

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Why the options that do not fit were turned down, in the options' order."""
        return tuple(option.outcome for option in self.options if isinstance(option.outcome, Rejection))


def plan(
    machine: Machine,
    workload: Workload,
    catalog: Catalog,
    *,
    model: str | None = None,
    quantization: str | None = None,
    engines: Sequence[EngineName] = ENGINE_NAMES,
) -> PlanReport:
    """Weigh every option and pick one.

    An option fits if the expected sum of its memory terms is within the device's budget, the workload's
    context within the model's, the weights within the free disk, and decoding on a CPU is not unusably slow
    (not asked of a model that was named). The first that fits is picked; options are ranked by: four bits or
    more before less, GPU before CPU, then the model's measured ability, the engine that suits the workload,
    the quantization's precision, and the smaller memory. More memory therefore never makes the pick worse.

    Args:
        machine: what there is.
        workload: what the model must carry.
        catalog: the models to choose from.
        model: only this one: an id, tag or alias.
        quantization: only this one.
        engines: only these.

    Raises:
        PlanError: the model, the quantization or the workload is unknown or senseless.
    """
    _check(workload)
    models = (catalog.find(model),) if model else catalog.models
    options = [
        weigh(machine, workload, candidate, named=model is not None)
        for entry in models
        for candidate in candidates(machine, entry, quantization=quantization, engines=engines)
    ]
    if not options:
        raise PlanError(
            f"no weights are known of {model or 'any model'} at {quantization or 'any quantization'} "
            f"for {', '.join(engines) or 'no engine'}",
            hint="stillroom models list",
        )
    ranked = sorted(options, key=lambda option: _rank(option, workload))
    best = next((option for option in ranked if option.fits), None)
    pick = None
    if best is not None:
        picked = catalog.find(best.model_id)
        reason = _reason(picked, best, machine, named=model is not None)
        pick = _as_plan(picked, best, reason, workload, machine)
    return PlanReport(machine=machine, workload=workload, pick=pick, options=tuple(ranked))


def plan_bundled(machine: Machine, workload: Workload, catalog: Catalog) -> Plan:
    """The bundled model on the embedded engine, on the CPU: what runs where no model hub can be reached.

    Raises:
        NothingFitsError: even that does not fit, or the context is beyond the model's.
    """
    bundled = catalog.bundled
    report = plan(machine, workload, catalog, model=bundled.tag, engines=("embedded",))
    reason = f"{bundled.tag} comes without a model hub; it is for demonstration, not for work"
    return replace(require_pick(report), reason=reason)


def require_pick(report: PlanReport) -> Plan:
    """The report's pick.

    Raises:
        NothingFitsError: there is none; the message names the smallest shortfall.
    """
    if report.pick is not None:
        return report.pick
    short = [rejection for rejection in report.rejections if rejection.needed_bytes]
    if short:
        nearest = min(short, key=lambda rejection: rejection.needed_bytes - rejection.budget_bytes)
        raise NothingFitsError(
            f"nothing fits; nearest is {nearest.reason}",
            hint="stillroom plan --context 2048",
        )
    # That an engine lacks a GPU explains less than what the others say.
    first = min(report.rejections, key=lambda rejection: rejection.term == "engine")
    hint = "stillroom plan --context 8192" if first.term == "context" else "stillroom doctor"
    raise NothingFitsError(f"nothing fits: {first.reason}", hint=hint)


def _check(workload: Workload) -> None:
    if workload.context_tokens < 1 or workload.concurrent_sequences < 1:
        raise PlanError(
            f"a workload of {workload.context_tokens} context tokens and {workload.concurrent_sequences} "
            "sequences needs at least 1 of each",
            hint="stillroom plan --context 8192",
        )


def _rank(option: PlanOption, workload: Workload) -> tuple[bool, bool, bool, float, int, float, int, str]:
    """Smaller is better; the model's id makes ties deterministic."""
    quantization = find_quantization(option.quantization)
    noticed = quantization.perplexity_increase
    return (
        not option.fits,
        quantization.nominal_bits < _LEAST_SENSIBLE_BITS,
        option.device == "cpu",
        -option.ability,
        _engine_order(workload).index(option.engine),
        noticed if noticed > _UNNOTICED_PERPLEXITY_INCREASE else 0.0,
        option.memory.expected_bytes,
        option.model_id,
    )


def _engine_order(workload: Workload) -> tuple[EngineName, ...]:
    """Ollama for a person, vLLM for many at once, the embedded engine where neither is."""
    if workload.concurrent_sequences >= _THROUGHPUT_SEQUENCES:
        return ("vllm", "ollama", "embedded")
    return ("ollama", "vllm", "embedded")


def _as_plan(
    model: CatalogModel, option: PlanOption, reason: str, workload: Workload, machine: Machine
) -> Plan:
    return Plan(
        model_id=model.id,
        model_tag=model.tag,
        architecture=model.architecture,
        artefact=option.artefact,
        engine=option.engine,
        workload=workload,
        device=option.device,
        budget_bytes=option.budget_bytes,
        memory=option.memory,
        rule_of_thumb_gb=option.rule_of_thumb_gb,
        languages=model.languages,
        native_tools=model.native_tools,
        reasoning=model.reasoning,
        reason=reason,
        device_total_bytes=sum(
            gpu.total_bytes for gpu in machine.gpus if f"gpu:{gpu.index}" == option.device
        ),
        weights_name=_weights_name(model, option),
    )


def _weights_name(model: CatalogModel, option: PlanOption) -> str:
    """By what name the engine fetches these weights; empty where it is handed a file, or knows the id."""
    if option.engine == "ollama":
        own = model.ollama_tags.get(option.quantization, "")
        # Ollama also pulls GGUF repositories of Hugging Face, by this form of name.
        return own or (f"hf.co/{model.gguf_repo}:{option.quantization}" if model.gguf_repo else "")
    if option.engine == "vllm" and option.quantization == "AWQ":
        return model.awq_repo
    return ""


def _reason(model: CatalogModel, option: PlanOption, machine: Machine, *, named: bool) -> str:
    """One sentence: what was picked, why, and on a CPU how fast it is at least."""
    if named:
        why = f"fits {option.device}"
    elif option.ability:
        why = f"the most able that fits {option.device} (GPQA Diamond {option.ability:g})"
    else:
        why = f"nothing with a published GPQA Diamond score fits {option.device}"
    sentence = f"{option.model_tag} at {option.quantization} on {option.engine}: {why}"
    if option.device != "cpu" or model.bundled:
        return sentence
    rate = cpu_decode_tokens_per_s(model.architecture, option.artefact, cores=machine.cpu_cores)
    slow = f", below the usable {MINIMUM_TOKENS_PER_S:g}" if rate < MINIMUM_TOKENS_PER_S else ""
    return f"{sentence}; at least about {rate:.1f} tokens/s on {machine.cpu_cores} CPU cores{slow}"

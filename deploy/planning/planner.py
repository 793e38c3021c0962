"""From a machine, a request and models to a ranked report of what fits and why the rest does not.

Pure: every model in every quantization on every engine becomes an option that fits or carries a typed
rejection. It does not know which engines are installed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.calibration.corrections import UNCALIBRATED, Calibration
from deploy.memory_model.limits import largest_context, most_sequences
from deploy.memory_model.vllm_budget import gpu_memory_utilization
from deploy.plan import MOST_SEQUENCES, Limits, Plan, PlannedAdapter, Rejection
from deploy.planning.changes import ChangeFinder
from deploy.planning.options import PlanOption, Weigher
from deploy.planning.ranking import is_memory, rank, reason
from deploy.planning.subject import ABILITY_SCORE, from_catalog
from deploy.spec import ENGINE_NAMES
from deploy.speed import prefill_speed
from stillroom.errors import NothingFitsError, PlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.catalog import Catalog
    from deploy.plan import Change, PlanRequest
    from deploy.planning.subject import Subject
    from deploy.spec import Machine, MemoryEstimate, Workload

__all__ = ["PlanOption", "PlanReport", "catalog_subjects", "plan", "plan_bundled", "require_pick"]

# Whose distills are ranked where no model is named.
_TEACHERS = "deepseek-ai/"

# How many changes are named where nothing fits.
_CHANGES_NAMED = 3


@dataclass(frozen=True)
class PlanReport:
    """Every option, best first, those that fit before those that do not.

    Attributes:
        pick: the first option that fits, as a plan; None where nothing does.
        shown: the option that ``pick`` was made of; where nothing fits, the one that lacks least.
        changes: where nothing fits, the smallest changes that would make something fit.
    """

    machine: Machine
    request: PlanRequest
    pick: Plan | None
    shown: PlanOption
    options: tuple[PlanOption, ...]
    changes: tuple[Change, ...] = ()

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Why the options that do not fit were turned down, in the options' order."""
        return tuple(option.outcome for option in self.options if isinstance(option.outcome, Rejection))


def plan(
    machine: Machine,
    request: PlanRequest,
    subjects: Sequence[Subject],
    *,
    named: bool = False,
    others: Sequence[Subject] = (),
    calibration: Calibration = UNCALIBRATED,
) -> PlanReport:
    """Weigh every option and pick one.

    An option fits if the expected sum of its memory terms is within the budget of each device that it uses,
    the context within the model's, the weights within the free disk, its speed and licence as asked. The
    first that fits is picked, in the order of ``deploy.planning.ranking``.

    Args:
        machine: what there is.
        request: what the model must carry and what is preferred.
        subjects: the models to choose from.
        named: a person asked for the one subject by name, so that slow decoding is theirs to accept.
        others: where nothing fits, models that may be named instead.
        calibration: what earlier launches measured, by which every memory term is corrected.

    Raises:
        PlanError: the quantization or the workload is unknown or senseless, or no engine has the weights.
    """
    _check(request.workload)
    weigher = Weigher(machine, request, named=named, calibration=calibration)
    options = sorted(
        (option for subject in subjects for option in weigher.options(subject)),
        key=lambda option: rank(option, request),
    )
    if not options:
        raise _no_weights(request, subjects)
    finder = ChangeFinder(
        weigher, options if options[0].fits else _relaxed(weigher, options, subjects, others)
    )
    explained = tuple(_with_change(option, finder) for option in options)
    best = explained[0] if explained[0].fits else None
    return PlanReport(
        machine=machine,
        request=request,
        pick=None if best is None else as_plan(best, request, named=named),
        shown=best or _nearest(explained),
        options=explained,
        changes=() if best else finder.smallest(explained, _CHANGES_NAMED),
    )


def catalog_subjects(catalog: Catalog, *, every: bool = False) -> tuple[Subject, ...]:
    """The models that a pick may be made from: the distills, which this program is for, and the bundled one.

    Args:
        catalog: the models that are known.
        every: all others too whose ability is published: without a common benchmark nothing says which of
            two models is the more able, so the rest is planned only by name.
    """
    return tuple(
        from_catalog(model)
        for model in catalog.models
        if model.bundled or model.teacher.startswith(_TEACHERS) or (every and ABILITY_SCORE in model.scores)
    )


def plan_bundled(
    machine: Machine, request: PlanRequest, catalog: Catalog, *, calibration: Calibration = UNCALIBRATED
) -> Plan:
    """The bundled model on the embedded engine, on the CPU: what runs where no model hub can be reached.

    Raises:
        NothingFitsError: even that does not fit, or the context is beyond the model's.
    """
    bundled = from_catalog(catalog.bundled)
    report = plan(
        machine, replace(request, engines=("embedded",)), (bundled,), named=True, calibration=calibration
    )
    why = f"{bundled.tag} comes without a model hub; it is for demonstration, not for work"
    return replace(require_pick(report), reason=why)


def require_pick(report: PlanReport) -> Plan:
    """The report's pick.

    Raises:
        NothingFitsError: there is none; the message names what lacks least, the hint the smallest change.
    """
    if report.pick is not None:
        return report.pick
    outcome = report.shown.outcome
    why = outcome.reason if isinstance(outcome, Rejection) else report.shown.title
    typed = next((change.options for change in report.changes if change.options), "")
    hint = f"stillroom plan {typed}" if typed else "stillroom doctor"
    raise NothingFitsError(f"nothing fits; nearest is {why}", hint=hint)


def as_plan(option: PlanOption, request: PlanRequest, *, named: bool) -> Plan:
    """An option that fits as a plan that an engine can be launched from."""
    subject, machine, placement = option.subject, option.loaded.machine, option.placement
    totals = {f"gpu:{gpu.index}": gpu.total_bytes for gpu in machine.gpus if gpu.index in placement.gpus}
    fraction = 0.0
    if option.engine == "vllm" and totals:  # on a CPU it takes its cache's size and no fraction
        # The budget is what is free less every reserve.
        fraction = min(
            gpu_memory_utilization(option.budgets[device], total, ranks=placement.tensor_parallel)
            for device, total in totals.items()
        )
    loaded = option.loaded

    def needed(workload: Workload) -> MemoryEstimate:
        return loaded.memory(workload, placement)

    return Plan(
        model_id=subject.id,
        model_tag=subject.tag,
        model_type=loaded.architecture.model_type,
        layer_count=loaded.architecture.layer_count,
        artefact=loaded.checkpoint.artefact,
        engine=option.engine,
        workload=request.workload,
        serving=loaded.serving,
        placement=placement,
        memory=option.memory,
        budgets=dict(option.budgets),
        rule_of_thumb_gb=option.rule_of_thumb_gb,
        languages=subject.languages,
        native_tools=subject.native_tools,
        reasoning=subject.reasoning,
        decode=option.decode,
        prefill=prefill_speed(
            loaded.architecture,
            loaded.checkpoint,
            request.workload,
            placement,
            machine=machine,
            engine=option.engine,
        ),
        limits=Limits(
            largest_context(
                needed,
                option.budgets,
                request.workload,
                most_tokens=loaded.architecture.max_context_tokens,
            ),
            most_sequences(needed, option.budgets, request.workload, most=MOST_SEQUENCES),
        ),
        device_totals=totals,
        gpu_memory_utilization=fraction,
        reason=reason(option, request, named=named),
        weights_name=subject.weights_names.get((option.engine, option.quantization), ""),
        weights_path=subject.weights_path,
        adapters=tuple(PlannedAdapter(one.name, one.path, one.rank) for one in subject.adapters),
    )


def _check(workload: Workload) -> None:
    if workload.context_tokens < 1 or workload.concurrent_sequences < 1:
        raise PlanError(
            f"a workload of {workload.context_tokens} context tokens and {workload.concurrent_sequences} "
            "sequences needs at least 1 of each",
            hint="stillroom plan --context 8192",
        )


def _no_weights(request: PlanRequest, subjects: Sequence[Subject]) -> PlanError:
    names = ", ".join(subject.tag for subject in subjects) if len(subjects) == 1 else "any model"
    wanted = request.quantization or "any quantization"
    engines = ", ".join(request.engines) or "no engine"
    known = sorted({name for subject in subjects for formats in subject.formats.values() for name in formats})
    return PlanError(
        f"no weights are known of {names} at {wanted} for {engines}; known quantizations: {', '.join(known)}",
        hint="stillroom models list",
    )


def _with_change(option: PlanOption, finder: ChangeFinder) -> PlanOption:
    if not isinstance(option.outcome, Rejection):
        return option
    return replace(option, outcome=replace(option.outcome, change=finder.nearest(option)))


def _relaxed(
    weigher: Weigher, options: list[PlanOption], subjects: Sequence[Subject], others: Sequence[Subject]
) -> list[PlanOption]:
    """The options, then what there would be if no quantization, engine or model were asked for."""
    anything = replace(weigher.request, quantization=None, engines=ENGINE_NAMES)
    freely = replace(weigher, request=anything)
    # What nobody named must be fast enough.
    strictly = replace(freely, named=False)
    same = subjects if anything != weigher.request else ()
    different = [subject for subject in others if subject.id not in {one.id for one in subjects}]
    more = [option for subject in same for option in freely.options(subject)]
    more += [option for subject in different for option in strictly.options(subject)]
    return [*options, *sorted(more, key=lambda option: rank(option, weigher.request))]


def _nearest(options: Sequence[PlanOption]) -> PlanOption:
    """The rejected option that lacks the fewest bytes; the first where memory is not the reason."""
    short = [
        option for option in options if isinstance(option.outcome, Rejection) and is_memory(option.outcome)
    ]
    if not short:
        # That an engine lacks a GPU explains less than what the others say.
        return min(
            options,
            key=lambda option: isinstance(option.outcome, Rejection) and option.outcome.term == "engine",
        )
    return min(
        short, key=lambda option: option.outcome.short_bytes if isinstance(option.outcome, Rejection) else 0
    )

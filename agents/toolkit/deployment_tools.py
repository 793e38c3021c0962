"""The tools that say which model fits this machine.

The module does not know how memory is estimated or options are ranked, and it launches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from agents.toolkit.deployment_results import (
    ComponentSum,
    DeploymentOption,
    DeploymentPlan,
    MemoryComponent,
    VramEstimate,
    gigabytes,
)
from stillroom.errors import NothingFitsError

if TYPE_CHECKING:
    from agents.services import Services
    from deploy.catalog import CatalogModel
    from deploy.planning.planner import PlanOption, PlanReport
    from deploy.spec import Machine

# llama.cpp's most used mix for each width; other widths have no single one.
_QUANTIZATION_OF_BITS = {2: "Q2_K", 3: "Q3_K_M", 4: "Q4_K_M", 5: "Q5_K_M", 6: "Q6_K", 8: "Q8_0", 16: "F16"}
# What a model reads first: what it can use, then what is nearest to it. The planner's own order has what one
# engine cannot run at all before what another runs slowly.
_VERDICTS: Final = ("fits", "slow", "does not fit", "cannot run here")
_NOT_HERE: Final = ("engine", "format", "kv_cache_type", "license", "languages")
# A report names one option for each model of the catalog; a longer one is cut to what a model still reads.
_OPTIONS_SHOWN = 15

ContextTokens = Annotated[int, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class DeploymentTools:
    """The functions; each method's signature is a tool's schema and its docstring the description."""

    services: Services

    def plan_deployment(
        self,
        model: str | None = None,
        quantization: str | None = None,
        context_tokens: ContextTokens | None = None,
    ) -> DeploymentPlan:
        """Find which local models fit this machine's memory, and pick the best. Starts nothing.

        Args:
            model: only this one, for example deepseek-r1:7b; without it, every known model.
            quantization: only this one, for example Q4_K_M.
            context_tokens: prompt and answer together; without it, what the user has set.
        """
        from deploy.plan import PlanRequest
        from deploy.planning.planner import catalog_subjects, plan
        from deploy.planning.subject import from_catalog

        workload = self.services.workload
        if context_tokens is not None:
            workload = replace(workload, context_tokens=context_tokens)
        machine = self.services.machine()
        catalog = self.services.catalog()
        subjects = catalog_subjects(catalog)
        if model is not None:
            found, within = catalog.resolve(model)
            subjects, quantization = (from_catalog(found),), quantization or within
        request = PlanRequest(workload, quantization=quantization)
        calibration = self.services.calibration(machine)
        report = plan(machine, request, subjects, named=model is not None, calibration=calibration)
        shown = report.options if model else _best_of_each_model(report)
        return DeploymentPlan(
            machine=_describe(machine),
            context_tokens=workload.context_tokens,
            pick=_option(report.shown) if report.pick else None,
            reason=_reason(report),
            options=tuple(_option(option) for option in shown[:_OPTIONS_SHOWN]),
        )

    def vram_estimate(
        self,
        params_billion: Annotated[float, Field(gt=0, le=100_000)],
        bits: Annotated[float, Field(gt=0, le=32)] = 4,
        model: str | None = None,
    ) -> VramEstimate:
        """Estimate the GPU memory that a model needs, by the rule of thumb M = P x 4 x 1.2 / (32 / Q).

        Args:
            params_billion: parameters in billions: 7 for a 7B model.
            bits: bits of each parameter: 4, 8 or 16.
            model: a known model such as deepseek-r1:7b, to have its exact components summed as well.
        """
        from deploy.rule_of_thumb import rule_of_thumb_gb

        known = self.services.catalog().find(model) if model else None
        return VramEstimate(
            params_billion=params_billion,
            bits=bits,
            memory_gb=rule_of_thumb_gb(params_billion, bits),
            component_sum=None if known is None else self._component_sum(known, bits),
        )

    def _component_sum(self, model: CatalogModel, bits: float) -> ComponentSum | None:
        from deploy.memory_model.llama_cpp import llama_cpp_memory
        from deploy.planning.subject import from_catalog
        from deploy.serving import Placement, Serving

        quantization = _QUANTIZATION_OF_BITS.get(int(bits)) if bits == int(bits) else None
        if quantization is None:
            return None
        workload = self.services.workload
        subject = from_catalog(model)
        shape = subject.architecture
        memory = llama_cpp_memory(
            shape,
            subject.checkpoint(quantization, "ollama"),
            workload,
            Serving(),
            Placement(gpus=(0,), gpu_layers=(shape.layer_count + 1,)),
            engine="ollama",
        ).on("gpu:0")
        return ComponentSum(
            model=model.tag,
            quantization=quantization,
            context_tokens=workload.context_tokens,
            total_gb=gigabytes(memory.expected_bytes),
            components=tuple(
                MemoryComponent(term.name, gigabytes(term.expected_bytes)) for term in memory.terms
            ),
        )


def _best_of_each_model(report: PlanReport) -> tuple[PlanOption, ...]:
    """Of each model the first of the best verdict, since options are ranked; so are the models."""
    best: dict[str, PlanOption] = {}
    for option in sorted(report.options, key=lambda option: _VERDICTS.index(_verdict(option))):
        best.setdefault(option.subject.id, option)
    return tuple(best.values())


def _verdict(option: PlanOption) -> Literal["fits", "slow", "does not fit", "cannot run here"]:
    from deploy.plan import Rejection, Unknown
    from deploy.speed import MINIMUM_TOKENS_PER_S

    if not isinstance(option.outcome, Rejection):
        known = not isinstance(option.decode, Unknown)
        slow = known and not option.subject.bundled and option.tokens_per_s < MINIMUM_TOKENS_PER_S
        return "slow" if slow else "fits"
    if option.outcome.term == "speed":
        return "slow"
    return "cannot run here" if option.outcome.term in _NOT_HERE else "does not fit"


def _option(option: PlanOption) -> DeploymentOption:
    from deploy.plan import Rejection, device_name

    return DeploymentOption(
        model=option.subject.tag,
        quantization=option.quantization,
        engine=option.engine,
        device=device_name(option.placement, option.loaded.architecture.layer_count),
        memory_gb=gigabytes(option.memory.expected_bytes),
        budget_gb=gigabytes(sum(option.budgets.values())),
        rule_of_thumb_gb=round(option.rule_of_thumb_gb, 2),
        fits=option.fits,
        reason=option.outcome.reason if isinstance(option.outcome, Rejection) else "",
        verdict=_verdict(option),
    )


def _reason(report: PlanReport) -> str:
    from deploy.planning.planner import require_pick

    try:
        return require_pick(report).reason
    except NothingFitsError as error:
        return f"{error.message}. Try: {error.hint}"


def _describe(machine: Machine) -> str:
    gpus = [
        f"{gpu.name} with {gigabytes(gpu.free_bytes)} of {gigabytes(gpu.total_bytes)} GB free"
        for gpu in machine.gpus
    ]
    return (
        f"{machine.cpu_name}, {machine.cpu_cores} cores, {gigabytes(machine.memory_available_bytes)} of "
        f"{gigabytes(machine.memory_total_bytes)} GB memory available; {', '.join(gpus) or 'no GPU'}"
    )

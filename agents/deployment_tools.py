"""The tools that say which model fits this machine, and what they return.

Sizes that a model reads are in GB of 10**9 bytes, the unit of the rule of thumb. The module does not know how
memory is estimated or options are ranked, and it launches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from stillroom.errors import NothingFitsError

if TYPE_CHECKING:
    from agents.services import Services
    from deploy.catalog import CatalogModel
    from deploy.planner import PlanOption, PlanReport
    from deploy.spec import Machine

GB = 10**9

# llama.cpp's most used mix for each width; other widths have no single one.
_QUANTIZATION_OF_BITS = {2: "Q2_K", 3: "Q3_K_M", 4: "Q4_K_M", 5: "Q5_K_M", 6: "Q6_K", 8: "Q8_0", 16: "F16"}
# A report names one option for each model of the catalog; a longer one is cut to what a model still reads.
_OPTIONS_SHOWN = 15

ContextTokens = Annotated[int, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True, slots=True)
class DeploymentOption:
    """One model in one quantization on one engine.

    Attributes:
        device: where the weights would live: ``gpu:0`` or ``cpu``.
        memory_gb: the sum of its components, expected.
        rule_of_thumb_gb: M = P·4·1.2/(32/Q), for comparison.
        reason: why it does not fit; empty where it fits.
    """

    model: str
    quantization: str
    engine: str
    device: str
    memory_gb: float
    budget_gb: float
    rule_of_thumb_gb: float
    fits: bool
    reason: str

    def to_text(self) -> str:
        """One line."""
        verdict = "fits" if self.fits else f"does not fit: {self.reason}"
        return (
            f"{self.model} {self.quantization} on {self.engine} ({self.device}): {self.memory_gb} GB of "
            f"{self.budget_gb} GB, rule of thumb {self.rule_of_thumb_gb} GB; {verdict}"
        )


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """What fits this machine.

    Attributes:
        pick: the best option; None where nothing fits.
        reason: why that one, or what is missing.
        options: the best option of each model; of a model that was asked for, all of them.
    """

    machine: str
    context_tokens: int
    pick: DeploymentOption | None
    reason: str
    options: tuple[DeploymentOption, ...]

    def to_text(self) -> str:
        """The machine, the pick with its reason, then the options."""
        pick = f"Pick: {self.pick.to_text()}\nWhy: {self.reason}" if self.pick else self.reason
        options = [f"- {option.to_text()}" for option in self.options]
        return "\n".join([f"Machine: {self.machine}", pick, *options])


@dataclass(frozen=True, slots=True)
class MemoryComponent:
    """One term of a memory estimate."""

    name: str
    gb: float


@dataclass(frozen=True, slots=True)
class ComponentSum:
    """A catalog model's memory on a GPU, summed from its parts."""

    model: str
    quantization: str
    context_tokens: int
    total_gb: float
    components: tuple[MemoryComponent, ...]

    def to_text(self) -> str:
        """The sum with its parts."""
        parts = ", ".join(f"{component.name} {component.gb}" for component in self.components)
        return (
            f"Sum of components for {self.model} at {self.quantization} with {self.context_tokens} tokens of "
            f"context on a GPU: {self.total_gb} GB ({parts})."
        )


@dataclass(frozen=True, slots=True)
class VramEstimate:
    """The rule of thumb, and the sum of components beside it where the model is known.

    Attributes:
        memory_gb: M = P·4·1.2/(32/Q).
        component_sum: None where no model was named or its bits have no usual quantization.
    """

    params_billion: float
    bits: float
    memory_gb: float
    component_sum: ComponentSum | None

    def to_text(self) -> str:
        """The formula with its numbers, then the sum."""
        rule = (
            f"Rule of thumb: {self.params_billion:g} billion parameters x 4 bytes x 1.2 / (32 / "
            f"{self.bits:g} bits) = {self.memory_gb:g} GB."
        )
        return rule if self.component_sum is None else f"{rule}\n{self.component_sum.to_text()}"


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
        from deploy.planner import plan

        workload = self.services.workload
        if context_tokens is not None:
            workload = replace(workload, context_tokens=context_tokens)
        machine = self.services.machine()
        report = plan(machine, workload, self.services.catalog(), model=model, quantization=quantization)
        shown = report.options if model else _best_of_each_model(report)
        return DeploymentPlan(
            machine=_describe(machine),
            context_tokens=workload.context_tokens,
            pick=_option(report.options[0]) if report.pick else None,
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
        from deploy.memory import estimate_memory
        from deploy.quantization import compute_artefact

        quantization = _QUANTIZATION_OF_BITS.get(int(bits)) if bits == int(bits) else None
        if quantization is None:
            return None
        workload = self.services.workload
        artefact = compute_artefact(model.architecture, quantization)
        memory = estimate_memory(model.architecture, artefact, workload, engine="ollama", device="gpu:0")
        return ComponentSum(
            model=model.tag,
            quantization=quantization,
            context_tokens=workload.context_tokens,
            total_gb=_gb(memory.expected_bytes),
            components=tuple(MemoryComponent(term.name, _gb(term.expected_bytes)) for term in memory.terms),
        )


def _best_of_each_model(report: PlanReport) -> tuple[PlanOption, ...]:
    """Options are ranked, so a model's first is its best."""
    best: dict[str, PlanOption] = {}
    for option in report.options:
        best.setdefault(option.model_id, option)
    return tuple(best.values())


def _option(option: PlanOption) -> DeploymentOption:
    return DeploymentOption(
        model=option.model_tag,
        quantization=option.quantization,
        engine=option.engine,
        device=option.device,
        memory_gb=_gb(option.memory.expected_bytes),
        budget_gb=_gb(option.budget_bytes),
        rule_of_thumb_gb=round(option.rule_of_thumb_gb, 2),
        fits=option.fits,
        reason="" if option.outcome == "fits" else option.outcome.reason,
    )


def _reason(report: PlanReport) -> str:
    from deploy.planner import require_pick

    try:
        return require_pick(report).reason
    except NothingFitsError as error:
        return f"{error.message}. Try: {error.hint}"


def _describe(machine: Machine) -> str:
    gpus = [
        f"{gpu.name} with {_gb(gpu.free_bytes)} of {_gb(gpu.total_bytes)} GB free" for gpu in machine.gpus
    ]
    return (
        f"{machine.cpu_name}, {machine.cpu_cores} cores, {_gb(machine.memory_available_bytes)} of "
        f"{_gb(machine.memory_total_bytes)} GB memory available; {', '.join(gpus) or 'no GPU'}"
    )


def _gb(size_bytes: int) -> float:
    return round(size_bytes / GB, 2)

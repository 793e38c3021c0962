"""``plan_deployment`` as an IDE's model gets it: what fits this machine, with the rule of thumb beside it.

It does not know how memory is estimated or options are ranked (``agents.toolkit.deployment_tools`` asks).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from agents.toolkit.deployment_results import (  # noqa: TC001 (the schema is read at run time)
    DeploymentOption,
    VramEstimate,
)
from agents.toolkit.deployment_tools import ContextTokens, DeploymentTools
from mcp_server.result_size import first_that_fit, json_characters, shortened
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from agents.services import Services
    from agents.toolkit.deployment_results import DeploymentPlan

_OPTIONS_CHARACTERS: Final = 4_500
_REASON_CHARACTERS: Final = 300
# 4 bits are what most people run, and what the rule of thumb was made for.
_BITS: Final = 4.0

Name = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class ServedPlan:
    """What fits this machine, in GB of 10**9 bytes.

    Attributes:
        pick: the best option; null where nothing fits.
        reason: why that one, or what is missing.
        options: the best option of each model; of a model that was asked for, its own; the best first.
        left_out: options that there was no room for.
        estimate: the rule of thumb for the size that was asked for; null where none was.
    """

    machine: str
    context_tokens: int
    pick: DeploymentOption | None
    reason: str
    options: tuple[DeploymentOption, ...]
    left_out: int
    estimate: VramEstimate | None

    def to_text(self) -> str:
        """The estimate, the machine, the pick with its reason, then the options."""
        estimate = [self.estimate.to_text()] if self.estimate else []
        pick = f"Pick: {self.pick.to_text()}\nWhy: {self.reason}" if self.pick else self.reason
        options = [f"- {option.to_text()}" for option in self.options]
        more = [f"[{self.left_out} more left out; name a model to see its own]"] if self.left_out else []
        return "\n".join([*estimate, f"Machine: {self.machine}", pick, *options, *more])


@dataclass(frozen=True, slots=True)
class PlanningTool:
    """The function over the services; its signature is the tool's schema."""

    services: Services

    def plan_deployment(
        self,
        model: Name | None = None,
        quantization: Name | None = None,
        context_tokens: ContextTokens | None = None,
        params_billion: Annotated[float, Field(gt=0, le=100_000)] | None = None,
        bits: Annotated[float, Field(gt=0, le=32)] | None = None,
    ) -> ServedPlan:
        """Find which local models fit this machine's memory, and pick the best. Starts and downloads nothing.

        Use it for questions such as "which model can I run here?" or "does a 70B fit?". For a model that is
        not known by name, params_billion gives the rule of thumb M = P x 4 x 1.2 / (32 / Q) in GB.

        Args:
            model: only this one, for example deepseek-r1:7b; without it, every known model.
            quantization: only this one, for example Q4_K_M.
            context_tokens: prompt and answer together; without it, what the user has set.
            params_billion: parameters in billions, 7 for a 7B model: estimated as well.
            bits: bits of each parameter in that estimate, 4, 8 or 16; with a model, of its estimate.
        """
        if bits is not None and params_billion is None and model is None:
            raise ToolError(
                f"'bits' = {bits:g} is of an estimate, and no size was given",
                hint="params_billion=7 for a 7B model, or a model by name",
            )
        deployment = DeploymentTools(self.services)
        made = deployment.plan_deployment(model, quantization, context_tokens)
        options = first_that_fit(_short(made), _OPTIONS_CHARACTERS, _characters)
        return ServedPlan(
            machine=made.machine,
            context_tokens=made.context_tokens,
            pick=made.pick,
            reason=made.reason,
            options=options,
            left_out=len(made.options) - len(options),
            estimate=self._estimate(deployment, model, params_billion, bits),
        )

    def _estimate(
        self, deployment: DeploymentTools, model: str | None, params_billion: float | None, bits: float | None
    ) -> VramEstimate | None:
        if params_billion is None and (model is None or bits is None):
            return None
        known = self.services.catalog().resolve(model)[0] if model else None
        if params_billion is None and known is not None:
            params_billion = known.parameters / 10**9
        return deployment.vram_estimate(params_billion or 0.0, bits or _BITS, known.tag if known else None)


def _short(made: DeploymentPlan) -> list[DeploymentOption]:
    return [replace(one, reason=shortened(one.reason, _REASON_CHARACTERS)) for one in made.options]


def _characters(option: DeploymentOption) -> int:
    return max(json_characters(option), len(option.to_text()))

"""What the deployment tools return, and how a model reads it.

Sizes are in GB of 10**9 bytes, the unit of the rule of thumb. Nothing here estimates or ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_GB: Final = 10**9


def gigabytes(size_bytes: int) -> float:
    """A size as the tools tell it.

    Example:
        >>> gigabytes(4_683_000_000)
        4.68
    """
    return round(size_bytes / _GB, 2)


@dataclass(frozen=True, slots=True)
class DeploymentOption:
    """One model in one quantization on one engine.

    Attributes:
        device: where the weights would live: ``gpu:0`` or ``cpu``.
        memory_gb: the sum of its components, expected.
        rule_of_thumb_gb: M = P·4·1.2/(32/Q), for comparison.
        reason: why it does not fit; empty where it fits.
        verdict: whether it is usable: what is slow has room enough, and is picked only by name.
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
    verdict: Literal["fits", "slow", "does not fit", "cannot run here"]

    def to_text(self) -> str:
        """One line; the sums only where they decide."""
        named = f"{self.model} {self.quantization} on {self.engine}"
        if self.verdict == "cannot run here":
            return f"{named}: cannot run here: {self.reason}"
        why = f": {self.reason}" if self.reason else ""
        verdict = "fits, but slow" if self.verdict == "slow" else self.verdict
        return (
            f"{named} ({self.device}): {self.memory_gb} GB of {self.budget_gb} GB, "
            f"rule of thumb {self.rule_of_thumb_gb} GB; {verdict}{why}"
        )


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """What fits this machine.

    Attributes:
        pick: the best option; None where nothing fits.
        reason: why that one, or what is missing.
        options: the best option of each model; of a model that was asked for, its own, the best
            first; at most 15.
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

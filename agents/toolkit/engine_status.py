"""The tool that tells what runs: engine, model, how it calls tools, memory measured beside predicted.

It starts, stops and measures nothing itself, and does not know how a deployment is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.calling.way import calling_way
from agents.toolkit.deployment_results import gigabytes

if TYPE_CHECKING:
    from agents.services import Services
    from deploy.endpoint import Endpoint
    from deploy.supervision.deployment import Deployment


@dataclass(frozen=True, slots=True)
class MemoryLine:
    """A component of the memory on one device, in GB of 10**9 bytes.

    Attributes:
        measured_gb: None where the engine did not tell it apart.
    """

    device: str
    name: str
    predicted_gb: float
    measured_gb: float | None

    def to_text(self) -> str:
        """One line."""
        measured = "not told" if self.measured_gb is None else f"{self.measured_gb} GB measured"
        return f"- {self.name} on {self.device}: {self.predicted_gb} GB predicted, {measured}"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What serves the model.

    Attributes:
        state: ``running``, ``starting``, ``failed``, …; ``elsewhere`` for a server that Stillroom did not
            start; ``none``.
        plan: model, quantization, device, context and users in words; empty for a server elsewhere.
        tool_calling: ``native``, ``constrained`` or ``prompted``; empty where nothing answers.
        memory: empty where nothing can be measured.
        message: why it failed or ended, with the next command.
    """

    state: str
    engine: str = ""
    model: str = ""
    plan: str = ""
    context_tokens: int | None = None
    tool_calling: str = ""
    memory: tuple[MemoryLine, ...] = ()
    message: str = ""

    def to_text(self) -> str:
        """What runs, how it calls tools, then memory line by line."""
        if self.state == "none":
            return "No engine runs. A person starts one with: stillroom up"
        lines = [f"{self.engine} serves {self.model}: {self.state}"]
        if self.plan:
            lines.append(f"Plan: {self.plan}")
        if self.tool_calling:
            lines.append(f"Context: {self.context_tokens} tokens. Tool calling: {self.tool_calling}.")
        lines += [line.to_text() for line in self.memory]
        return "\n".join([*lines, self.message] if self.message else lines)


@dataclass(frozen=True, slots=True)
class EngineTools:
    """The function over the services; its signature is the tool's schema."""

    services: Services

    def engine_status(self) -> EngineStatus:
        """Tell which local model and engine run, and the memory that they take beside what was predicted."""
        deployment, endpoint = self.services.deployment(), self.services.endpoint()
        if deployment is None or (endpoint is not None and endpoint != deployment.endpoint):
            return EngineStatus("none") if endpoint is None else _elsewhere(endpoint)
        said = ". Next: ".join(filter(None, (deployment.message, deployment.hint)))
        return EngineStatus(
            state=deployment.state,
            engine=deployment.plan.engine,
            model=deployment.plan.model_tag,
            plan=deployment.plan_summary,
            context_tokens=deployment.endpoint.context_tokens,
            tool_calling=calling_way(deployment.endpoint) if deployment.state == "running" else "",
            memory=self._memory(deployment),
            message="" if deployment.state == "running" else said,
        )

    def _memory(self, deployment: Deployment) -> tuple[MemoryLine, ...]:
        from deploy.calibration.comparison import compare

        measured = self.services.measured(deployment)
        if measured is None:
            return ()
        return tuple(
            MemoryLine(
                line.device,
                line.name,
                gigabytes(line.predicted_bytes),
                None if line.measured_bytes is None else gigabytes(line.measured_bytes),
            )
            for line in compare(deployment.plan.memory, measured)
        )


def _elsewhere(endpoint: Endpoint) -> EngineStatus:
    return EngineStatus(
        state="elsewhere",
        engine=endpoint.engine,
        model=endpoint.model,
        context_tokens=endpoint.context_tokens,
        tool_calling=calling_way(endpoint),
    )

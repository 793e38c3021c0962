"""``deployment_status`` as an IDE's model gets it: what runs, whether it answers, and the memory it takes.

It starts, stops and measures nothing itself (``agents.toolkit.engine_status`` reads the record).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from agents.toolkit.engine_status import EngineTools, MemoryLine
from mcp_server.result_size import first_that_fit, shortened

if TYPE_CHECKING:
    from agents.services import Services
    from agents.toolkit.engine_status import EngineStatus
    from deploy.endpoint import Endpoint
    from deploy.supervision.deployment import Deployment

Health = Literal["healthy", "refused", "unhealthy", "silent", "none"]

_MEMORY_CHARACTERS: Final = 3_500
_SENTENCES_CHARACTERS: Final = 1_200
_MESSAGE_CHARACTERS: Final = 600


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """What serves the model.

    Attributes:
        state: running, starting, restarting, failed, exited, lost; elsewhere for a server that Stillroom did
            not start; none.
        health: what it answers at this moment: healthy; refused where nothing listens; silent where nothing
            came in time, as of a server that computes; unhealthy; none where nothing runs.
        plan: model, quantization, device, context and users in words; empty for a server elsewhere.
        tool_calling: native, constrained or prompted; empty where nothing answers.
        memory: predicted beside measured, in GB of 10**9 bytes; empty where nothing can be measured.
        restarts: how often it crashed and was started again.
        deviations: where the server does not serve as planned.
        message: why it failed or ended, with the next command.
    """

    state: str
    health: Health
    engine: str
    model: str
    plan: str
    context_tokens: int | None
    tool_calling: str
    memory: tuple[MemoryLine, ...]
    restarts: int
    deviations: tuple[str, ...]
    message: str

    def to_text(self) -> str:
        """What runs and how it is, how it calls tools, then memory line by line."""
        if self.state == "none":
            return "No model runs. A person starts one with: stillroom up"
        lines = [f"{self.engine} serves {self.model}: {self.state}, {self.health}"]
        if self.plan:
            lines.append(f"Plan: {self.plan}")
        if self.tool_calling:
            lines.append(f"Context: {self.context_tokens} tokens. Tool calling: {self.tool_calling}.")
        lines += [line.to_text() for line in self.memory]
        if self.restarts:
            lines.append(f"It crashed and was started again {self.restarts} times.")
        lines += [f"Not as planned: {sentence}" for sentence in self.deviations]
        return "\n".join([*lines, self.message] if self.message else lines)


@dataclass(frozen=True, slots=True)
class StatusTool:
    """The function over the services; its signature is the tool's schema."""

    services: Services

    def deployment_status(self) -> DeploymentStatus:
        """Tell which local model and engine run, whether they answer, and the memory they take.

        Memory is measured beside what was predicted. Use it when ask_library or run_agent say that no model
        is there, or answer slowly. It changes nothing.
        """
        status = EngineTools(self.services).engine_status()
        deployment = self.services.deployment()
        ours = deployment if deployment is not None and status.state not in {"none", "elsewhere"} else None
        return DeploymentStatus(
            state=status.state,
            health=_health(status, ours, self.services.endpoint() if ours is None else None),
            engine=status.engine,
            model=status.model,
            plan=status.plan,
            context_tokens=status.context_tokens,
            tool_calling=status.tool_calling,
            memory=first_that_fit(status.memory, _MEMORY_CHARACTERS),
            restarts=len(ours.restarts) if ours else 0,
            deviations=first_that_fit(ours.deviations if ours else (), _SENTENCES_CHARACTERS),
            message=shortened(status.message, _MESSAGE_CHARACTERS),
        )


def _health(status: EngineStatus, deployment: Deployment | None, endpoint: Endpoint | None) -> Health:
    from deploy.launching import engine_http

    if deployment is not None:
        return engine_http.health(deployment.spec) if status.state in {"running", "starting"} else "refused"
    if endpoint is None:
        return "none"
    models = f"{endpoint.base_url}/models"
    return "healthy" if engine_http.answers((models,), endpoint.api_key) else "silent"

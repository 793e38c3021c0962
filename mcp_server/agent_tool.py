"""The agent as one tool: a whole run behind a single call, bounded in time.

It does not know how the agent decides; the toolbox beside it cannot hold this tool, since the agent uses the
toolbox.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rag.document import Citation  # noqa: TC001 (pydantic reads the annotation when it makes the schema)
from stillroom.errors import EngineUnavailableError

if TYPE_CHECKING:
    from agents.agent import Step
    from agents.services import Services

# MCP clients give up on a call after 60 s; the answer and its way back need the rest.
AGENT_SECONDS = 45.0
# A step's result is shown so that its use can be judged, not read in full.
_RESULT_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One tool that the agent called, with the beginning of what came back."""

    tool: str
    arguments: str
    result: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """What the agent came to.

    Attributes:
        ended_by: why it stopped: its own answer, or a limit.
    """

    question: str
    answer: str
    citations: tuple[Citation, ...]
    steps: tuple[AgentStep, ...]
    ended_by: str

    def to_text(self) -> str:
        """The answer, its sources, and the way there."""
        sources = [
            f"[{citation.marker}] {citation.document_title}, {citation.locator}: “{citation.quote}”"
            for citation in self.citations
        ]
        steps = [f"- {step.tool}({step.arguments})" for step in self.steps]
        return "\n".join(
            [self.answer, *sources, f"Tools called: {len(steps)}; ended by {self.ended_by}", *steps]
        )


@dataclass(frozen=True, slots=True)
class AgentTool:
    """The function over the services; its signature is the tool's schema."""

    services: Services

    def run_agent(self, question: Annotated[str, Field(min_length=1, max_length=2_000)]) -> AgentAnswer:
        """Let the user's local model work on a question with the library, the planner and a calculator.

        Takes up to 50 seconds and then ends with what it has. For one look-up, search_library is quicker.

        Args:
            question: the task, in English or Chinese.
        """
        endpoint = self.services.endpoint()
        if endpoint is None:
            raise EngineUnavailableError("the agent needs a model, and none is running", hint="stillroom up")
        from agents.agent import Limits, run_agent
        from agents.toolbox import toolbox

        run = run_agent(
            question,
            endpoint=endpoint,
            tools=toolbox(self.services),
            limits=Limits(seconds=AGENT_SECONDS),
        )
        return AgentAnswer(
            question=question,
            answer=run.answer,
            citations=tuple(run.citations),
            steps=tuple(_shown(step) for step in run.steps),
            ended_by=str(run.ended_by),
        )


def _shown(step: Step) -> AgentStep:
    return AgentStep(
        tool=step.tool,
        arguments=json.dumps(step.arguments, ensure_ascii=False),
        result=step.result[:_RESULT_CHARACTERS],
        is_error=step.is_error,
    )

"""The agent as one tool: a whole run behind a single call, bounded in time.

It does not know how the agent decides; the toolbox beside it cannot hold this tool, since the agent uses the
toolbox.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agents.call_context import current_call
from agents.calling.way import called_by
from agents.running.limits import Limits
from agents.toolkit.access import Access
from mcp_server.result_size import beginning, first_that_fit, shortened
from mcp_server.tools.asking import fitted
from mcp_server.tools.citing import STRUCTURED_NOTE, ServedCitation
from rag.prompt_text import as_data
from stillroom.errors import EngineUnavailableError

if TYPE_CHECKING:
    from agents.agent import AgentRun, Step
    from agents.call_context import CallContext
    from agents.running.events import AgentEvent
    from agents.services import Services

# Where a run cannot become a job: MCP clients give up on a call after 60 s. It ends itself before that, with
# what its tools returned, whatever its model or a tool is doing then, and within two seconds more.
IN_ONE_CALL = Limits(seconds=45.0)
# A step's arguments and result are shown so that its use can be judged, not read in full.
_STEP_CHARACTERS = 200
_STEPS_CHARACTERS = 900


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One tool that the agent called, with the beginning of what came back."""

    tool: str
    arguments: str
    result: str
    failed: bool


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """What the agent came to.

    Attributes:
        citations: each quote was found in its document, word for word.
        steps: the tools that it called, in order.
        ended_by: answer, or what stopped it: time_limit, step_limit, …
        notice: what the reader should know of the answer, or empty.
        left_out: citations and steps that there was no room for.
    """

    question: str
    answer: str
    citations: tuple[ServedCitation, ...]
    steps: tuple[AgentStep, ...]
    ended_by: str
    notice: str
    left_out: int = 0

    def to_text(self) -> str:
        """The answer, its sources, and the way there."""
        sources = [citation.to_text() for citation in self.citations]
        sources += [STRUCTURED_NOTE] if sources else []
        notes = [f"Note: {self.notice}"] if self.notice else []
        calls = [f"- {step.tool}({step.arguments})" for step in self.steps]
        way = f"Tools called: {len(calls)}; ended by {self.ended_by}"
        return "\n".join([self.answer, *sources, *notes, way, *calls])


@dataclass(frozen=True, slots=True)
class AgentTool:
    """The function over the services; its signature is the tool's schema.

    Attributes:
        access: what of the world beyond the library the agent's tools may reach.
        limits: of one run; what the call has left shortens its time.
    """

    services: Services
    access: Access = field(default_factory=Access)
    limits: Limits = IN_ONE_CALL

    def run_agent(self, question: Annotated[str, Field(min_length=1, max_length=2_000)]) -> AgentAnswer:
        """Let the user's local model work on a question with the library, the planner and a calculator.

        It decides by itself which tools to call, and answers with citations. A run that takes long becomes a
        job: then call job_status with its job_id. For one look-up, search_library is quicker; use this for a
        task of several steps that should stay on the user's machine.

        Args:
            question: the task, in English or Chinese.
        """
        found = self.services.endpoint()
        if found is None:
            raise EngineUnavailableError("the agent needs a model, and none is running", hint="stillroom up")
        endpoint = called_by(found, self.services.calling)
        from agents.agent import run_agent
        from agents.toolbox import paged, toolbox

        # Nobody is here to say yes.
        tools = tuple(entry for entry in toolbox(self.services, self.access) if not entry.needs_consent)
        call = current_call()
        left = call.remaining_seconds
        limits = self.limits if left is None else replace(self.limits, seconds=min(self.limits.seconds, left))
        run = run_agent(
            question,
            endpoint=endpoint,
            tools=paged(tools),
            limits=limits,
            cancelled=call.cancelled,
            on_event=lambda event: _tell(call, event),
            recorder=self.services.recorder(),
        )
        return _answer(question, run, self.services.library_name)


def _tell(call: CallContext, event: AgentEvent) -> None:
    """What a client can show of a run: which tool works. Pieces of text come too often for that."""
    from agents.running.events import Noticed, ToolProgressed, ToolStarted

    match event:
        case ToolStarted(number, tool, _):
            call.progress(f"{number}. {tool}", None)
        case ToolProgressed(number, message, done):
            call.progress(f"{number}. {message}", done)
        case Noticed(text):
            call.progress(text, None)


def _answer(question: str, run: AgentRun, library: str) -> AgentAnswer:
    """As much of a run as a result may hold."""
    answer, citations = fitted(run.answer, run.citations, library)
    steps = first_that_fit(map(_shown, run.steps), _STEPS_CHARACTERS)
    return AgentAnswer(
        question=beginning(question, _STEP_CHARACTERS),
        answer=answer,
        citations=citations,
        steps=steps,
        ended_by=run.ended_by,
        notice=shortened(run.notice, 2 * _STEP_CHARACTERS),
        left_out=len(run.citations) - len(citations) + len(run.steps) - len(steps),
    )


def _shown(step: Step) -> AgentStep:
    return AgentStep(
        tool=step.tool,
        arguments=shortened(json.dumps(step.arguments, ensure_ascii=False), _STEP_CHARACTERS),
        result=shortened(as_data(step.result), _STEP_CHARACTERS),
        failed=step.failed,
    )

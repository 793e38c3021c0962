"""An honest end of a run without an answer: why, and what the tools returned or what error it was. Pure."""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agents.running.agent_run import AgentRun
from agents.running.trace import shorten
from stillroom.errors import ModelError, StillroomError

if TYPE_CHECKING:
    from agents.running.limits import EndedBy
    from agents.running.step import Step
    from agents.running.trace import Trace
    from agents.running.wording import Wording

_SHOWN_CHARACTERS: Final = 300
# A person reads a handful of quotes.
_MOST_CITATIONS: Final = 5


def partial_run(trace: Trace, words: Wording, *, detail: str = "") -> AgentRun:
    """What there is.

    Args:
        trace: of the run; ``ended_by`` says why it has no answer.
        words: of the question's language.
        detail: of that, such as an error's message.
    """
    ended_by = trace.ended_by or "model_error"
    why = words.stopped[ended_by].format(limits=trace.limits)
    lines = [words.no_answer.format(why=why + (words.detail.format(detail=detail) if detail else ""))]
    found = [step for step in trace.steps if not step.failed and not step.repeated]
    if found:
        lines.append(words.returned)
        lines += [f"- {step.tool}: {_gist(step, words)}" for step in found]
    first = trace.citations()[:_MOST_CITATIONS]
    quotes = tuple(replace(citation, marker=marker) for marker, citation in enumerate(first, 1))
    return AgentRun("\n".join(lines), quotes, trace.steps, ended_by)


def failed_run(trace: Trace, error: BaseException, *, seconds: float) -> AgentRun:
    """What is kept of a run that ended with an error: no answer, and the error in its notice."""
    if isinstance(error, StillroomError):
        why: EndedBy = "model_error" if isinstance(error, ModelError) else "error"
        return AgentRun("", (), trace.steps, why, error.message, trace.tokens, seconds)
    if isinstance(error, Exception):
        # Its first line: LangGraph adds notes.
        notice = f"unexpected {traceback.format_exception_only(error)[0].strip()}"
        return AgentRun("", (), trace.steps, "error", notice, trace.tokens, seconds)
    return AgentRun("", (), trace.steps, "cancelled", "stopped", trace.tokens, seconds)


def _gist(step: Step, words: Wording) -> str:
    """What a tool returned, for a person; passages fenced for a model are quoted by the run's citations."""
    if step.citations and "<passage>" in step.result:
        return words.passages.format(count=len(step.citations))
    return shorten(step.result, _SHOWN_CHARACTERS)

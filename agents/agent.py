"""Run the agent: a model decides, tools are called, until there is an answer or a limit ends it.

It builds LangChain's agent for an endpoint and turns what happened into one value. How a model without tool
calling is made to call tools, what tools exist, and how an endpoint is reached are other modules' business.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from agents.running.agent_run import AgentRun
from agents.running.consent import Consent
from agents.running.events import AgentEvent, Noticed, ToolEnded
from agents.running.langchain_tools import langchain_tool
from agents.running.trace import EndedBy, Limits, Step, Trace, shorten
from deploy.chat import chat_model, split_reasoning
from deploy.chat_errors import model_errors
from rag.language import detect_language
from rag.model_call import thinking_tokens
from rag.tokens import content_terms
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import Durability

    from agents.running.recorder import Recorder
    from agents.running.remembered import Remembered
    from agents.tools import Tool
    from deploy.endpoint import Endpoint
    from rag.document import Citation

__all__ = ["AgentRun", "Limits", "Step", "run_agent"]

# An action is a name with short arguments, or an answer: some paragraphs, but no more than an eighth of the
# context, which tool results need.
_MOST_ACTION_TOKENS: Final = 1024
_ACTION_SHARE: Final = 8
_SHOWN_CHARACTERS: Final = 300
# One word in common is chance; and a person reads a handful of quotes.
_LEAST_SHARED_TERMS: Final = 2
_MOST_CITATIONS: Final = 5
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")

_INSTRUCTIONS: Final = {
    "en": "You work with tools. Use them for facts and numbers. Be brief. Answer in English.",
    "zh": "You work with tools. Use them for facts and numbers. Be brief. Answer in Chinese.",
}
_STOPPED: Final[dict[EndedBy, str]] = {
    "step_limit": "its limit of {limits.steps} turns",
    "tool_limit": "its limit of {limits.tool_calls} tool calls",
    "time_limit": "its limit of {limits.seconds:.0f} seconds",
    "loop": "the same tool call made three times",
    "call_limit": "its limit of {limits.model_calls} requests to the model",
    "token_limit": "its limit of {limits.tokens} tokens",
    "model_error": "an error of the model",
    "cancelled": "whoever asked",
}


def run_agent(
    question: str,
    *,
    endpoint: Endpoint,
    tools: Sequence[Tool],
    limits: Limits = Limits(),  # noqa: B008 - frozen
    consent: Consent | None = None,
    conversation: Remembered | None = None,
    cancelled: threading.Event | None = None,
    on_event: Callable[[AgentEvent], None] = lambda _: None,
    on_step: Callable[[Step], None] = lambda _: None,
    recorder: Recorder | None = None,
) -> AgentRun:
    """Let the model at ``endpoint`` work on the question with the tools.

    Args:
        question: its language is asked for in the answer.
        endpoint: a model without native tools is made to act under a JSON schema.
        tools: a tool that fails gives its message to the model; the run goes on.
        limits: end the run with a partial result that says so.
        consent: says which calls may run that change something; without it none of them does.
        conversation: is gone on with, and keeps this run's turns; without it nothing is kept.
        cancelled: ends the run when it is set, from any thread.
        on_event: is told what happens while it happens, from another thread, never two at a time.
        on_step: is given each tool call as it ends; ``on_event`` tells that too.
        recorder: keeps what happened.

    Raises:
        ModelError: the endpoint refused or did not answer, or gave no valid action, before any tool
            returned something. After that, the run ends with what there is.
    """

    def tell(step: Step) -> None:
        on_event(ToolEnded(step))
        on_step(step)

    trace = Trace(limits, tell, consent or Consent(), cancelled or threading.Event())
    if recorder:
        named = conversation.name if conversation else ""
        recorder.run_started(
            question, model=endpoint.model, tools=tuple(tool.name for tool in tools), conversation=named
        )
    try:
        run = _to_its_end(question, endpoint, tools, trace, conversation=conversation, on_event=on_event)
    except ModelError as error:
        if recorder:
            recorder.run_failed(error.message)
        if conversation:
            failed = AgentRun("", (), tuple(trace.steps), "model_error", error.message)
            conversation.record(question, failed, model=endpoint.model)
        raise
    if recorder:
        recorder.run_ended(run)
    if conversation:
        conversation.record(question, run, model=endpoint.model)
    return run


def _to_its_end(
    question: str,
    endpoint: Endpoint,
    tools: Sequence[Tool],
    trace: Trace,
    *,
    conversation: Remembered | None,
    on_event: Callable[[AgentEvent], None],
) -> AgentRun:
    try:
        with model_errors(endpoint):
            answer = _run(question, endpoint, tools, trace, conversation=conversation, on_event=on_event)
    except ModelError as error:
        if trace.remaining_seconds <= 0:
            trace.ended_by = "time_limit"
        elif not trace.results:
            raise
        else:
            trace.ended_by = "model_error"
        return _partial(trace, detail=error.message)
    if trace.ended_by is not None:
        return _partial(trace, detail="")
    if not answer:
        return _partial(trace, detail="it gave an empty answer")
    notice = _unproven_numbers(question, answer, trace)
    return AgentRun(answer, _supporting(answer, trace), tuple(trace.steps), "answer", notice)


def _run(
    question: str,
    endpoint: Endpoint,
    tools: Sequence[Tool],
    trace: Trace,
    *,
    conversation: Remembered | None,
    on_event: Callable[[AgentEvent], None],
) -> str:
    """The text of the agent's last message; empty where that is no answer."""
    from langchain.agents import create_agent
    from langchain_core.messages import HumanMessage

    action_tokens = min(_MOST_ACTION_TOKENS, endpoint.context_tokens // _ACTION_SHARE)
    remembering: Sequence[AgentMiddleware[Any, Any, Any]] = ()
    if conversation:
        remembering = conversation.middleware(
            endpoint,
            tools,
            answer_tokens=action_tokens,
            tell=lambda text: on_event(Noticed(text)),
            wanted=lambda: not trace.cancelled.is_set() and trace.remaining_seconds > 0,
        )
    agent = create_agent(
        chat_model(endpoint, max_tokens=action_tokens, timeout_seconds=trace.limits.seconds),
        [langchain_tool(tool, trace.call) for tool in tools],
        system_prompt=_INSTRUCTIONS[detect_language(question)],
        middleware=[*remembering, *_middleware(endpoint, tools, trace, action_tokens)],
        checkpointer=conversation.checkpointer if conversation else None,
    )
    # Two nodes a turn and one for each middleware's hook: the trace's own limits come first.
    most_nodes = 10 * (trace.limits.steps + 2)
    config: RunnableConfig = {"recursion_limit": most_nodes}
    if conversation:
        config["configurable"] = {"thread_id": conversation.thread_id}
    # A call is on the disk before its tool runs.
    durability: Durability | None = "sync" if conversation else None
    state = agent.invoke({"messages": [HumanMessage(question)]}, config, durability=durability)
    last: BaseMessage = state["messages"][-1]
    return split_reasoning(last)[1] if last.type == "ai" else ""


def _middleware(
    endpoint: Endpoint, tools: Sequence[Tool], trace: Trace, action_tokens: int
) -> list[AgentMiddleware[Any, Any, Any]]:
    """What stands between LangChain's agent and the model, outermost first."""
    from agents.constrained import ConstrainedActions
    from agents.running.watch import FitHistory, Watch

    if endpoint.capabilities.native_tools:
        return [Watch(trace), FitHistory(endpoint, answer_tokens=action_tokens)]
    thinker = None
    if endpoint.capabilities.reasoning:
        room = thinking_tokens(endpoint)
        thinker = chat_model(endpoint, max_tokens=room, timeout_seconds=trace.limits.seconds)
    return [
        Watch(trace),
        ConstrainedActions(endpoint, tools, thinker=thinker, action_tokens=action_tokens),
    ]


def _partial(trace: Trace, *, detail: str) -> AgentRun:
    """An honest end without an answer: why, and what the tools returned."""
    ended_by = trace.ended_by or "model_error"
    why = _STOPPED[ended_by].format(limits=trace.limits)
    lines = [f"No answer: the run was ended by {why}" + (f" ({detail})." if detail else ".")]
    found = [step for step in trace.steps if not step.failed and not step.repeated]
    if found:
        lines.append("The tools returned:")
        lines += [f"- {step.tool}: {_gist(step)}" for step in found]
    quotes = _numbered(trace.citations()[:_MOST_CITATIONS])
    return AgentRun("\n".join(lines), quotes, tuple(trace.steps), ended_by)


def _supporting(answer: str, trace: Trace) -> tuple[Citation, ...]:
    """The quotes that share the most terms with the answer; with fewer than two, one says something else."""
    terms = set(content_terms(answer))
    shared = {quote: len(terms.intersection(content_terms(quote.quote))) for quote in trace.citations()}
    telling = [quote for quote, count in shared.items() if count >= _LEAST_SHARED_TERMS]
    best = sorted(telling, key=lambda quote: -shared[quote])[:_MOST_CITATIONS]
    return _numbered(best)


def _numbered(citations: Sequence[Citation]) -> tuple[Citation, ...]:
    return tuple(replace(citation, marker=marker) for marker, citation in enumerate(citations, 1))


def _gist(step: Step) -> str:
    """What a tool returned, for a person; passages fenced for a model are quoted by the run's citations."""
    if step.citations and "<passage>" in step.result:
        return f"{len(step.citations)} passages, quoted below"
    return shorten(step.result, _SHOWN_CHARACTERS)


def _unproven_numbers(question: str, answer: str, trace: Trace) -> str:
    """A notice of the answer's numbers that neither the question nor any tool result has."""
    known = "\n".join([question, *(result.text for result in trace.results)]).replace(",", "")
    missing = sorted(set(_NUMBER.findall(answer.replace(",", ""))) - set(_NUMBER.findall(known)))
    if not missing:
        return ""
    return f"The model wrote {', '.join(missing)}; no tool returned that."

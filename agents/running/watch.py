"""Middlewares for every agent: note what a turn of the model took, end the run at a limit, fit the context.

Importing this module imports LangChain's agents, which takes seconds: ``agents.agent`` does it when it runs.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse, hook_config

from agents.calling.history import fit_history
from deploy.chat import split_reasoning
from deploy.chat_errors import readable_answer
from rag.prompt_text import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.messages import BaseMessage
    from langgraph.runtime import Runtime

    from agents.running.trace import Trace
    from deploy.endpoint import Endpoint


class Watch(AgentMiddleware):
    """Tells a trace about each turn, and ends the run when the trace says so."""

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._trace = trace

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """Jump to the end at a limit."""
        return {"jump_to": "end"} if self._trace.check_limits() else None

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Take the time and what the model thought."""
        started = time.monotonic()
        response = handler(request)
        message = response.result[0]
        self._trace.record_turn(
            thought=split_reasoning(message)[0],
            seconds=time.monotonic() - started,
            tokens=_tokens(message),
        )
        return response


class FitHistory(AgentMiddleware):
    """Cuts old tool results where the conversation outgrows the context of a model with native tools.

    Args:
        endpoint: says how much instructions, tool definitions, conversation and answer may take together.
        answer_tokens: kept free in the context.
    """

    def __init__(self, endpoint: Endpoint, *, answer_tokens: int) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._context_tokens = endpoint.context_tokens - answer_tokens

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Pass on what fits.

        Raises:
            ModelError: the conversation does not fit with every tool result cut, or what came back is no
                chat answer.
        """
        taken = estimate_tokens(request.system_message.text if request.system_message else "")
        taken += _definition_tokens(request.tools)
        fitted = fit_history(request.messages, budget_tokens=self._context_tokens - taken)
        with readable_answer(self._endpoint):
            return handler(request.override(messages=fitted))


def _definition_tokens(tools: Sequence[Any]) -> int:
    """Tokens of the tool definitions as a template writes them: JSON."""
    import json

    from langchain_core.utils.function_calling import convert_to_openai_tool

    return sum(estimate_tokens(json.dumps(convert_to_openai_tool(tool))) for tool in tools)


def _tokens(message: BaseMessage) -> int | None:
    """Prompt and reply together: of several requests as the middleware below summed them, or as reported."""
    summed: int | None = message.additional_kwargs.get("tokens")
    usage = getattr(message, "usage_metadata", None)
    return summed or (int(usage["total_tokens"]) if usage else None)

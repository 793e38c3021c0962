"""Middlewares for every agent: note what a turn of the model decided, run its calls, fit the context.

Importing this module imports LangChain's agents, which takes seconds: ``agents.agent`` does it when it runs.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse, hook_config
from langchain_core.messages import AIMessage, ToolMessage

from agents.calling.history import fit_history, flatten, shortened_history
from agents.running.calls import WantedCall
from agents.tool_result import encodable
from deploy.chat import split_reasoning
from deploy.chat_errors import is_too_long, readable_answer
from rag.prompt_text import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.messages import AnyMessage, BaseMessage
    from langgraph.prebuilt.tool_node import ToolCallRequest
    from langgraph.runtime import Runtime
    from langgraph.types import Command

    from agents.running.calls import ToolCalls
    from agents.running.ending import Ending
    from agents.running.recorder import Recorder
    from agents.running.trace import Trace
    from deploy.endpoint import Endpoint

# The estimate of tokens is above the truth for the texts that it was measured with; where a server refuses
# all the same, this share of the room is tried once.
_SECOND_TRY_SHARE: Final = 0.6


class Watch(AgentMiddleware):
    """Tells a trace about each turn, runs the calls, and ends the run when the trace says so."""

    def __init__(self, trace: Trace, ending: Ending, calls: ToolCalls, recorder: Recorder | None) -> None:
        super().__init__()
        self._trace = trace
        self._ending = ending
        self._calls = calls
        self._recorder = recorder

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """Jump to the end at a limit."""
        if self._ending.look() and self._ending.why:
            self._trace.end(self._ending.why)
        return None if self._trace.may_turn() else {"jump_to": "end"}

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Take the time, what the model thought, and what it wants to call."""
        started = time.monotonic()
        response = handler(request)
        message = response.result[0] = _whole(response.result[0])
        calls = message.tool_calls if isinstance(message, AIMessage) else []
        thought, said = split_reasoning(message)
        turn = self._trace.end_turn(
            # What a model says beside a call is no answer: it is why it calls.
            thought=thought or (said if calls else ""),
            calls=[call["name"] for call in calls],
            seconds=time.monotonic() - started,
        )
        self._calls.plan(turn, [WantedCall(str(call["id"]), call["name"], call["args"]) for call in calls])
        if self._recorder:
            self._recorder.turn_ended(turn)
        return response

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],  # noqa: ARG002 - ours runs the tool
    ) -> ToolMessage:
        """Run the call, if it may run; the result, or why there is none."""
        call = request.tool_call
        text, failed = self._calls.run(str(call["id"]))
        return ToolMessage(
            text, name=call["name"], tool_call_id=str(call["id"]), status="error" if failed else "success"
        )


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
            try:
                return handler(request.override(messages=self._told(fitted)))
            except Exception as error:
                fewer = shortened_history(fitted, share=_SECOND_TRY_SHARE) if is_too_long(error) else None
                if fewer is None:
                    raise
        with readable_answer(self._endpoint):
            return handler(request.override(messages=self._told(fewer)))

    def _told(self, messages: list[AnyMessage]) -> list[AnyMessage]:
        """The messages without earlier tool calls for a template that has no place for them."""
        return messages if self._endpoint.capabilities.native_tools else flatten(messages)


def _whole(message: BaseMessage) -> BaseMessage:
    """A model's message without halves of surrogate pairs: no request and no file could hold it."""
    if not isinstance(message, AIMessage):
        return message
    names = ("content", "tool_calls", "additional_kwargs")
    return message.model_copy(update={name: encodable(getattr(message, name)) for name in names})


def _definition_tokens(tools: Sequence[Any]) -> int:
    """Tokens of the tool definitions as a template writes them: JSON."""
    from langchain_core.utils.function_calling import convert_to_openai_tool

    return sum(estimate_tokens(json.dumps(convert_to_openai_tool(tool))) for tool in tools)

"""One decision of a model about a conversation and some tools, without running anything.

It is what the agent does once a turn, for whoever measures or tries it: which tools would be called, with
which arguments, or what is answered. It knows no agent and runs no tool.

Importing this module imports LangChain's agents, which takes seconds.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from agents.calling.actions import Action, InvalidActionError, read_action
from agents.calling.way import called_by, calling_way
from agents.constrained import ConstrainedActions
from deploy.chat import chat_model, split_reasoning
from deploy.chat_errors import model_errors, readable_answer
from rag.model_call import thinking_tokens
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import AnyMessage

    from agents.calling.way import CallingWay
    from agents.tools import Tool
    from deploy.endpoint import Endpoint

# As many as the agent gives an action, in a context of eight times as many or more.
_MOST_ACTION_TOKENS: Final = 512
_ACTION_SHARE: Final = 8


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model decided.

    Attributes:
        calls: of tools, in the model's order; empty where it answers.
        answer: in its words; empty where it calls.
        valid: every call names a tool and its arguments keep to that tool's schema.
        problem: what was wrong with the last reply; empty where ``valid``.
        raw: the last reply as it came, without its thought.
        seconds: of all requests together.
        requests: that were sent for it.
    """

    calls: tuple[Action, ...]
    answer: str
    valid: bool
    problem: str
    raw: str
    seconds: float
    requests: int


def decide(
    endpoint: Endpoint,
    conversation: str | Sequence[AnyMessage],
    tools: Sequence[Tool],
    *,
    way: CallingWay | None = None,
    instructions: str = "",
    max_tokens: int | None = None,
) -> Decision:
    """What the model at ``endpoint`` would do next.

    Args:
        endpoint: where the model answers.
        conversation: a question, or messages that end with the user's or a tool's.
        tools: nothing of them is run.
        way: of calling; the one that the endpoint's capabilities lead to if not given.
        instructions: the system prompt that stands before the tools.
        max_tokens: of one reply; an eighth of the context, 512 at most, if not given.

    Raises:
        ModelError: the endpoint refused, did not answer, or the conversation does not fit. A reply that is no
            valid action is no error but a decision that is not ``valid``.

    Example:
        >>> decide(endpoint, "How heavy is salt?", [weigh]).calls  # doctest: +SKIP
        (Action(name='weigh', arguments={'thing': 'salt'}),)
    """
    endpoint = called_by(endpoint, way or calling_way(endpoint))
    room = max_tokens or min(_MOST_ACTION_TOKENS, endpoint.context_tokens // _ACTION_SHARE)
    messages: list[AnyMessage] = (
        [HumanMessage(conversation)] if isinstance(conversation, str) else list(conversation)
    )
    request: ModelRequest[Any] = ModelRequest(
        model=chat_model(endpoint, max_tokens=room),
        messages=messages,
        system_message=SystemMessage(instructions) if instructions else None,
    )
    asked = _Asked(endpoint)
    started = time.monotonic()
    with model_errors(endpoint):
        calls, answer, problem = (
            _native(asked, request, tools)
            if endpoint.capabilities.native_tools
            else _constrained(asked, request, tools, room)
        )
    seconds = time.monotonic() - started
    return Decision(calls, answer, not problem, problem, asked.raw, seconds, asked.requests)


class _Asked:
    """Sends requests as LangChain's agent does, and keeps count."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.requests = 0
        self.raw = ""

    def handle(self, request: ModelRequest[Any]) -> ModelResponse[Any]:
        """The reply of the request's model, under its settings."""
        return ModelResponse(result=[self.send(request.model.bind(**request.model_settings), request)])

    def send(self, model: Any, request: ModelRequest[Any]) -> AIMessage:  # noqa: ANN401 - any of LangChain's
        """The reply of a model that may be bound to tools or options."""
        self.requests += 1
        self.raw = ""
        system = [request.system_message] if request.system_message else []
        message: AIMessage = model.invoke([*system, *request.messages])
        self.raw = split_reasoning(message)[1]
        return message


def _native(
    asked: _Asked, request: ModelRequest[Any], tools: Sequence[Tool]
) -> tuple[tuple[Action, ...], str, str]:
    from agents.running.langchain_tools import langchain_tool

    room = asked.endpoint.context_tokens // _ACTION_SHARE + thinking_tokens(asked.endpoint)
    model = chat_model(asked.endpoint, max_tokens=room) if thinking_tokens(asked.endpoint) else request.model
    offered = [langchain_tool(tool, lambda *_: "") for tool in tools]
    with readable_answer(asked.endpoint):
        message = asked.send(model.bind_tools(offered), request)
    problems = [f"{call['name']}: {call['error']}" for call in message.invalid_tool_calls]
    calls = []
    for call in message.tool_calls:
        calls.append(Action(call["name"], call["args"]))
        try:
            read_action(json.dumps({"action": call["name"], "args": call["args"]}), tools)
        except InvalidActionError as error:
            problems.append(str(error))
    return tuple(calls), "" if calls else split_reasoning(message)[1], "; ".join(problems)


def _constrained(
    asked: _Asked, request: ModelRequest[Any], tools: Sequence[Tool], room: int
) -> tuple[tuple[Action, ...], str, str]:
    thinker = None
    if thought := thinking_tokens(asked.endpoint):
        thinker = chat_model(asked.endpoint, max_tokens=thought)
    middleware = ConstrainedActions(asked.endpoint, tools, thinker=thinker, action_tokens=room)
    try:
        message = middleware.wrap_model_call(request, asked.handle).result[0]
    except ModelError as error:
        if isinstance(error.__cause__, InvalidActionError):
            return (), "", str(error.__cause__)
        raise
    made = message.tool_calls if isinstance(message, AIMessage) else []
    calls = tuple(Action(call["name"], call["args"]) for call in made)
    return calls, "" if calls else message.text, ""

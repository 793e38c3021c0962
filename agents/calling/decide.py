"""One decision of a model about a conversation and some tools, without running anything.

It is what the agent does once a turn, for whoever measures or tries it: which tools would be called, with
which arguments, or what is answered. It knows no agent and runs no tool.

Importing this module imports LangChain's core, which takes a second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage, SystemMessage

from agents.calling.actions import MOST_CALLS, Action, InvalidActionError, checked
from agents.calling.deciding import Deciding
from agents.calling.exchange import options
from agents.calling.learned import learned_of
from agents.calling.situation import Situation, tokens_for_action
from agents.calling.way import called_by, calling_way
from deploy.chat import chat_model, split_reasoning
from deploy.chat_errors import model_errors, readable_answer
from rag.model_call import thinking_tokens
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import AIMessage, AnyMessage

    from agents.calling.offered import Offer
    from agents.calling.way import CallingWay
    from deploy.endpoint import Endpoint


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
    tools: Sequence[Offer],
    *,
    way: CallingWay | None = None,
    parallel: bool = False,
    instructions: str = "",
    max_tokens: int | None = None,
) -> Decision:
    """What the model at ``endpoint`` would do next.

    Args:
        endpoint: where the model answers.
        conversation: a question, or messages that end with the user's or a tool's.
        tools: nothing of them is run.
        way: of calling; the one that the endpoint's capabilities lead to if not given.
        parallel: several calls may be made at once; a model with native tools makes them as it likes.
        instructions: the system prompt that stands before the tools.
        max_tokens: of one reply; as many as the agent gives an action, if not given.

    Raises:
        ModelError: the endpoint refused, did not answer, or the conversation does not fit. A reply that is no
            valid action is no error but a decision that is not ``valid``.

    Example:
        >>> decide(endpoint, "How heavy is salt?", [weigh]).calls  # doctest: +SKIP
        (Action(name='weigh', arguments={'thing': 'salt'}),)
    """
    endpoint = called_by(endpoint, way or calling_way(endpoint))
    room = max_tokens or tokens_for_action(endpoint)
    messages: list[AnyMessage] = (
        [HumanMessage(conversation)] if isinstance(conversation, str) else list(conversation)
    )
    situation = Situation(
        endpoint=endpoint,
        instructions=instructions,
        messages=messages,
        tools=tuple(tools),
        action_tokens=room,
        most_calls=MOST_CALLS if parallel else 1,
    )
    asked = _Asked(endpoint)
    started = time.monotonic()
    with model_errors(endpoint):
        calls, answer, problem = (
            _native(asked, situation)
            if endpoint.capabilities.native_tools
            else _constrained(asked, situation)
        )
    seconds = time.monotonic() - started
    return Decision(calls, answer, not problem, problem, asked.raw, seconds, asked.requests)


class _Asked:
    """Sends requests and keeps count."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.requests = 0
        self.raw = ""

    def send(self, model: Any, messages: Sequence[AnyMessage]) -> AIMessage:  # noqa: ANN401 - any of LangChain's
        """The reply of a model that may be bound to tools or options."""
        self.requests += 1
        self.raw = ""
        message: AIMessage = model.invoke(list(messages))
        self.raw = split_reasoning(message)[1]
        return message


def _native(asked: _Asked, situation: Situation) -> tuple[tuple[Action, ...], str, str]:
    room = situation.action_tokens + thinking_tokens(asked.endpoint)
    model = chat_model(asked.endpoint, max_tokens=room).bind_tools(
        [_definition(tool) for tool in situation.tools]
    )
    system = [SystemMessage(situation.instructions)] if situation.instructions else []
    with readable_answer(asked.endpoint):
        message = asked.send(model, [*system, *situation.messages])
    problems = [f"{call['name']}: {call['error']}" for call in message.invalid_tool_calls]
    calls = []
    for call in message.tool_calls:
        try:
            calls.append(checked(call["name"], call["args"], situation.tools))
        except InvalidActionError as error:
            calls.append(Action(call["name"], call["args"]))
            problems.append(str(error))
    return tuple(calls), "" if calls else split_reasoning(message)[1], "; ".join(problems)


def _constrained(asked: _Asked, situation: Situation) -> tuple[tuple[Action, ...], str, str]:
    endpoint = asked.endpoint
    model = chat_model(endpoint, max_tokens=situation.action_tokens)
    thinker = chat_model(endpoint, max_tokens=thinking_tokens(endpoint) or 1)
    try:
        deciding = Deciding(situation, learned_of(endpoint))
        while (ask := deciding.asked) is not None:
            bound = (thinker if ask.kind == "thought" else model).bind(**options(endpoint, ask))
            system = [SystemMessage(ask.system)] if ask.system else []
            with deciding.listening():
                deciding.message = asked.send(bound, [*system, *ask.messages])
            deciding.go_on()
    except ModelError as error:
        if isinstance(error.__cause__, InvalidActionError):
            return (), "", str(error.__cause__)
        raise
    decided = deciding.decided
    if decided.answer is not None:
        return (), decided.answer, ""
    return decided.actions, "", ""


def _definition(tool: Offer) -> dict[str, Any]:
    """A tool as OpenAI's API describes it."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}

"""Tool calling for a model that has none of its own, as a middleware of LangChain's agent.

The model never sees LangChain's tools: it reads them as text, thinks freely if it is one that thinks, and
then replies under a JSON schema with one branch a tool. What comes back is validated, repaired once, and
handed on as an ordinary tool call, so that the rest of the agent is the same for all models.

Importing this module imports LangChain's agents, which takes seconds: ``agents.agent`` does it when it runs.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from agents.calling.actions import (
    FINAL,
    Action,
    InvalidActionError,
    action_schema,
    describe_actions,
    exhausted_tools,
    read_action,
    reminder,
)
from agents.calling.history import fit_history, flatten
from deploy.chat import json_schema_option, split_reasoning
from deploy.chat_errors import cut_off_text, readable_answer
from rag.model_call import thinking_tokens
from rag.prompt_text import as_data, estimate_tokens
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AnyMessage, BaseMessage

    from agents.tools import Tool
    from deploy.endpoint import Endpoint

# The first reply and one repair: a model that fails twice fails a third time.
_ATTEMPTS: Final = 2
# What of an invalid reply is shown to the model again.
_QUOTED_CHARACTERS: Final = 300
# The request to repair, with what was wrong, and the template's markers around the turns.
_REPAIR_TOKENS: Final = 200

_THINK: Final = "Think about which single step comes next. Do not write JSON yet."
_ACT: Final = "Your thoughts: {thought}\n\nNow reply with the one JSON object."


class ConstrainedActions(AgentMiddleware):
    """Makes tool calls out of JSON actions.

    Args:
        endpoint: says whether the model thinks and how the server is told a schema.
        tools: what the model may call.
        thinker: the same model with room for a thought; None for a model that does not think.
        action_tokens: of one action, kept free in the context.
    """

    def __init__(
        self, endpoint: Endpoint, tools: Sequence[Tool], *, thinker: BaseChatModel | None, action_tokens: int
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._actions = tuple(tools)
        self._thinker = thinker
        self._action_tokens = action_tokens

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """One decision of the model.

        Raises:
            ModelError: two replies in a row were no valid action, what came back is no chat answer, or the
                conversation does not fit.
        """
        system = self._system(request)
        turn = _latest_turn(request.messages)
        calls = _calls(turn)
        tried = {name for name, _ in calls}
        question = turn[0].text if turn else ""
        hint = reminder(as_data(question), self._actions, tried=tried)
        fitted = fit_history(request.messages, budget_tokens=self._budget(system.text + hint))
        messages = _append(flatten(fitted), hint)
        bare = request.override(tools=[], system_message=system)
        thought, spent = "", 0
        if self._thinker is not None:
            thinking = bare.override(model=self._thinker, messages=_append(messages, _THINK))
            with readable_answer(self._endpoint):
                message = handler(thinking).result[0]
            thought, spent = _thought(message)
            messages = _append(messages, _ACT.format(thought=thought))
        schema = self._schema(calls, may_answer=bool(tried) or not self._actions)
        failure: InvalidActionError | None = None
        for _ in range(_ATTEMPTS):
            text, reasoning, tokens = self._act(bare, messages, schema, handler)
            spent += tokens
            try:
                return _as_response(read_action(text, self._actions), thought or reasoning, spent)
            except InvalidActionError as error:
                failure = error
                messages = [
                    *messages,
                    AIMessage(text[:_QUOTED_CHARACTERS] or "{}"),
                    HumanMessage(_repair(str(error))),
                ]
        raise ModelError(
            f"{self._endpoint.model} gave no valid action in {_ATTEMPTS} replies: {failure}",
            hint="choose a larger model: stillroom plan",
        ) from failure

    def _system(self, request: ModelRequest[Any]) -> SystemMessage:
        given = request.system_message.text if request.system_message else ""
        return SystemMessage(f"{given}\n{describe_actions(self._actions)}".strip())

    def _schema(self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, may_answer: bool) -> dict[str, Any]:
        """How the server is told the actions; the answer is one of them once a tool was tried.

        A small model would rather answer from memory: SmolLM2 replied "1.0" to every question at once.
        """
        if not self._endpoint.capabilities.json_schema:
            return {}
        exhausted = exhausted_tools(calls, self._actions)
        offered = [tool for tool in self._actions if tool.name not in exhausted]
        # A token holds about one character at least, in Chinese too where the model writes it.
        schema = action_schema(offered, may_answer=may_answer, answer_characters=self._action_tokens)
        return json_schema_option(self._endpoint, schema, name="action")

    def _budget(self, system: str) -> int:
        """Tokens for the conversation beside the instructions, a thought, and an action with its repair."""
        taken = estimate_tokens(system) + self._action_tokens + _REPAIR_TOKENS
        return self._endpoint.context_tokens - thinking_tokens(self._endpoint) - taken

    def _act(
        self,
        request: ModelRequest[Any],
        messages: list[AnyMessage],
        schema: dict[str, Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> tuple[str, str, int]:
        """A reply under the schema: its text, what was thought all the same, and tokens."""
        import openai

        settings = {**request.model_settings, **schema}
        try:
            with readable_answer(self._endpoint):
                message = handler(request.override(messages=messages, model_settings=settings)).result[0]
        except openai.LengthFinishReasonError as error:
            return cut_off_text(error), "", 0
        reasoning, said = split_reasoning(message)
        # A server that takes the template's own <think> for an open thought hands the JSON over as reasoning.
        return (said, reasoning, _tokens(message)) if said else (reasoning, "", _tokens(message))


def _latest_turn(messages: Sequence[AnyMessage]) -> Sequence[AnyMessage]:
    """The latest question and what followed: calls that an earlier one led to may be made again."""
    asked = [index for index, message in enumerate(messages) if message.type == "human"]
    return messages[asked[-1] :] if asked else ()


def _calls(messages: Sequence[AnyMessage]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every tool call in the messages, oldest first."""
    return [
        (call["name"], call["args"])
        for message in messages
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    ]


def _thought(message: BaseMessage) -> tuple[str, int]:
    """What a reply without a schema thinks, tagged or not, and the tokens that it took."""
    reasoning, said = split_reasoning(message)
    return reasoning or said, _tokens(message)


def _append(messages: list[AnyMessage], text: str) -> list[AnyMessage]:
    """The messages with ``text`` at the end of the last turn: templates want turns that alternate."""
    *before, last = messages
    return [*before, HumanMessage(f"{last.text}\n\n{text}")]


def _repair(problem: str) -> str:
    return f"That was no valid action: {problem}. Reply again with one short JSON object."


def _as_response(action: Action, thought: str, tokens: int) -> ModelResponse[Any]:
    """The decision as LangChain's agent understands it; thought and tokens ride along."""
    kept: dict[str, Any] = {"reasoning_content": thought} if thought else {}
    if tokens:
        kept["tokens"] = tokens
    if action.name == FINAL:
        return ModelResponse(result=[AIMessage(action.arguments["answer"], additional_kwargs=kept)])
    call = {"name": action.name, "args": dict(action.arguments), "id": uuid.uuid4().hex[:9]}
    return ModelResponse(result=[AIMessage("", additional_kwargs=kept, tool_calls=[call])])


def _tokens(message: BaseMessage) -> int:
    """Prompt and reply together as the server counted them; 0 where it did not."""
    usage = getattr(message, "usage_metadata", None)
    return int(usage["total_tokens"]) if usage else 0

"""Tool calling for a model that has none of its own, as a middleware of LangChain's agent.

The model never sees LangChain's tools: it reads them as text, thinks freely if it is one that thinks, and
then replies under a JSON schema with one branch a tool. What comes back is validated, repaired once, and
handed on as an ordinary tool call, so that the rest of the agent is the same for all models. What is asked
and how replies are read is ``agents.calling``'s business.

Importing this module imports LangChain's agents, which takes seconds: ``agents.agent`` does it when it runs.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, SystemMessage

from agents.calling.actions import ANSWER, MOST_CALLS, require_names
from agents.calling.deciding import Deciding
from agents.calling.exchange import options
from agents.calling.learned import learned_of
from agents.calling.offered import offered
from agents.calling.situation import Situation, tokens_for_action
from agents.calling.structured_answers import structured_answers
from deploy.chat import chat_model
from rag.model_call import thinking_tokens

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from langchain_core.language_models import BaseChatModel

    from agents.calling.exchange import Ask
    from agents.calling.offered import Offer
    from agents.calling.situation import Decided
    from deploy.endpoint import Endpoint


class ConstrainedActions(AgentMiddleware):
    """Makes tool calls out of JSON actions.

    It belongs innermost, last in the list: what other middlewares make of the tools, the messages and the
    instructions is what the model is told. An answer may be structured (``response_format``).

    Args:
        endpoint: says whether the model thinks and how the server is told a schema.
        tools: described to the model in place of LangChain's of the same names; those of ours know more.
        thinker: the same model with room for a thought; made for a model that thinks if not given.
        action_tokens: of one action, kept free in the context; an eighth of it, 1,024 at most, if not given.
        parallel: the model may make several calls at once, 4 at most.
        first_choice: a model that does not think first names the tool, which takes a request of a few tokens.

    Example:
        >>> agent = create_agent(  # doctest: +SKIP
        ...     chat_model(endpoint, max_tokens=512), [weigh], middleware=[ConstrainedActions(endpoint)]
        ... )
    """

    def __init__(
        self,
        endpoint: Endpoint,
        tools: Sequence[Offer] = (),
        *,
        thinker: BaseChatModel | None = None,
        action_tokens: int | None = None,
        parallel: bool = False,
        first_choice: bool = True,
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._known = {tool.name: tool for tool in tools}
        self._thinker = thinker
        self._action_tokens = action_tokens or tokens_for_action(endpoint)
        self._most_calls = MOST_CALLS if parallel else 1
        self._first_choice = first_choice
        self._learned = learned_of(endpoint)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """One decision of the model.

        Raises:
            ModelError: two replies in a row were no valid action, what came back is no chat answer, or the
                conversation does not fit.
            ToolError: two tools have one name, or one has that of the answer.
        """
        deciding = Deciding(self._situation(request), self._learned)
        while (asked := deciding.asked) is not None:
            with deciding.listening():
                deciding.message = handler(self._asking(request, asked)).result[0]
            deciding.go_on()
        return _response(deciding.decided)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """The same, in an event loop.

        Raises:
            ModelError: as ``wrap_model_call``.
            ToolError: likewise.
        """
        deciding = Deciding(self._situation(request), self._learned)
        while (asked := deciding.asked) is not None:
            with deciding.listening():
                deciding.message = (await handler(self._asking(request, asked))).result[0]
            deciding.go_on()
        return _response(deciding.decided)

    def _situation(self, request: ModelRequest[Any]) -> Situation:
        offers = [offered(tool) for tool in request.tools]
        tools = [self._known.get(offer.name, offer) for offer in offers]
        answers: Sequence[Offer] = structured_answers(request.response_format) or (ANSWER,)
        require_names(tools, answers)
        match request.tool_choice:
            case "none":
                tools = []
            case "any" | "required" | True if tools:
                answers = ()
            case str(name) | {"function": {"name": str(name)}} | {"name": str(name)} if any(
                tool.name == name for tool in tools
            ):
                tools, answers = [tool for tool in tools if tool.name == name], ()
        return Situation(
            endpoint=self._endpoint,
            instructions=request.system_message.text if request.system_message else "",
            messages=request.messages,
            tools=tools,
            action_tokens=self._action_tokens,
            answers=answers,
            most_calls=self._most_calls,
            chooses_first=self._first_choice,
            takes_words=True,
        )

    def _asking(self, request: ModelRequest[Any], asked: Ask) -> ModelRequest[Any]:
        model = request.model
        if asked.kind == "thought":
            if self._thinker is None:
                self._thinker = chat_model(self._endpoint, max_tokens=thinking_tokens(self._endpoint))
            model = self._thinker
        return request.override(
            model=model,
            tools=[],
            tool_choice=None,
            response_format=None,
            system_message=SystemMessage(asked.system) if asked.system else None,
            messages=list(asked.messages),
            model_settings={**request.model_settings, **options(self._endpoint, asked)},
        )


def _response(decided: Decided) -> ModelResponse[Any]:
    """The decision as LangChain's agent understands it; thought and tokens ride along."""
    kept: dict[str, Any] = {"reasoning_content": decided.thought} if decided.thought else {}
    if decided.tokens:
        kept["tokens"] = decided.tokens
    if decided.in_words:
        kept["in_words"] = True
    if decided.answer is not None:
        message = AIMessage(decided.answer, additional_kwargs=kept)
        return ModelResponse(result=[message], structured_response=decided.value)
    calls = [
        {"name": action.name, "args": dict(action.arguments), "id": uuid.uuid4().hex[:9]}
        for action in decided.actions
    ]
    return ModelResponse(result=[AIMessage("", additional_kwargs=kept, tool_calls=calls)])

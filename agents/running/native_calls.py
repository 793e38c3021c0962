"""Native tool calls as models really write them: with broken arguments, without ids, or as text.

A middleware for a model that is given the tools by its server. What cannot be read is shown to it once.
Importing this module imports LangChain's agents, which takes seconds: ``agents.agent`` does it when it runs.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from agents.calling.certain_calls import Calls, begins_a_call, certain_calls, final_words
from agents.calling.reply_text import nests_too_deeply
from agents.wire_names import wire_name
from deploy.chat import split_reasoning
from deploy.reasoning import split_later_thought
from rag.prompt_text import as_data
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from langchain_core.messages import AnyMessage
    from langchain_core.tools import BaseTool

    from agents.running.listening import HeardCall, Listener
    from deploy.endpoint import Endpoint

# The first reply and one repair: a model that fails twice fails a third time.
_ATTEMPTS: Final = 2
_QUOTED_CHARACTERS: Final = 300


class _Problem(NamedTuple):
    """What is wrong with a reply: as the model is told, and as a person is."""

    told: str
    shown: str


class NativeCalls(AgentMiddleware):
    """Reads the calls of a reply.

    Args:
        endpoint: for messages to people.
        tools: names that may be called.
        listener: hears the model, and is told when a text was a call.
    """

    def __init__(self, endpoint: Endpoint, tools: Collection[str], listener: Listener) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._tools = tools
        self._listener = listener
        # What OpenAI's protocol does not take has another name on the wire.
        self._wired = {name: wired for name in tools if (wired := wire_name(name)) != name}
        self._named = {wired: name for name, wired in self._wired.items()}

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """A reply that is an answer, or calls with arguments and an id of their own each.

        Raises:
            ModelError: two replies in a row were neither.
        """
        problem: _Problem | None = None
        request = self._as_wired(request) if self._wired else request
        for _ in range(_ATTEMPTS):
            message = handler(request).result[0]
            thought, said = split_reasoning(message)
            more, said = split_later_thought(said)
            if more:
                # Its thought was closed twice: the message gets both parts where others look for them.
                kept = message.additional_kwargs | {"reasoning_content": f"{thought}\n{more}".strip()}
                message = message.model_copy(update={"content": said, "additional_kwargs": kept})
            calls, problem = _calls(self._listener.heard.calls, said, (*self._tools, *self._named))
            calls = tuple((self._named.get(name, name), arguments) for name, arguments in calls)
            if self._listener.heard.stuck:
                asked = f"You wrote the same again and again. {_asked(self._tools)} briefly."
                calls, problem = (), _Problem(asked, "it wrote the same again and again")
            self._listener.finish(is_call=bool(calls or problem))
            if not problem:
                return ModelResponse(result=[_rewritten(message, calls, "" if calls else final_words(said))])
            request = request.override(messages=_told(request.messages, said, problem.told))
        raise ModelError(
            f"{self._endpoint.model} gave no valid action in {_ATTEMPTS} replies: "
            f"{problem.shown if problem else ''}",
            hint="choose a larger model: stillroom plan",
        )

    def _as_wired(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        """The request with names that the protocol takes: of tools, and of calls that were made already."""
        return request.override(
            tools=[_renamed_tool(tool, self._wired) for tool in request.tools],
            messages=[_renamed_calls(message, self._wired) for message in request.messages],
        )


def _renamed_tool(tool: BaseTool | dict[str, Any], names: Mapping[str, str]) -> BaseTool | dict[str, Any]:
    if isinstance(tool, dict) or tool.name not in names:
        return tool
    # As a description: LangChain's agent takes no tool under another name than it was made with.
    described = convert_to_openai_tool(tool)
    return described | {"function": described["function"] | {"name": names[tool.name]}}


def _renamed_calls(message: AnyMessage, names: Mapping[str, str]) -> AnyMessage:
    if not isinstance(message, AIMessage) or not message.tool_calls:
        return message
    calls = [{**call, "name": names.get(call["name"], call["name"])} for call in message.tool_calls]
    return message.model_copy(update={"tool_calls": calls})


def _says_something(said: str) -> bool:
    return any(letter.isprintable() and not letter.isspace() for letter in said)


def _asked(tools: Collection[str]) -> str:
    return "Call a tool, or answer" if tools else "Answer"


def _told(messages: Sequence[AnyMessage], said: str, problem: str) -> list[AnyMessage]:
    """The messages, then the reply and what is wrong with it.

    An empty reply is left out: small models repeat whatever would stand for it. Templates that want people
    and model by turns have the problem behind the person's last words.
    """
    if _says_something(said):
        return [*messages, AIMessage(said[:_QUOTED_CHARACTERS]), HumanMessage(problem)]
    last = messages[-1] if messages else None
    if isinstance(last, HumanMessage) and isinstance(last.content, str):
        return [*messages[:-1], HumanMessage(f"{last.content}\n\n{problem}")]
    return [*messages, HumanMessage(problem)]


def _calls(heard: Sequence[HeardCall], said: str, tools: Collection[str]) -> tuple[Calls, _Problem | None]:
    """The calls of a reply, and what is wrong with it where it is neither a call nor an answer."""
    calls: list[tuple[str, Mapping[str, Any]]] = []
    problem: _Problem | None = None
    for call in heard:
        arguments = _object(call.arguments)
        if call.name and arguments is not None:
            calls.append((call.name, arguments))
        else:
            shown = as_data(call.arguments[:_QUOTED_CHARACTERS])
            name = as_data(call.name[:_QUOTED_CHARACTERS]) or "your call"
            wrong = f"arguments of {name} are no JSON object: {shown}"
            problem = _Problem(f"The {wrong}\nCall it again.", f"the {wrong}")
    if calls:
        return tuple(calls), None
    if problem:
        return (), problem
    if not _says_something(said):
        return (), _Problem(f"Your reply was empty. {_asked(tools)} in words.", "the last one was empty")
    written = certain_calls(said, tools)
    if tools and not written and begins_a_call(said):
        shown = as_data(said[:_QUOTED_CHARACTERS])
        problem = _Problem(
            f"Your call cannot be read. {_asked(tools)} in words.", f"a call cannot be read: {shown}"
        )
    return written, problem


def _object(value: object) -> Mapping[str, Any] | None:
    """Arguments as an object: as one, as its JSON, or with something around that.

    Never what was cut off, nor what is nested so deeply that nothing behind could hold it.
    """
    if isinstance(value, str):
        if not value.strip():
            return {}
        try:
            value, _ = json.JSONDecoder().raw_decode(value, max(0, value.find("{")))
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) and not nests_too_deeply(value) else None


def _rewritten(message: Any, calls: Calls, words: str) -> AIMessage:  # noqa: ANN401
    """The message with these calls alone, or with these words; servers give ids twice, or none."""
    kept = {key: value for key, value in message.additional_kwargs.items() if key != "tool_calls"}
    tool_calls = [{"name": name, "args": dict(args), "id": uuid.uuid4().hex[:9]} for name, args in calls]
    return AIMessage(
        content=words or ("" if calls and not message.tool_calls else message.content),
        additional_kwargs=kept,
        response_metadata=message.response_metadata,
        tool_calls=tool_calls,
        id=message.id,
    )

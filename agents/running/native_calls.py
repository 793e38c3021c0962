"""Native tool calls as models really write them: with broken arguments, without ids, or as text.

A middleware for a model that is given the tools by its server. What cannot be read is shown to it once.
Importing this module imports LangChain's agents, which takes seconds: ``agents.agent`` does it when it runs.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, HumanMessage

from agents.calling.reply_text import nests_too_deeply, written_calls
from deploy.chat import split_reasoning
from rag.prompt_text import as_data
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from langchain_core.messages import AnyMessage

    from agents.running.listening import HeardCall, Listener
    from deploy.endpoint import Endpoint

# The first reply and one repair: a model that fails twice fails a third time.
_ATTEMPTS: Final = 2
_QUOTED_CHARACTERS: Final = 300
# Qwen and Hermes, Mistral, DeepSeek, Llama: their templates' marks of a call, which servers should have read.
_MARKS: Final = re.compile(r"<tool_call|\[TOOL_CALLS?\]|<[|｜]tool|<function=")
_FUNCTION: Final = re.compile(r"<function=(?P<name>[\w.-]+)>(?P<arguments>.*?)(?:</function>|$)", re.DOTALL)
_FENCE: Final = re.compile(r"^\s*```(?:json)?\s*")


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

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """A reply that is an answer, or calls with arguments and an id of their own each.

        Raises:
            ModelError: two replies in a row were neither.
        """
        problem = ""
        for _ in range(_ATTEMPTS):
            message = handler(request).result[0]
            said = split_reasoning(message)[1]
            calls, problem = _calls(self._listener.heard.calls, said, self._tools)
            if self._listener.heard.stuck:
                calls, problem = (), f"You wrote the same again and again. {_asked(self._tools)} briefly."
            self._listener.finish(is_call=bool(calls or problem))
            if not problem:
                return ModelResponse(result=[_rewritten(message, calls)])
            request = request.override(messages=_told(request.messages, said, problem))
        raise ModelError(
            f"{self._endpoint.model} gave no valid action in {_ATTEMPTS} replies: {problem}",
            hint="choose a larger model: stillroom plan",
        )


def calls_in_text(text: str, tools: Collection[str]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Names and arguments of calls that a model wrote as text; none where it is an answer.

    Only a text that is JSON from its beginning, or that has the marks of a template, is taken for calls.

    Example:
        >>> calls_in_text('<tool_call>{"name": "weigh", "arguments": {"thing": "salt"}}', {"weigh"})
        (('weigh', {'thing': 'salt'}),)
    """
    marked = _MARKS.search(text)
    body = text[marked.start() :] if marked else _FENCE.sub("", text).strip()
    if not marked and not body.startswith(("{", "[")):
        return ()
    written = [
        *((found["name"], found["arguments"]) for found in _FUNCTION.finditer(body)),
        # Without names, no prose that looks like a Python call is one.
        *((call.name, call.arguments) for call in written_calls(body)),
    ]
    calls = [(name, _object(arguments)) for name, arguments in written if isinstance(name, str)]
    return tuple(
        (name, arguments) for name, arguments in calls if arguments is not None and (marked or name in tools)
    )


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


def _calls(
    heard: Sequence[HeardCall], said: str, tools: Collection[str]
) -> tuple[tuple[tuple[str, Mapping[str, Any]], ...], str]:
    """The calls of a reply, and what is wrong with it where it is neither a call nor an answer."""
    calls: list[tuple[str, Mapping[str, Any]]] = []
    problem = ""
    for call in heard:
        arguments = _object(call.arguments)
        if call.name and arguments is not None:
            calls.append((call.name, arguments))
        else:
            shown = as_data(call.arguments[:_QUOTED_CHARACTERS])
            name = as_data(call.name[:_QUOTED_CHARACTERS]) or "your call"
            problem = f"The arguments of {name} are no JSON object: {shown}\nCall it again."
    if calls:
        return tuple(calls), ""
    if not problem and not _says_something(said):
        problem = f"Your reply was empty. {_asked(tools)} in words."
    return (() if problem else calls_in_text(said, tools)), problem


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


def _rewritten(message: Any, calls: tuple[tuple[str, Mapping[str, Any]], ...]) -> AIMessage:  # noqa: ANN401
    """The message with these calls alone; servers give ids twice, or none."""
    kept = {key: value for key, value in message.additional_kwargs.items() if key != "tool_calls"}
    tool_calls = [{"name": name, "args": dict(args), "id": uuid.uuid4().hex[:9]} for name, args in calls]
    return AIMessage(
        content="" if calls and not message.tool_calls else message.content,
        additional_kwargs=kept,
        response_metadata=message.response_metadata,
        tool_calls=tool_calls,
        id=message.id,
    )

"""Messages of a conversation that was broken off, made whole: what every chat template and server accepts.

A killed process leaves calls without results and questions without answers. Pure: messages in, messages out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import AnyMessage

_NO_RESULT: Final = "Error: no result, because the run was interrupted"
_NO_ANSWER: Final = "(The run ended before there was an answer.)"


def mended(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The same conversation with a result for each call and an answer to each question but the last.

    A result without its call is left out: servers refuse it.

    Example:
        >>> from langchain_core.messages import HumanMessage
        >>> [message.type for message in mended([HumanMessage("one"), HumanMessage("two")])]
        ['human', 'ai', 'human']
    """
    from langchain_core.messages import AIMessage

    whole: list[AnyMessage] = []
    open_calls: dict[str, str] = {}
    for message in messages:
        if message.type == "tool":
            if open_calls.pop(message.tool_call_id, None) is not None:
                whole.append(message)
            continue
        whole += _missing(open_calls)
        open_calls = {}
        if message.type == "human" and whole and not _is_answer(whole[-1]):
            if _is_empty(whole[-1]):
                whole.pop()
            whole.append(AIMessage(_NO_ANSWER))
        whole.append(message)
        if message.type == "ai":
            open_calls = {call["id"] or "": call["name"] for call in message.tool_calls}
    return whole + _missing(open_calls)


def _missing(open_calls: dict[str, str]) -> list[AnyMessage]:
    from langchain_core.messages import ToolMessage

    return [
        ToolMessage(_NO_RESULT, tool_call_id=call_id, name=name, status="error")
        for call_id, name in open_calls.items()
    ]


def _is_answer(message: AnyMessage) -> bool:
    return message.type == "ai" and not message.tool_calls and bool(message.text.strip())


def _is_empty(message: AnyMessage) -> bool:
    return message.type == "ai" and not message.tool_calls

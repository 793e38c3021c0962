"""A conversation with tools, cut to fit a context and rewritten for templates that know no tool turns.

Messages in, messages out. It knows no model and no tool.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deploy.reasoning import split_text
from rag.prompt_text import as_data, estimate_tokens
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import AnyMessage

    from agents.calling.exchange import Ask

# What stays of a tool result that is cut: enough to know what it was.
_KEPT_CHARACTERS: Final = 240
_MARKER: Final = "\n[cut to fit the model's context: {left_out} characters left out]"
# Role markers of a chat template around one message.
_TOKENS_PER_MESSAGE: Final = 8


def fit_history(messages: Sequence[AnyMessage], *, budget_tokens: int) -> list[AnyMessage]:
    """The messages with tool results cut, oldest first, until all fit; the newest gives way last.

    Raises:
        ModelError: they do not fit with every tool result cut.
    """
    fitted = list(messages)
    for index, message in enumerate(fitted):
        excess = history_tokens(fitted) - budget_tokens
        if excess <= 0:
            break
        if message.type == "tool" and len(message.text) > _KEPT_CHARACTERS:
            fitted[index] = _cut(message, excess)
    if (needed := history_tokens(fitted)) > budget_tokens:
        raise ModelError(
            f"the conversation needs about {needed} tokens, the model's context has {budget_tokens} for it",
            hint="ask with fewer tools or a shorter question, or start the engine with a larger context",
        )
    return fitted


def shortened_history(messages: Sequence[AnyMessage], *, share: float) -> list[AnyMessage] | None:
    """The messages cut to a share of what they take, for a server that found them too long.

    Returns:
        None where the tool results do not give that much.
    """
    try:
        return fit_history(messages, budget_tokens=int(history_tokens(messages) * share))
    except ModelError:
        return None


def history_tokens(messages: Sequence[AnyMessage]) -> int:
    """Tokens that the messages take at most, their calls included."""
    return sum(_TOKENS_PER_MESSAGE + estimate_tokens(message.text + _calls(message)) for message in messages)


def flatten(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The same conversation with only ``user`` and ``assistant`` turns, in strict alternation.

    A call becomes the JSON action that the model wrote; a result becomes fenced text of the user.
    """
    from langchain_core.messages import AIMessage, HumanMessage

    turns: list[tuple[str, str]] = []
    if messages and messages[0].type == "ai":
        # Templates want the user to begin; a summary may have taken the question away.
        turns.append(("human", "…"))
    for message in messages:
        speaker = "ai" if message.type == "ai" else "human"
        text = _flat_text(message)
        if turns and turns[-1][0] == speaker:
            turns[-1] = (speaker, f"{turns[-1][1]}\n\n{text}")
        else:
            turns.append((speaker, text))
    return [AIMessage(text) if speaker == "ai" else HumanMessage(text) for speaker, text in turns]


def _flat_text(message: AnyMessage) -> str:
    if message.type == "tool":
        name = getattr(message, "name", None) or "tool"
        return f'<tool_result name="{name}">\n{as_data(message.text)}\n</tool_result>'
    if message.type != "ai":
        return message.text
    # A thought is not shown again: it would fill the context, and templates drop it from earlier turns.
    return _calls(message) or split_text(message.text)[1]


def without_system(asked: Ask) -> Ask:
    """The same ask with its instructions at the head of the first turn, for templates without their role."""
    from langchain_core.messages import HumanMessage

    if not asked.system:
        return asked
    first, *rest = asked.messages
    return replace(asked, system="", messages=(HumanMessage(f"{asked.system}\n\n{first.text}"), *rest))


def _calls(message: AnyMessage) -> str:
    calls = getattr(message, "tool_calls", ())
    return "\n".join(
        json.dumps({"action": call["name"], "args": call["args"]}, ensure_ascii=False) for call in calls
    )


def _cut(message: AnyMessage, excess_tokens: int) -> AnyMessage:
    """The message without its end: about as much as is too long, rounded up."""
    text = message.text
    marker = _MARKER.format(left_out=len(text))
    length = len(text)
    enough = estimate_tokens(text) - excess_tokens
    while length > _KEPT_CHARACTERS and estimate_tokens(text[:length] + marker) > enough:
        length = max(_KEPT_CHARACTERS, length * 3 // 4)
    marker = _MARKER.format(left_out=len(text) - length)
    return message.model_copy(update={"content": text[:length] + marker})

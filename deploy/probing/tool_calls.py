"""Whether a model calls tools in its server's own way: the definition reaches it, and its call is read.

Two things must be so. The definition of a tool has to be in the prompt: the prompt's tokens are compared with
and without it. And what the model then writes has to come back as a call, not as text: it is told to call the
tool. A server's own claims are not believed: Ollama claims tools for R1's distills and never shows them, and
vLLM with another model's parser hands the call over as text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from deploy.probing.report import LATE, Told

if TYPE_CHECKING:
    from deploy.probing.chat_api import ChatApi, ChatReply

NAME: Final = "get_weather"
# Its description alone takes more than _TOOL_TOKENS tokens with any tokenizer; a template that only says
# that there are tools takes fewer.
_TOOL_TOKENS: Final = 12
_TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": NAME,
        "description": "Look up the temperature and the rain of one day in a city of some country",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "name of the city"}},
            "required": ["city"],
        },
    },
}

# vLLM keeps a call's arguments to their schema only where the function is strict.
_STRICT_TOOL: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        **_TOOL["function"],
        "parameters": {**_TOOL["function"]["parameters"], "additionalProperties": False},
        "strict": True,
    },
}

_TOLD_TO_CALL: Final = (
    f"Call the tool {NAME} for the city Paris. Reply with that call alone; you need nothing else."
)
# A call of one argument takes 20 to 45 tokens in the forms in use; a thought before it, some hundred.
_CALL_TOKENS: Final = 64
_THOUGHT_TOKENS: Final = 320
_WRITTEN_CALL: Final = re.compile(rf"\b{NAME}\b.*[({{]|[({{].*\b{NAME}\b", re.DOTALL)
_CLOSING: Final = "</think>"


def tools(api: ChatApi, plain: ChatReply, *, claimed: bool | None, thinks: bool) -> Told:
    """Whether the model calls tools in the server's own way.

    Args:
        api: the server's.
        plain: its answer to a request without tools.
        claimed: the server says that the model takes tools; None where it says nothing.
        thinks: the model thinks first, so that a call takes more tokens.
    """
    if claimed is False:
        return Told(value=False, how="the server says that the model takes none")
    reply = api.chat(max_tokens=1, tools=[_TOOL])
    if reply is None:
        return LATE
    if reply.refusal is not None:
        return Told(value=False, how=f"refused: {reply.refusal.words}")
    if plain.prompt_tokens is None or reply.prompt_tokens is None:
        shown, how = None, "the server does not count the prompt's tokens"
    else:
        shown = reply.prompt_tokens - plain.prompt_tokens >= _TOOL_TOKENS
        how = f"{plain.prompt_tokens} tokens of prompt, {reply.prompt_tokens} with a tool definition"
    if shown is False:
        despite = ", although the server claims that it takes them" if claimed else ""
        return Told(value=False, how=f"{how}: the model never sees it{despite}")
    called = _told_to_call(api, thinks=thinks)
    # What the call does not tell is left to the count; where nothing was counted, nobody knows.
    return Told(shown if called.value is None else called.value, f"{how}; {called.how}")


def _told_to_call(api: ChatApi, *, thinks: bool) -> Told:
    """Whether a call comes back where the model is told to call; None where that did not show."""
    tokens = _THOUGHT_TOKENS if thinks else _CALL_TOKENS
    reply = api.chat(max_tokens=tokens, tools=[_TOOL], message=_TOLD_TO_CALL)
    if reply is None:
        return Told(None, "told to call it, the model gave no answer in time")
    if reply.refusal is not None:
        return Told(value=False, how=f"told to call it, the server refused: {reply.refusal.words}")
    if reply.calls:
        return _called(reply, "told to call it")
    said = _answer(reply, thinks=thinks)
    if said is not None and _WRITTEN_CALL.search(said):
        how = f"told to call it, the model did, and the server took the call for text: {_shown(said)}"
        return Told(value=False, how=how)
    if said is not None and reply.complete:
        return Told(value=False, how=f"told to call it, the model answered in words: {_shown(said)}")
    return _forced(api, tokens) if api.takes_tool_choice else Told(None, "its call did not come in time")


def _forced(api: ChatApi, tokens: int) -> Told:
    """The same with ``tool_choice``, which vLLM enforces and llama.cpp does not.

    An enforced call shows that the server reads calls, and nothing of what the model sees: an answer that was
    cut off leaves that to the count.
    """
    reply = api.chat(max_tokens=tokens, tools=[_STRICT_TOOL], message=_TOLD_TO_CALL, must_call=True)
    if reply is None or reply.refusal is not None or not reply.calls:
        return Told(None, f"in {tokens} tokens it came to no call, not with tool_choice either")
    return _called(reply, "forced by tool_choice")


def _called(reply: ChatReply, told: str) -> Told:
    if NAME in reply.calls:
        return Told(value=True, how=f"{told}, the model did")
    return Told(value=False, how=f"{told}, the model called {', '.join(reply.calls)}, which there is not")


def _answer(reply: ChatReply, *, thinks: bool) -> str | None:
    """What was said after a thought; None where the thought did not end, or nothing was said."""
    _, closed, said = reply.text.rpartition(_CLOSING)
    if thinks and not (closed or reply.complete or reply.reasoning):
        return None
    return said.strip() or None


def _shown(text: str) -> str:
    """A model's words, short and on one line."""
    return json.dumps(" ".join(text.split())[:60], ensure_ascii=False)

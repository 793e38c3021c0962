"""What is asked of a model on the way to a decision, and what it said: one request and its reply.

The decision itself (``turn``) neither sends nor waits, so that one text serves LangChain's agent, its
asynchronous twin and a plain call. Here an ask becomes options of a chat model, and a message a reply.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from deploy.chat import json_schema_option, reasoning_beside, split_reasoning
from deploy.reasoning import split_later_thought

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage, BaseMessage

    from deploy.endpoint import Endpoint

# A tool's name has fewer tokens. What OpenAI's API allows of alternatives to each, vLLM and Ollama too.
_NAME_TOKENS: Final = 24
_MOST_ALTERNATIVES: Final = 20


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    Attributes:
        kind: a name and how likely others were, a free thought, or a JSON action.
        system: instructions; empty where the server's template has no place for them.
        schema: that the reply keeps to; None for a free one.
    """

    kind: Literal["choice", "thought", "action"]
    system: str
    messages: tuple[AnyMessage, ...]
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply, and how likely it and others were at its place (natural logarithms)."""

    text: str
    alternatives: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Said:
    """A reply.

    Attributes:
        thought: what came before it, tagged or apart.
        tokens: of prompt and reply; 0 where the server does not count.
        likely: its tokens with their alternatives; empty where the server does not tell.
        is_thought: the text came as a thought, and nothing beside it.
    """

    text: str
    thought: str = ""
    tokens: int = 0
    likely: tuple[Token, ...] = ()
    is_thought: bool = False


class RefusedError(Exception):
    """The server refuses what an ask needs beyond a plain chat, or its length; raised into the decision.

    Args:
        words: the server's own.
        too_long: the request does not fit the context; less of it may.
    """

    def __init__(self, words: str, *, too_long: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.too_long = too_long


def options(endpoint: Endpoint, ask: Ask) -> dict[str, Any]:
    """The keyword arguments for a chat model's ``bind`` that an ask needs."""
    wanted: dict[str, Any] = {}
    if ask.schema is not None:
        wanted |= json_schema_option(endpoint, dict(ask.schema), name="action")
        if endpoint.engine == "ollama" and endpoint.capabilities.reasoning_form == "apart":
            # It has thought already; with ``think`` set Ollama would let it think before the JSON again.
            wanted |= {"reasoning": False} if endpoint.capabilities.reasoning else {}
    if ask.kind == "choice":
        wanted |= {"logprobs": True, "top_logprobs": _MOST_ALTERNATIVES, "stop": ["\n"]}
        if endpoint.engine != "ollama":  # whose client takes it with all other options or not at all
            wanted["max_tokens"] = _NAME_TOKENS
    return wanted


def said(ask: Ask, message: BaseMessage) -> Said:
    """What a message says in reply to an ask."""
    thought, text = split_reasoning(message)
    if ask.kind == "action" and _begins_with_json(message.text):
        # A tag inside its texts is quoted, and ends no thought.
        text = message.text.strip()
        thought = reasoning_beside(message).strip()
    else:
        more, text = split_later_thought(text)
        thought = f"{thought}\n{more}".strip()
    if ask.kind == "thought":
        # Without tags all of it is the thought: it was told to write nothing else.
        thought, text = thought or text, ""
    is_thought = ask.kind != "thought" and not text
    if is_thought:
        # A server that takes the template's own <think> for an open thought hands the JSON over as reasoning.
        thought, text = "", thought
    likely = _likely(message.response_metadata.get("logprobs"))
    return Said(text, thought, _tokens(message), likely, is_thought)


def _begins_with_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return False
    return text.lstrip().startswith("{")


def _tokens(message: BaseMessage) -> int:
    usage = getattr(message, "usage_metadata", None)
    return int(usage["total_tokens"]) if usage else 0


def _likely(logprobs: object) -> tuple[Token, ...]:
    """The tokens as OpenAI's API tells them, under ``content``, or Ollama's, as they are."""
    listed = logprobs.get("content") if isinstance(logprobs, Mapping) else logprobs
    if not isinstance(listed, list):
        return ()
    tokens = []
    for place in listed:
        if not isinstance(place, Mapping) or not isinstance(place.get("token"), str):
            return ()
        others = place.get("top_logprobs")
        alternatives = {
            other["token"]: float(other["logprob"])
            for other in (others if isinstance(others, list) else [])
            if isinstance(other, Mapping)
            and isinstance(other.get("token"), str)
            and isinstance(other.get("logprob"), int | float)
        }
        if isinstance(place.get("logprob"), int | float):
            alternatives.setdefault(place["token"], float(place["logprob"]))
        if place["token"] not in alternatives:
            return ()
        tokens.append(Token(place["token"], alternatives))
    return tuple(tokens)

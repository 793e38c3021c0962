"""The first choice: which tool a message asks for, if any, told by how likely a model is to name each.

The model is shown messages with the tool's name for each: what a tool does, and small talk with the word
``answer``. Then comes the person's message. A small model names some tools and the answer too readily; what
it names for an empty message is subtracted. Pure: messages out, likelihoods in.

Measured with SmolLM2-135M, 20 messages that need one of 1 to 5 tools and 14 that need none (2026-11-26): the
right tool 0.35 of the time where it chose by the action's grammar, 0.70 by names, and 0.80 with the empty
message subtracted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from agents.calling.offered import first_paragraph
from rag.prompt_text import as_data, estimate_tokens
from rag.tokens import content_terms

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from langchain_core.messages import AnyMessage

    from agents.calling.exchange import Said
    from agents.calling.offered import Offer
    from rag.language import Language

# What the model names where no tool is asked for. A tool of this name would be another.
NO_TOOL: Final = "answer"
# A message that asks for nothing.
NEUTRAL: Final = "?"
INSTRUCTIONS: Final = f"Reply with the name of the tool that the message needs, or {NO_TOOL}."

_SMALL_TALK: Final = {
    "en": ("Hello, how are you?", "Tell me a joke.", "Who wrote Hamlet?", "Thank you!"),
    "zh": ("你好！", "给我讲个笑话。", "《西游记》是谁写的？", "谢谢！"),
}
_DESCRIPTION_CHARACTERS: Final = 160
MESSAGE_CHARACTERS: Final = 600
# The template's markers around a message and its name.
_TOKENS_PER_TURN: Final = 16
# What is not among the alternatives is less likely than they by this much at least.
_BEYOND: Final = 1.0
# Only the answer is offered where it is surer than for an empty message by this. That held for none of 20
# messages that need a tool and for 4 of 14 that need none (2026-11-26); the action decides about the others.
_SURER: Final = 1.0
# Tools as likely as the best but for this are offered beside it (natural logarithm): e^0.7 is half as likely.
_CLOSE: Final = 0.7
_MOST_BASELINES: Final = 256


@dataclass(frozen=True, slots=True)
class Choice:
    """What a message seems to ask for.

    Attributes:
        ranked: names of tools, the likeliest first.
        close: as many of them are about as likely as the first.
        asks_for: a tool where the model named one rather than the answer; an answer where it is surer of that
            than for an empty message; either where it is in between, or does not tell.
    """

    ranked: tuple[str, ...]
    close: int
    asks_for: Literal["tool", "answer", "either"] = "either"


def choice_turns(message: str, tools: Sequence[Offer], language: Language) -> tuple[AnyMessage, ...]:
    """The conversation whose next turn is a name: examples, small talk in that language, and the message."""
    from langchain_core.messages import AIMessage, HumanMessage

    talk = [(text, NO_TOOL) for text in _SMALL_TALK[language]]
    told = [(_told(tool), tool.name) for tool in tools]
    # Small talk in between and at the end: a small model repeats what it read last.
    middle = len(told) // 2
    examples = [*told[:middle], *talk[:2], *told[middle:], *talk[2:]]
    turns: list[AnyMessage] = []
    for text, name in examples:
        turns += [HumanMessage(text), AIMessage(name)]
    return (*turns, HumanMessage(as_data(message[:MESSAGE_CHARACTERS])))


def fitting(
    message: str, tools: Sequence[Offer], *, budget_tokens: int, most: int | None = None
) -> tuple[Offer, ...]:
    """As many tools as can be shown, in their order; those that share words with the message are kept."""
    terms = set(content_terms(message))
    shared = {
        tool.name: len(terms.intersection(content_terms(f"{_spoken(tool)} {_told(tool)}"))) for tool in tools
    }
    kept: set[str] = set()
    for tool in sorted(tools, key=lambda tool: -shared[tool.name]):
        budget_tokens -= estimate_tokens(tool.name + _told(tool)) + 2 * _TOKENS_PER_TURN
        if kept and (budget_tokens < 0 or len(kept) == most):
            break
        kept.add(tool.name)
    return tuple(tool for tool in tools if tool.name in kept)


def likelihoods(said: Said, names: Sequence[str]) -> dict[str, float]:
    """The natural logarithm of how likely each name was, as far as the reply tells; empty where it does not.

    A name that the reply did not take is as likely as the way to where it leaves the reply, and the token
    that it would have had there.
    """
    if not said.likely:
        return {}
    found: dict[str, float] = {}
    alive = dict.fromkeys(names, 0.0)
    path = ""
    for token in said.likely:
        text = _bare(token.text, path)
        if not text and not path:
            # White space, or the quotation mark of a name under a schema.
            continue
        lowest = min(token.alternatives.values()) - _BEYOND
        for name in list(alive):
            rest = name[len(path) :]
            if text and rest.startswith(text):
                alive[name] += token.alternatives[token.text]
                continue
            elsewhere = [
                likely
                for other, likely in token.alternatives.items()
                if (bare := _bare(other, path)) and rest.startswith(bare)
            ]
            found[name] = alive.pop(name) + (max(elsewhere, default=lowest))
        path += text
        if len(alive) <= 1:
            break
    return {**found, **alive}


def read_choice(said: Said, tools: Sequence[Offer], baseline: Mapping[str, float]) -> Choice:
    """What the model chose.

    Args:
        said: its reply to ``choice_turns``.
        tools: those that were shown.
        baseline: likelihoods for ``NEUTRAL``; empty where the server tells none.
    """
    names = [tool.name for tool in tools]
    likely = likelihoods(said, [*names, NO_TOOL])
    if not likely or not baseline:
        named = _named(said.text, names)
        if named is None:
            return Choice(tuple(names), close=len(names))
        return Choice((named, *(name for name in names if name != named)), close=1)
    scores = {name: likely[name] - baseline.get(name, 0.0) for name in names}
    ranked = tuple(sorted(names, key=lambda name: -scores[name]))
    best = ranked[0]
    close = sum(scores[best] - scores[name] < _CLOSE for name in ranked)
    surer = likely[NO_TOOL] - likely[best]
    neutral = baseline.get(NO_TOOL, 0.0) - baseline.get(best, 0.0)
    if surer <= 0:
        return Choice(ranked, close, "tool")
    return Choice(ranked, close, "answer" if surer > neutral + _SURER else "either")


class Baselines:
    """Likelihoods for an empty message, kept for each model and set of tools: they cost a request."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Mapping[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Mapping[str, float] | None:
        """What was kept; None if nothing was."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: Hashable, likely: Mapping[str, float]) -> None:
        """Keep, and let go of the oldest beyond some hundred."""
        with self._lock:
            self._kept[key] = likely
            while len(self._kept) > _MOST_BASELINES:
                self._kept.popitem(last=False)


def _bare(token: str, path: str) -> str:
    """A token's part of a name: where that begins, without a quotation mark."""
    return token.strip() if path else token.strip().lstrip("\"'`")


def _named(text: str, names: Sequence[str]) -> str | None:
    """The longest name that a reply begins with, quotation marks aside."""
    said = text.strip().strip("\"'`").strip()
    found = [name for name in names if said.startswith(name)]
    return max(found, key=len, default=None)


def _told(tool: Offer) -> str:
    """What the tool does, in a sentence; its name in words where nobody says."""
    return as_data(first_paragraph(tool.description))[:_DESCRIPTION_CHARACTERS] or _spoken(tool)


def _spoken(tool: Offer) -> str:
    return tool.name.replace("_", " ").replace(".", " ").replace("-", " ")

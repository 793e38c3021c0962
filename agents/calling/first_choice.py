"""The requests for a first choice: whether they are worth their time, and what is offered after them.

A part of a decision, and a generator as that is: ``choice`` says what the messages are and what the replies
mean, the decision asks.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from agents.calling.choice import (
    INSTRUCTIONS,
    MESSAGE_CHARACTERS,
    NEUTRAL,
    NO_TOOL,
    Choice,
    choice_turns,
    fitting,
    likelihoods,
    read_choice,
)
from agents.calling.exchange import Ask, RefusedError, Said
from agents.calling.wording import describe_actions
from rag.language import detect_language
from rag.prompt_text import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from agents.calling.learned import Learned
    from agents.calling.offered import Offer
    from agents.calling.situation import Situation

# More tools than these, or than this share of the context describes, are narrowed to a handful first.
MOST_TOOLS: Final = 12
_DESCRIPTIONS_SHARE: Final = 4
_HANDFUL: Final = 5
# The instructions and the small talk of a first choice.
_SMALL_TALK_TOKENS: Final = 300

_log = logging.getLogger(__name__)


class FirstChoice:
    """What is asked before a decision's action, so that a model need choose among few.

    Args:
        situation: what is to be decided.
        learned: whether the server takes such requests is kept in it, and what it names for "?".
        question: the person's latest; empty where there is none.
        calls: name and arguments of those made since.
        said: sends a request the decision's way.
    """

    def __init__(
        self,
        situation: Situation,
        learned: Learned,
        question: str,
        calls: Sequence[tuple[str, Mapping[str, Any]]],
        said: Callable[[Ask], Generator[Ask, Said, Said]],
    ) -> None:
        self._at = situation
        self._learned = learned
        self._question = question
        self._calls = calls
        self._said = said

    def is_worth_asking(self, tools: Sequence[Offer]) -> bool:
        """Whether a request for the first choice is worth its time."""
        if not tools or not self._question or not self._learned.chooses:
            return False
        if self._is_large(tools):
            return True
        at = self._at
        capabilities = at.endpoint.capabilities
        # A model that thinks first needs no help, and one that is only told what to reply gets none.
        helped = at.chooses_first and capabilities.json_schema and not capabilities.reasoning
        return helped and not self._calls and bool(at.answers or len(tools) > 1)

    def steps(
        self, tools: Sequence[Offer]
    ) -> Generator[Ask, Said, tuple[tuple[Offer, ...], Sequence[Offer]]]:
        """The tools and the answers to offer."""
        at = self._at
        shown = fitting(self._question, tools, budget_tokens=self._room())
        schema = None
        if at.endpoint.capabilities.reasoning and at.endpoint.capabilities.json_schema:
            # The template has opened a thought, or the model would: a grammar keeps it to a name.
            schema = {"enum": [*(tool.name for tool in shown), NO_TOOL]}
        language = detect_language(self._question)

        def ask(message: str) -> Ask:
            return Ask("choice", INSTRUCTIONS, choice_turns(message, shown, language), schema)

        try:
            named = yield from self._said(ask(self._question))
            baseline = (yield from self._baseline(ask(NEUTRAL), shown, language)) if named.likely else {}
        except RefusedError as refused:
            _log.info("%s takes no request for a first choice: %s", at.endpoint.address, refused.words)
            # A question that is too long says nothing of the next one.
            self._learned.chooses = refused.too_long
            if self._is_large(tools):
                tools = fitting(self._question, tools, budget_tokens=self._room(), most=_HANDFUL)
            return tuple(tools), at.answers
        choice = read_choice(named, shown, baseline)
        chosen = self._handful(tools, choice)
        if self._calls or choice.asks_for == "either" or not at.answers:
            return chosen, at.answers
        return ((), at.answers) if choice.asks_for == "answer" else (chosen, ())

    def _is_large(self, tools: Sequence[Offer]) -> bool:
        room = self._at.endpoint.context_tokens // _DESCRIPTIONS_SHARE
        return len(tools) > MOST_TOOLS or estimate_tokens(describe_actions(tools)) > room

    def _handful(self, tools: Sequence[Offer], choice: Choice) -> tuple[Offer, ...]:
        """The tools that are likely to be meant, in their order."""
        told = choice.close < len(choice.ranked) or len(choice.ranked) == 1
        if self._is_large(tools):
            if not told:
                return fitting(self._question, tools, budget_tokens=self._room(), most=_HANDFUL)
            most = _HANDFUL
        else:
            most = choice.close if self._at.most_calls == 1 else max(_HANDFUL, choice.close)
        kept = set(choice.ranked[:most])
        return tuple(tool for tool in tools if tool.name in kept)

    def _room(self) -> int:
        """Tokens for the examples of a first choice."""
        question = estimate_tokens(self._question[:MESSAGE_CHARACTERS])
        return self._at.endpoint.context_tokens - self._at.action_tokens - question - _SMALL_TALK_TOKENS

    def _baseline(
        self, neutral: Ask, shown: Sequence[Offer], language: str
    ) -> Generator[Ask, Said, Mapping[str, float]]:
        """What the model names for an empty message, asked for once."""
        key = (language, tuple((tool.name, tool.description) for tool in shown))
        known = self._learned.baselines.get(key)
        if known is None:
            said = yield from self._said(neutral)
            known = likelihoods(said, [*(tool.name for tool in shown), NO_TOOL])
            self._learned.baselines.keep(key, known)
        return known

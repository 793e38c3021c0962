"""One decision of a model without tool calling: what is asked of it, and what is made of its replies.

A generator that yields each ``Ask`` and is sent what was ``Said``: it sends nothing and waits for nothing, so
the agent, its asynchronous twin and ``decide`` run the same text. A server's refusal is thrown into it as
``RefusedError``, which comes out again where there is no way around it.

Requests: one for the action; before it one for a thought where the model thinks, or one for the first choice
where it does not (and one more, once for a set of tools); one more to repair an action that is not valid, and
one more where that was cut off.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from agents.calling.actions import (
    ANSWER,
    FINAL,
    Action,
    EmptyAnswerError,
    InvalidActionError,
    action_schema,
    exhausted_tools,
    read_actions,
    was_cut_off,
)
from agents.calling.certain_calls import is_attempt
from agents.calling.exchange import Ask, RefusedError, Said
from agents.calling.first_choice import FirstChoice
from agents.calling.history import fit_history, flatten, shortened_history, without_system
from agents.calling.short_schema import shortened
from agents.calling.situation import Decided, Situation
from agents.calling.structured_answers import StructuredAnswer
from agents.calling.wording import ACT, ANSWER_IN_WORDS, THINK, describe_actions, reminder, repair
from rag.model_call import thinking_tokens
from rag.prompt_text import as_data, estimate_tokens
from stillroom.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from langchain_core.messages import AnyMessage

    from agents.calling.learned import Learned
    from agents.calling.offered import Offer

# The first reply and one repair: a model that fails twice fails a third time, unless it was cut off.
ATTEMPTS: Final = 2
# What of an invalid reply is shown to the model again.
_QUOTED_CHARACTERS: Final = 300
# The request to repair, with what was wrong, and the template's markers around the turns.
_REPAIR_TOKENS: Final = 200
# A thought of a server that keeps to no limit is cut: its end has the conclusion.
_CHARACTERS_PER_TOKEN: Final = 4
# The braces and names around an answer. A model that repeats itself writes a token for each character.
_JSON_TOKENS: Final = 64
# Of a reply's tokens one of two is left for white space, and for letters that take several, where the one
# before was cut off: then all of it takes no more characters than that.
_SHORT_SHARE: Final = 2

# What servers say of a schema that they do not compile, or of schemas that they do not know. Sources: the
# recordings of vLLM 0.32 and Ollama 0.33, llama.cpp's server.
_SCHEMA_WORDS: Final = re.compile(
    r"schema|grammar|response_format|structured|guided|invalid format|json mode", re.IGNORECASE
)
_SYSTEM_WORDS: Final = re.compile(
    r"system role|role.{0,20}system|system message|roles must alternate", re.IGNORECASE
)

# What a server found too long is asked again with this share of it, as long as there is something to cut.
_SECOND_TRY_SHARE: Final = 0.75

_log = logging.getLogger(__name__)


def decision(situation: Situation, learned: Learned) -> Generator[Ask, Said, Decided]:
    """Yield what to ask, until it is decided.

    Raises:
        ModelError: two or three replies in a row were no valid action (its cause is the
            ``InvalidActionError``), or the conversation does not fit.
        RefusedError: the server refused what cannot be done without.
    """
    return (yield from _Decision(situation, learned).steps())


class _Decision:
    """One decision under way."""

    def __init__(self, situation: Situation, learned: Learned) -> None:
        self._at = situation
        self._learned = learned
        turn = _latest_turn(situation.messages)
        self._calls = _calls(turn)
        self._question = turn[0].text if turn else ""
        self._tokens = 0
        self._thought = ""
        self._first = FirstChoice(situation, learned, self._question, self._calls, self._said)

    def steps(self) -> Generator[Ask, Said, Decided]:
        """Choose, think, act."""
        at = self._at
        exhausted = exhausted_tools(self._calls, at.tools)
        tools = tuple(tool for tool in at.tools if tool.name not in exhausted)
        if not tools and not at.answers:
            # A tool has to be called, and all were: one of them again.
            tools = tuple(at.tools)
        answers = at.answers
        if self._first.is_worth_asking(tools):
            tools, answers = yield from self._first.steps(tools)
        described = describe_actions(
            tools, answers=answers, most_calls=at.most_calls, question=as_data(self._question)
        )
        system = f"{at.instructions}\n{described}".strip()
        tried = {name for name, _ in self._calls}
        hint = reminder(as_data(self._question), at.tools, tried=tried)
        fitted = fit_history(at.messages, budget_tokens=self._budget(system + hint))
        while True:
            try:
                return (yield from self._told(system, fitted, hint, tools, answers))
            except RefusedError as refused:
                fewer = shortened_history(fitted, share=_SECOND_TRY_SHARE) if refused.too_long else None
                if fewer is None:
                    raise
                # Rare words and ids take more tokens than the estimate says.
                fitted = fewer

    def _told(
        self,
        system: str,
        fitted: Sequence[AnyMessage],
        hint: str,
        tools: Sequence[Offer],
        answers: Sequence[Offer],
    ) -> Generator[Ask, Said, Decided]:
        """Think and act on as much of the conversation as fits."""
        messages = flatten(fitted)
        if hint:
            messages = _append(messages, hint)
        if self._at.endpoint.capabilities.reasoning:
            thought = yield from self._think(system, messages)
            messages = _append(messages, ACT.format(thought=thought))
        return (yield from self._act(system, messages, tools, answers))

    def _think(self, system: str, messages: list[AnyMessage]) -> Generator[Ask, Said, str]:
        asked = Ask("thought", system, tuple(_append(messages, THINK)))
        thought = (yield from self._said(asked)).thought
        most = thinking_tokens(self._at.endpoint) * _CHARACTERS_PER_TOKEN
        if len(thought) > most:
            thought = f"… {thought[-most:]}"
        self._thought = thought
        return thought

    def _act(
        self, system: str, messages: list[AnyMessage], tools: Sequence[Offer], answers: Sequence[Offer]
    ) -> Generator[Ask, Said, Decided]:
        from langchain_core.messages import AIMessage, HumanMessage

        at = self._at
        failure: InvalidActionError | None = None
        schema = self._schema(tools, answers)
        tries, most, is_short, last = 0, ATTEMPTS, False, ""
        while tries < most:
            tries += 1
            said = yield from self._bound(Ask("action", system, tuple(messages), schema))
            try:
                return self._decided(said, in_words=failure is not None and self._may_be_words(said, tools))
            except InvalidActionError as error:
                failure, last = error, said.text
                shown = said.text[:_QUOTED_CHARACTERS] or "{}"
                messages = [*messages, AIMessage(shown), HumanMessage(repair(str(error)))]
            if not tools and ANSWER in answers:
                # There is nothing but to answer, and it does not in JSON.
                schema = None
                messages[-1] = HumanMessage(ANSWER_IN_WORDS)
            elif isinstance(failure, EmptyAnswerError):
                # It copied the ellipsis of the shape: it has nothing to answer by itself.
                schema = self._schema(tools, ())
            elif schema is not None and was_cut_off(said.text):
                schema = shortened(schema, characters=at.action_tokens // _SHORT_SHARE)
                # Where it is the last try that was too long, a short one has not been tried.
                most = max(most, tries + (not is_short))
                is_short = True
            elif schema is not None:
                # What it got wrong is what no grammar held; a number within bounds can be held.
                schema = self._schema(tools, answers, whole_numbers=True)
        raise ModelError(
            f"{at.endpoint.model} gave no valid action in {tries} replies: {failure}{_quoted(last)}",
            hint="choose a larger model: stillroom plan",
        ) from failure

    def _may_be_words(self, said: Said, tools: Sequence[Offer]) -> bool:
        """Whether an answer need not be JSON any more: there is no other way, or it writes words again."""
        return not tools or (self._at.takes_words and not said.is_thought and not is_attempt(said.text))

    def _bound(self, asked: Ask) -> Generator[Ask, Said, Said]:
        """The reply under the schema; without one where the server refuses that."""
        try:
            return (yield from self._said(asked))
        except RefusedError as refused:
            if asked.schema is None or not _SCHEMA_WORDS.search(refused.words):
                raise
            _log.info("%s refused the schema of an action: %s", self._at.endpoint.address, refused.words)
        return (yield from self._said(replace(asked, schema=None)))

    def _decided(self, said: Said, *, in_words: bool) -> Decided:
        """What the reply says; ``in_words`` where an answer need not be JSON."""
        at = self._at
        thought = self._thought or said.thought
        words = False
        try:
            actions = read_actions(said.text, at.tools, answers=at.answers, most_calls=at.most_calls)
        except InvalidActionError:
            if not in_words or ANSWER not in at.answers or not re.search(r"\w", said.text):
                raise
            actions, words = (Action(FINAL, {"answer": said.text.strip()}),), bool(at.tools)
        answer = next((offer for offer in at.answers if offer.name == actions[0].name), None)
        if answer is None:
            return Decided(actions, thought, self._tokens)
        arguments = actions[0].arguments
        if not isinstance(answer, StructuredAnswer):
            return Decided(actions, thought, self._tokens, arguments["answer"], in_words=words)
        try:
            value = answer.value(arguments)
        except ValueError as error:
            raise InvalidActionError(f"{answer.name}: {error}") from error
        text = json.dumps(arguments, ensure_ascii=False)
        return Decided(actions, thought, self._tokens, text, value)

    def _said(self, asked: Ask) -> Generator[Ask, Said, Said]:
        """The reply, with the instructions in the first turn where the template has no place for them."""
        if not self._learned.has_system:
            asked = without_system(asked)
        try:
            said = yield asked
        except RefusedError as refused:
            if not asked.system or not _SYSTEM_WORDS.search(refused.words):
                raise
            self._learned.has_system = False
            said = yield without_system(asked)
        self._tokens += said.tokens
        return said

    def _schema(
        self, tools: Sequence[Offer], answers: Sequence[Offer], *, whole_numbers: bool = False
    ) -> dict[str, Any] | None:
        at = self._at
        if not at.endpoint.capabilities.json_schema:
            return None
        # A token holds about one character at least, in Chinese too where the model writes it.
        return action_schema(
            tools,
            may_answer=bool(answers),
            answer_characters=max(at.action_tokens // _SHORT_SHARE, at.action_tokens - _JSON_TOKENS),
            answers=answers,
            most_calls=at.most_calls,
            whole_numbers=whole_numbers,
        )

    def _budget(self, instructions: str) -> int:
        """Tokens for the conversation beside the instructions, a thought, and an action with its repair."""
        taken = estimate_tokens(instructions) + self._at.action_tokens + _REPAIR_TOKENS
        return self._at.endpoint.context_tokens - thinking_tokens(self._at.endpoint) - taken


def _quoted(text: str) -> str:
    """The reply for a person's eyes, where there is one."""
    shown = " ".join(text.split())
    return f"; it wrote: {as_data(shown[:_QUOTED_CHARACTERS])}" if shown else ""


def _latest_turn(messages: Sequence[AnyMessage]) -> Sequence[AnyMessage]:
    """The latest question and what followed: calls that an earlier one led to may be made again."""
    asked = [index for index, message in enumerate(messages) if message.type == "human"]
    return messages[asked[-1] :] if asked else ()


def _calls(messages: Sequence[AnyMessage]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every tool call in the messages, oldest first."""
    return [
        (call["name"], call["args"]) for message in messages for call in getattr(message, "tool_calls", ())
    ]


def _append(messages: Sequence[AnyMessage], text: str) -> list[AnyMessage]:
    """The messages with ``text`` at the end of the last turn: templates want turns that alternate."""
    from langchain_core.messages import HumanMessage

    if not messages or messages[-1].type != "human":
        return [*messages, HumanMessage(text)]
    *before, last = messages
    return [*before, HumanMessage(f"{last.text}\n\n{text}")]

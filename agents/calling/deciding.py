"""Drives a decision for whoever sends its requests: each message goes in, the next ask comes out.

What the clients raise for a reply that the token limit cut, or for a request that the server refuses, is told
to the decision, which may know a way around it. It sends nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from agents.calling.exchange import RefusedError, Said, said
from agents.calling.turn import decision
from deploy.chat_errors import cut_off_text, is_too_long, readable_answer, refused_words

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from langchain_core.messages import BaseMessage

    from agents.calling.exchange import Ask
    from agents.calling.learned import Learned
    from agents.calling.situation import Decided, Situation


class Deciding:
    """A decision under way.

    Attributes:
        asked: what to send next; None once it is decided.
        message: the reply to it, to be set inside ``listening``.

    Example:
        >>> while deciding.asked is not None:  # doctest: +SKIP
        ...     with deciding.listening():
        ...         deciding.message = send(deciding.asked)
        ...     deciding.go_on()
    """

    def __init__(self, situation: Situation, learned: Learned) -> None:
        self.asked: Ask | None = None
        self.message: BaseMessage | None = None
        self._endpoint = situation.endpoint
        self._decided: Decided | None = None
        self._cut_off: Said | None = None
        self._refusal: tuple[RefusedError, Exception] | None = None
        self._steps: Generator[Ask, Said, Decided] = decision(situation, learned)
        self._advance(lambda: next(self._steps))

    @property
    def decided(self) -> Decided:
        """What came of it.

        Raises:
            RuntimeError: there is something to ask still.
        """
        if self._decided is None:
            raise RuntimeError("the decision is not made yet")
        return self._decided

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Around the sending of one request.

        Raises:
            ModelError: what came back is no chat answer.
        """
        import ollama
        import openai

        self.message = self._cut_off = self._refusal = None
        try:
            with readable_answer(self._endpoint):
                yield
        except openai.LengthFinishReasonError as error:
            self._cut_off = Said(cut_off_text(error))
        except (openai.APIStatusError, ollama.ResponseError) as error:
            too_long = is_too_long(error)
            words = str(error) if too_long else refused_words(error)
            if words is None:
                raise
            self._refusal = (RefusedError(words, too_long=too_long), error)

    def go_on(self) -> None:
        """Make of the reply what there is to make of it.

        Raises:
            ModelError: as ``turn.decision``.
        """
        if self._refusal is not None:
            refused, error = self._refusal
            try:
                self._advance(lambda: self._steps.throw(refused))
            except RefusedError:
                # There is no way around it: whoever translates the clients' exceptions says what it means.
                raise error from None
            return
        heard = self._cut_off
        if heard is None:
            if self.asked is None or self.message is None:
                raise RuntimeError("a reply is made something of once, after it came")
            heard = said(self.asked, self.message)
        self._advance(lambda: self._steps.send(heard))

    def _advance(self, step: Callable[[], Ask]) -> None:
        try:
            self.asked = step()
        except StopIteration as done:
            self.asked, self._decided = None, done.value

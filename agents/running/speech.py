"""What a model writes, told as thoughts and answer while it writes: one request after another of one run.

It knows the three kinds of request (a thought, a JSON action, a reply of a model with native tools), and that
a reply may turn out to be no answer. It knows neither LangChain nor who listens.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from agents.running.answer_text import AnswerReader
from agents.running.events import AgentEvent, AnswerPiece, AnswerWithdrawn, ThoughtPiece
from deploy.reasoning import Piece, ReasoningSplitter, Trimmed

if TYPE_CHECKING:
    from collections.abc import Callable

# thought: nothing but a thought is asked for. action: JSON. reply: text, or native tool calls.
RequestKind = Literal["thought", "action", "reply"]

# What a small model writes instead of a native call; held back until the reply is complete.
_CALL_OPENINGS: Final = (
    *("<tool_call", "<function", "<invoke", "<|tool", "<｜tool", "<|python_tag", "[TOOL_CALL"),
    *("{", "｛", "[{", "```json", "```tool_c", "Action:", "functions."),
)


class Speech:
    """Tells pieces, and takes an answer back.

    Args:
        tell: takes each event.

    Attributes:
        answer: what was told of an answer that was not taken back.
    """

    def __init__(self, tell: Callable[[AgentEvent], None]) -> None:
        self.answer = ""
        self.tell = tell

    def think(self, text: str) -> None:
        """Tell a piece of a thought."""
        if text:
            self.tell(ThoughtPiece(text))

    def say(self, text: str) -> None:
        """Tell a piece of the answer."""
        if text:
            self.answer += text
            self.tell(AnswerPiece(text))

    def withdraw(self) -> str:
        """Take back what was told of an answer; that text."""
        told, self.answer = self.answer, ""
        if told:
            self.tell(AnswerWithdrawn())
        return told

    def settle(self, answer: str) -> None:
        """Make what was told the answer, where it is another or was not told yet."""
        if self.answer != answer:
            self.withdraw()
            self.say(answer)


class Utterance:
    """One reply as it comes.

    Args:
        speech: of the run.
        kind: of the request.
        opened: the chat template has opened the thought.
    """

    def __init__(self, speech: Speech, kind: RequestKind, *, opened: bool = False) -> None:
        self.reasoning = ""
        self._speech = speech
        self._kind = kind
        # Whatever a model writes when it is asked for a thought is one, tagged or not. Under a schema the
        # text begins with the JSON, although the template has opened a thought.
        self._splitter = ReasoningSplitter(opened=kind == "thought" or (opened and kind == "reply"))
        self._thought, self._answer = Trimmed(), Trimmed()
        self._action = AnswerReader()
        self._held = ""
        self._holding = kind == "reply"
        self._called = False

    def feed(self, reasoning: str, text: str) -> None:
        """More of the reply: what the server gave as reasoning, and the text."""
        if reasoning:
            self._reasoned(reasoning)
        if not text:
            return
        if self._kind == "reply" and self.reasoning:
            self._content(text)  # the thought came apart: what looks like a tag is the answer's
        else:
            self._split(self._splitter.feed(text))

    def called(self) -> None:
        """The reply is a tool call: what came as text before it was a thought."""
        if not self._called:
            self._called = True
            self._speech.think(self._speech.withdraw() or self._held)
            self._held = ""

    def finish(self, *, is_call: bool = False) -> None:
        """Nothing comes any more.

        Args:
            is_call: the text was understood as a tool call, and is shown to nobody.
        """
        self._split(self._splitter.finish())
        if is_call:
            self._held = ""
            self._speech.withdraw()
        elif self._held:
            held, self._held = self._held, ""
            self._speech.say(self._answer.feed(held))

    def _reasoned(self, reasoning: str) -> None:
        # A server that takes the template's own <think> for an open thought hands the JSON over as reasoning.
        if self._kind == "action" and (self.reasoning + reasoning).lstrip().startswith("{"):
            self.reasoning += reasoning
            self._speech.say(self._answer.feed(self._action.feed(reasoning)))
            return
        self.reasoning += reasoning
        self._speech.think(self._thought.feed(reasoning))

    def _split(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if piece.kind == "reasoning":
                self._speech.think(piece.text)
            else:
                self._content(piece.text)

    def _content(self, text: str) -> None:
        match self._kind:
            case "action":
                self._speech.say(self._answer.feed(self._action.feed(text)))
            case "reply" if self._called:
                self._speech.think(text)
            case "reply":
                self._hold(text)

    def _hold(self, text: str) -> None:
        """Say the text, unless it may be a call that is written as text."""
        self._held += text
        start = self._held.lstrip()
        if self._holding and not start:
            return
        if self._holding and any(
            start.startswith(opening) or opening.startswith(start) for opening in _CALL_OPENINGS
        ):
            return
        self._holding = False
        shown, self._held = _before_call(self._held)
        self._speech.say(self._answer.feed(shown))


# Inside a text, only these begin a call: braces and code are too common there.
_LATER_OPENING: Final = re.compile(r"<tool_call|<function=|<[|｜]tool|\[TOOL_CALL")
_LONGEST_OPENING: Final = 10


def _before_call(text: str) -> tuple[str, str]:
    """The text that can be said, and what may be the beginning of a call or of its tag."""
    if found := _LATER_OPENING.search(text):
        return text[: found.start()], text[found.start() :]
    tail = max(text.rfind("<"), text.rfind("["))
    if tail >= 0 and len(text) - tail < _LONGEST_OPENING and _could_open(text[tail:]):
        return text[:tail], text[tail:]
    return text, ""


def _could_open(tail: str) -> bool:
    openings = ("<tool_call", "<function=", "<|tool", "<｜tool", "[TOOL_CALL")
    return any(opening.startswith(tail) for opening in openings)

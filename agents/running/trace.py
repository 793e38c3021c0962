"""What happened in one run of the agent, turn by turn and call by call, and which limit it has reached.

It keeps records and counts. It knows no model, calls no tool and looks at no clock.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agents.running.recorder import Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.running.limits import EndedBy, Limits
    from agents.running.step import Step
    from agents.tools import ToolResult
    from rag.document import Citation

# What a step keeps of a result, for a person to read. The model gets all of it.
SHOWN_CHARACTERS: Final = 600


@dataclass
class Trace:
    """The records of one run. Several threads may write at once.

    Attributes:
        ended_by: what came first of all that ends a run; None as long as nothing did.
        turns: the model's decisions.
        requests: sent to the model.
        prompt_tokens: of all of them, as the server counted.
        reply_tokens: likewise.
    """

    limits: Limits
    ended_by: EndedBy | None = None
    turns: list[Turn] = field(default_factory=list)
    requests: int = 0
    prompt_tokens: int = 0
    reply_tokens: int = 0
    _steps: dict[int, Step] = field(default_factory=dict)
    _results: dict[int, ToolResult] = field(default_factory=dict)
    _before_turn: tuple[int, int, int] = (0, 0, 0)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def tokens(self) -> int:
        """Prompts and replies together."""
        return self.prompt_tokens + self.reply_tokens

    @property
    def steps(self) -> tuple[Step, ...]:
        """The calls, in the order of their numbers."""
        with self._lock:
            return tuple(self._steps[number] for number in sorted(self._steps))

    @property
    def results(self) -> tuple[ToolResult, ...]:
        """What the calls returned that ran and did not fail, in the same order."""
        with self._lock:
            return tuple(self._results[number] for number in sorted(self._results))

    def end(self, reason: EndedBy) -> None:
        """Say why the run ends; the first reason stays."""
        with self._lock:
            self.ended_by = self.ended_by or reason

    def may_turn(self) -> bool:
        """Whether the model may decide once more; ends the run where it may not."""
        if len(self.turns) >= self.limits.steps:
            self.end("step_limit")
        return self.may_request()

    def may_request(self) -> bool:
        """Whether one more request may be sent; ends the run where it may not."""
        if self.requests >= self.limits.model_calls:
            self.end("call_limit")
        elif self.tokens >= self.limits.tokens:
            self.end("token_limit")
        return self.ended_by is None

    def count_request(self, *, prompt_tokens: int, reply_tokens: int) -> None:
        """Note a request; 0 where the server does not count."""
        self.requests += 1
        self.prompt_tokens += prompt_tokens
        self.reply_tokens += reply_tokens

    def end_turn(self, *, thought: str, calls: Sequence[str], seconds: float) -> Turn:
        """Note a decision of the model: all requests since the one before belong to it."""
        requests, prompt_tokens, reply_tokens = self._before_turn
        self._before_turn = (self.requests, self.prompt_tokens, self.reply_tokens)
        turn = Turn(
            number=len(self.turns) + 1,
            thought=thought,
            calls=tuple(calls),
            seconds=seconds,
            requests=self.requests - requests,
            prompt_tokens=self.prompt_tokens - prompt_tokens,
            reply_tokens=self.reply_tokens - reply_tokens,
        )
        self.turns.append(turn)
        return turn

    def keep(self, step: Step, result: ToolResult | None) -> None:
        """Note a call that ended; ``result`` is what can be cited from it."""
        with self._lock:
            self._steps[step.number] = step
            if result is not None:
                self._results[step.number] = result

    def citations(self) -> tuple[Citation, ...]:
        """Every quote that a tool gave, each once, with the tool's own markers."""
        quotes = {
            (citation.passage_id, citation.quote): citation
            for result in self.results
            for citation in result.citations
        }
        return tuple(quotes.values())


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= limit else f"{text[:limit]} …"

"""What happened in one run of the agent, step by step, and when it has to end.

It keeps records and counts. It knows no model and no language model library; calling a tool is the only
thing that it does.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from agents.running.consent import Consent
from agents.tools import ToolResult
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.tools import Tool
    from rag.document import Citation

EndedBy = Literal[
    "answer",
    "step_limit",
    "tool_limit",
    "time_limit",
    "call_limit",
    "token_limit",
    "loop",
    "model_error",
    "cancelled",
]

# What a step keeps of a result, for a person to read. The model gets all of it.
_SHOWN_CHARACTERS: Final = 600
# The same call once more is a slip, and a third time a loop.
_MOST_SAME_CALLS: Final = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a run that does not end itself.

    Attributes:
        steps: turns of the model.
        tool_calls: calls that really ran.
        model_calls: requests to the model; a turn takes several where it thinks first or is repaired.
        tokens: prompts and replies of all requests together, where the server reports them.
        seconds: of wall clock, looked at before each turn and each tool call. A request that is under way
            then may take as long again.
    """

    steps: int = 8
    tool_calls: int = 12
    model_calls: int = 40
    tokens: int = 200_000
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call.

    Attributes:
        number: from 1.
        thought: what the model thought before it, or empty.
        result: what the tool gave, at most about 600 characters of it.
        failed: the tool refused, now or when the same call came before; ``result`` says why.
        repeated: the same call came before; the earlier result was given back.
        model_seconds: what the model took to decide.
        tool_seconds: what the tool took.
        tokens: prompt and reply together of that decision, where the server reported them.
        citations: the quotes that the tool gave with its result.
    """

    number: int
    thought: str
    tool: str
    arguments: Mapping[str, Any]
    result: str
    failed: bool
    repeated: bool
    model_seconds: float
    tool_seconds: float
    tokens: int | None
    citations: tuple[Citation, ...] = ()


@dataclass
class Trace:
    """The records of one run. Tools may run in several threads at once.

    Args:
        limits: what ends the run.
        on_step: is given each step as it ends.
        consent: says which calls may run.
        cancelled: ends the run.
    """

    limits: Limits
    on_step: Callable[[Step], None]
    consent: Consent = field(default_factory=Consent)
    cancelled: threading.Event = field(default_factory=threading.Event)
    steps: list[Step] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)
    ended_by: EndedBy | None = None
    turns: int = 0
    _decision: tuple[str, float, int | None] = ("", 0.0, None)
    _seen: dict[str, tuple[ToolResult, bool]] = field(default_factory=dict)
    _repeats: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: float = field(default_factory=time.monotonic)

    @property
    def remaining_seconds(self) -> float:
        """Wall clock left to the run."""
        return self.limits.seconds - (time.monotonic() - self._started)

    def check_limits(self) -> EndedBy | None:
        """Why the run has to end now, or None. To be asked before each turn of the model."""
        if self.ended_by is None:
            if self.cancelled.is_set():
                self.ended_by = "cancelled"
            elif self.remaining_seconds <= 0:
                self.ended_by = "time_limit"
            elif sum(not step.repeated for step in self.steps) >= self.limits.tool_calls:
                self.ended_by = "tool_limit"
            elif self.turns >= self.limits.steps:
                self.ended_by = "step_limit"
        return self.ended_by

    def record_turn(self, *, thought: str, seconds: float, tokens: int | None) -> None:
        """Keep what the model took to decide; the steps that follow from it carry it."""
        self.turns += 1
        self._decision = (thought, seconds, tokens)

    def call(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        """Run a tool, or give an earlier result back, and record the step; the text for the model."""
        with self._lock:
            return self._call(tool, arguments)

    def _call(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        key = json.dumps([tool.name, arguments], sort_keys=True, ensure_ascii=False, default=str)
        if key in self._seen:
            return self._repeat(key, tool, arguments)
        if self.ended_by is not None or self.remaining_seconds <= 0:
            return "not run: the run has ended"
        started = time.monotonic()
        failed = False
        try:
            self.consent.check(tool, arguments)
            result = tool.call(arguments)
        except ToolError as error:
            failed = True
            result = ToolResult(f"Error: {error.message}" + (f" ({error.hint})" if error.hint else ""))
        self._seen[key] = (result, failed)
        if not failed:
            self.results.append(result)
        self._record(tool, arguments, result, failed=failed, tool_seconds=time.monotonic() - started)
        return result.text

    def _repeat(self, key: str, tool: Tool, arguments: Mapping[str, Any]) -> str:
        self._repeats[key] = self._repeats.get(key, 1) + 1
        if self._repeats[key] > _MOST_SAME_CALLS:
            self.ended_by = "loop"
        note = "You made this very call before; this is its result again. Do something else, or answer."
        result, failed = self._seen[key]
        again = replace(result, text=f"{note}\n{result.text}")
        self._record(tool, arguments, again, failed=failed, repeated=True)
        return again.text

    def _record(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        result: ToolResult,
        *,
        failed: bool = False,
        repeated: bool = False,
        tool_seconds: float = 0.0,
    ) -> None:
        thought, model_seconds, tokens = self._decision
        step = Step(
            number=len(self.steps) + 1,
            thought=thought,
            tool=tool.name,
            arguments=dict(arguments),
            result=shorten(result.text, _SHOWN_CHARACTERS),
            failed=failed,
            repeated=repeated,
            model_seconds=model_seconds,
            tool_seconds=tool_seconds,
            tokens=tokens,
            citations=result.citations,
        )
        self.steps.append(step)
        self.on_step(step)

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

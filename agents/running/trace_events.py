"""A run's record as events of plain values, for a file, a terminal or a test.

Each event is a mapping that JSON can write; docs/agent.md describes its fields. Secrets are taken out here,
before anything is handed on. Where events go is their sinks' business.
"""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agents.running.redaction import Redactor
from agents.running.trace import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agents.running.agent_run import AgentRun
    from agents.running.recorder import RunStart, Turn
    from agents.running.step import Step

TraceEvent: TypeAlias = "Mapping[str, Any]"

VERSION: Final = 1
# Enough to see what happened; the whole texts are in the conversation.
_MOST_CHARACTERS: Final = 2_000
_MOST_ARGUMENT_CHARACTERS: Final = 4_000


class TraceEvents:
    """A recorder that makes events.

    Args:
        sinks: each is given every event, in order. They must not raise.
        redactor: takes secrets out; one that knows none takes out what looks like one.
    """

    def __init__(
        self, sinks: Sequence[Callable[[TraceEvent], None]], redactor: Redactor | None = None
    ) -> None:
        self._sinks = tuple(sinks)
        self._redactor = redactor or Redactor()
        self._run = ""
        self._started = 0.0

    def run_started(self, start: RunStart) -> None:
        """A run begins; the events that follow carry its id."""
        self._run, self._started = uuid.uuid4().hex[:12], time.monotonic()
        self._tell(
            "run_started",
            question=self._short(start.question),
            model=start.model,
            server=start.server,
            way=start.way,
            tools=list(start.tools),
            limits=dict(start.limits),
            conversation=start.conversation,
        )

    def turn_ended(self, turn: Turn) -> None:
        """The model decided."""
        self._tell(
            "model_called",
            turn=turn.number,
            ms=_ms(turn.seconds),
            requests=turn.requests,
            prompt_tokens=turn.prompt_tokens,
            reply_tokens=turn.reply_tokens,
            thought=self._short(turn.thought),
            calls=list(turn.calls),
        )

    def call_started(self, number: int, tool: str, arguments: Mapping[str, Any]) -> None:
        """A tool begins."""
        self._tell("tool_started", call=number, tool=tool, arguments=self._arguments(arguments))

    def call_ended(self, step: Step) -> None:
        """A tool ended, was refused, or was answered from an earlier call."""
        self._tell(
            "tool_called",
            call=step.number,
            tool=step.tool,
            arguments=self._arguments(step.arguments),
            result=self._short(step.result),
            citations=len(step.citations),
            failed=step.failed,
            repeated=step.repeated,
            ms=_ms(step.tool_seconds),
        )

    def consent_given(self, tool: str, decision: str, seconds: float) -> None:
        """A person was asked about a call."""
        self._tell("consent", tool=tool, decision=decision, ms=_ms(seconds))

    def noticed(self, text: str) -> None:
        """The reader was told something."""
        self._tell("noticed", text=self._short(text))

    def run_ended(self, run: AgentRun) -> None:
        """The run ended, whatever ended it."""
        self._tell(
            "run_ended",
            ended_by=run.ended_by,
            answer=self._short(run.answer),
            citations=len(run.citations),
            calls=len(run.steps),
            tokens=run.tokens,
            notice=run.notice,
            ms=_ms(time.monotonic() - self._started),
        )

    def run_failed(self, message: str) -> None:
        """The run ended with an error instead."""
        self._tell("run_failed", error=self._short(message), ms=_ms(time.monotonic() - self._started))

    def _tell(self, event: str, **fields: object) -> None:
        head = {
            "version": VERSION,
            "event": event,
            "run": self._run,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        told = {**head, **self._redactor.value(fields)}
        for sink in self._sinks:
            sink(told)

    def _short(self, text: str) -> str:
        """Redacted before it is cut, so that no half of a key is left."""
        return shorten(self._redactor.text(text), _MOST_CHARACTERS)

    def _arguments(self, arguments: Mapping[str, Any]) -> object:
        """The arguments, or as a text what fits of those that are too long."""
        clean = self._redactor.value(arguments)
        text = json.dumps(clean, ensure_ascii=False)
        return clean if len(text) <= _MOST_ARGUMENT_CHARACTERS else shorten(text, _MOST_ARGUMENT_CHARACTERS)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)

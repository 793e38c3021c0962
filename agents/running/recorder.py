"""Who is told of a run for the record: a trace file, telemetry, or several of them.

Values come in the order in which things end; never two calls at a time, perhaps from different threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from agents.running.agent_run import AgentRun
    from agents.running.step import Step


@dataclass(frozen=True, slots=True)
class RunStart:
    """What a run begins with.

    Attributes:
        question: as the person asked it.
        model: the name that requests carry.
        tools: names of those that may be called.
        conversation: its name; empty where nothing is kept.
        server: base URL of the endpoint.
        way: in which tools are called: native, constrained or prompted.
        limits: what ends the run, by name.
    """

    question: str
    model: str
    tools: tuple[str, ...] = ()
    conversation: str = ""
    server: str = ""
    way: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One decision of the model: a single request, or several where it thinks first or is repaired.

    Attributes:
        number: from 1.
        thought: what it thought, or empty.
        calls: names of the tools that it called, in their order; none where it answered.
        seconds: of wall clock.
        requests: how many were sent.
        prompt_tokens: of all of them, as the server counted; 0 where it did not.
        reply_tokens: likewise.
    """

    number: int
    thought: str
    calls: tuple[str, ...]
    seconds: float
    requests: int
    prompt_tokens: int
    reply_tokens: int


class Recorder(Protocol):
    """Keeps what it is told. It must not raise for what it cannot keep."""

    def run_started(self, start: RunStart) -> None:
        """A run begins."""

    def turn_ended(self, turn: Turn) -> None:
        """The model decided."""

    def call_started(self, number: int, tool: str, arguments: Mapping[str, Any]) -> None:
        """A tool begins, in the thread that runs it."""

    def call_ended(self, step: Step) -> None:
        """A tool ended, was refused, or was answered from an earlier call; in the same thread."""

    def consent_given(self, tool: str, decision: str, seconds: float) -> None:
        """A person was asked about a call, and took so long to decide."""

    def noticed(self, text: str) -> None:
        """The reader was told something, such as that old turns were summarized."""

    def run_ended(self, run: AgentRun) -> None:
        """The run ended, whatever ended it."""

    def run_failed(self, message: str) -> None:
        """The run ended with an error instead, whichever."""


@dataclass(frozen=True, slots=True)
class Recorders:
    """Several recorders as one, each told the same in turn."""

    recorders: tuple[Recorder, ...]

    def run_started(self, start: RunStart) -> None:
        """A run begins."""
        for each in self.recorders:
            each.run_started(start)

    def turn_ended(self, turn: Turn) -> None:
        """The model decided."""
        for each in self.recorders:
            each.turn_ended(turn)

    def call_started(self, number: int, tool: str, arguments: Mapping[str, Any]) -> None:
        """A tool begins."""
        for each in self.recorders:
            each.call_started(number, tool, arguments)

    def call_ended(self, step: Step) -> None:
        """A tool ended, was refused, or was answered from an earlier call."""
        for each in self.recorders:
            each.call_ended(step)

    def consent_given(self, tool: str, decision: str, seconds: float) -> None:
        """A person was asked about a call."""
        for each in self.recorders:
            each.consent_given(tool, decision, seconds)

    def noticed(self, text: str) -> None:
        """The reader was told something."""
        for each in self.recorders:
            each.noticed(text)

    def run_ended(self, run: AgentRun) -> None:
        """The run ended, whatever ended it."""
        for each in self.recorders:
            each.run_ended(run)

    def run_failed(self, message: str) -> None:
        """The run ended with an error instead."""
        for each in self.recorders:
            each.run_failed(message)

"""Who is told of a run for the record: a trace file, telemetry, or several of them.

Values come in the order in which things end; never two calls at a time, perhaps from different threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from agents.running.agent_run import AgentRun
    from agents.running.trace import Step


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

    def run_started(self, question: str, *, model: str, tools: tuple[str, ...], conversation: str) -> None:
        """A run begins."""

    def turn_ended(self, turn: Turn) -> None:
        """The model decided."""

    def call_started(self, number: int, tool: str, arguments: Mapping[str, Any]) -> None:
        """A tool begins, in the thread that runs it."""

    def call_ended(self, step: Step) -> None:
        """A tool ended, was refused, or was answered from an earlier call; in the same thread."""

    def run_ended(self, run: AgentRun) -> None:
        """The run ended, whatever ended it."""

    def run_failed(self, message: str) -> None:
        """The run ended with an error instead."""

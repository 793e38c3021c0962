"""What a run of the agent tells while it goes on, for a terminal, a trace or a client to show.

Values only. Pieces of text come in the order in which the model writes them; they may come from a thread that
is not the caller's, but never two at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.running.step import Step


@dataclass(frozen=True, slots=True)
class ThoughtPiece:
    """More of what the model thinks."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerPiece:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerWithdrawn:
    """What was told of the answer so far is none: the model's reply was no valid action, or a tool call."""


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A call that was allowed and begins now.

    Attributes:
        number: of the call in this run, from 1; the same as its step's.
    """

    number: int
    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolProgressed:
    """A sign of life of a call.

    Attributes:
        done: between 0 and 1; None where the tool does not say.
    """

    number: int
    message: str
    done: float | None = None


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A call that ended, was refused, or was answered from an earlier one."""

    step: Step


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that the reader should know, such as that old turns were summarized."""

    text: str


AgentEvent: TypeAlias = (
    ThoughtPiece | AnswerPiece | AnswerWithdrawn | ToolStarted | ToolProgressed | ToolEnded | Noticed
)

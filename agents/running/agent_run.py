"""What a run of the agent came to: an answer with its evidence, or an honest end without one. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.running.limits import EndedBy
    from agents.running.step import Step
    from rag.document import Citation


@dataclass(frozen=True, slots=True)
class AgentRun:
    """What the agent came to.

    Attributes:
        answer: the model's own words; for a run that a limit ended, what the tools returned.
        citations: quotes that tools gave, found word for word and numbered from 1: those that the answer
            rests on; for a run that something else ended, the first ones.
        ended_by: ``answer``, or what stopped it.
        notice: what the reader should know of the answer, or empty.
        tokens: prompts and replies of all requests together, where the server reported them.
        seconds: of wall clock.
        conversation: the name under which it can be gone on with; empty where nothing was kept.
    """

    answer: str
    citations: tuple[Citation, ...]
    steps: tuple[Step, ...]
    ended_by: EndedBy
    notice: str = ""
    tokens: int = 0
    seconds: float = 0.0
    conversation: str = ""

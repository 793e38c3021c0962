"""What a run needs of a conversation that is kept, so that later questions can refer to earlier ones.

A protocol: how and where it is kept is ``agents.memory``'s business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain.agents.middleware import AgentMiddleware
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from deploy.endpoint import Endpoint


class Remembered(Protocol):
    """One conversation."""

    @property
    def name(self) -> str:
        """What it is resumed by."""

    @property
    def thread_id(self) -> str:
        """LangGraph's name of it."""

    @property
    def checkpointer(self) -> BaseCheckpointSaver[Any]:
        """Keeps its messages after each step."""

    def middleware(
        self, endpoint: Endpoint, *, answer_tokens: int
    ) -> Sequence[AgentMiddleware[Any, Any, Any]]:
        """What stands outermost before the model, such as one that summarizes old turns; may be empty."""

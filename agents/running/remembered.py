"""What a run needs of a conversation that is kept, so that later questions can refer to earlier ones.

A protocol: how and where it is kept is ``agents.memory``'s business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain.agents.middleware import AgentMiddleware
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from agents.running.agent_run import AgentRun
    from agents.tools import Tool
    from deploy.endpoint import Endpoint


class Remembered(Protocol):
    """One conversation."""

    @property
    def name(self) -> str:
        """What it is resumed by."""

    @property
    def thread_id(self) -> str:
        """LangGraph's name of it."""

    def open_checkpointer(self) -> BaseCheckpointSaver[Any]:
        """What keeps its messages after each step of one run."""

    def middleware(
        self,
        endpoint: Endpoint,
        tools: Sequence[Tool],
        *,
        answer_tokens: int,
        tell: Callable[[str], None],
        wanted: Callable[[], bool],
    ) -> Sequence[AgentMiddleware[Any, Any, Any]]:
        """What stands outermost before the model, such as one that summarizes old turns; may be empty.

        Args:
            endpoint: whose context is to be kept to.
            tools: whose descriptions take some of it.
            answer_tokens: kept free for the model's reply.
            tell: is given what the reader should know.
            wanted: whether the run still goes on.
        """

    def record(self, question: str, run: AgentRun, *, model: str) -> None:
        """Keep what the run came to, beside the messages."""

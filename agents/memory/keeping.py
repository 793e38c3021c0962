"""A middleware that hands the model a whole conversation, whatever an earlier run left of it.

Importing this module imports LangChain's agents, which takes seconds: it is imported when a run begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain_core.messages import RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from agents.memory.mending import mended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.messages import AnyMessage
    from langgraph.runtime import Runtime


class KeepWhole(AgentMiddleware):
    """Mends the messages before a run's first request.

    Args:
        begin: is given the question, to keep it before there is an answer.
    """

    def __init__(self, begin: Callable[[str], None]) -> None:
        super().__init__()
        self._begin = begin

    def before_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """Keep the question; give calls without results one, and unanswered questions an answer."""
        messages = state["messages"]
        self._begin(messages[-1].text)
        whole = mended(messages)
        return replaced(whole) if whole != messages else None


def replaced(messages: Sequence[AnyMessage]) -> dict[str, Any]:
    """The update that puts these messages in the place of all."""
    return {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES), *messages]}

"""One conversation that is kept: what a run of the agent needs to go on with it, and what it leaves behind.

Held by one process at a time. The messages are LangGraph's checkpoint; question, answer and citations of each
turn lie beside them, for people.
"""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from agents.memory.database import CONVERSATIONS
from agents.memory.turns import begin_turn, end_turn, read_turns
from stillroom.errors import ConversationError
from stillroom.sqlite_file import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.runnables import RunnableConfig

    from agents.memory.checkpoints import NewestCheckpoint
    from agents.memory.turns import KeptTurn, Outcome
    from agents.tools import Tool
    from deploy.endpoint import Endpoint


class Conversation:
    """A conversation, open. Made by ``Conversations.open``; ``close`` lets go of it.

    Args:
        path: of the file.
        connection: to it.
        identity: of its row.
        name: what it is resumed by.
        held: what ``close`` lets go of: the connection, and the lock on the conversation.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        *,
        identity: int,
        name: str,
        held: contextlib.ExitStack,
    ) -> None:
        self.name = name
        self._path = path
        self._connection = connection
        self._identity = identity
        self._held = held
        self._begun: tuple[int, str] | None = None
        self._saver: NewestCheckpoint | None = None
        self._guard = threading.RLock()

    @property
    def thread_id(self) -> str:
        """LangGraph's name of it; stays where the conversation is renamed."""
        return thread_id(self._identity)

    @property
    def config(self) -> RunnableConfig:
        """What LangGraph's ``invoke`` takes to go on with it."""
        return {"configurable": {"thread_id": self.thread_id}}

    def open_checkpointer(self) -> NewestCheckpoint:
        """Keeps its messages after each step of one run; closes the one of the run before.

        A run that was ended may have left a tool behind that still works: what comes of it then must not be
        written over the next run's messages.

        Raises:
            ConversationError: what is kept of its messages cannot be read.
            EnvironmentUnfitError: no space, no permission.
        """
        from agents.memory.checkpoints import NewestCheckpoint

        self._retire()
        with CONVERSATIONS.translated_errors(self._path):
            saver = NewestCheckpoint(self._path)
        with contextlib.ExitStack() as undo:
            undo.callback(saver.close)
            self._require_messages(saver)
            undo.pop_all()
        self._saver = saver
        return saver

    def _require_messages(self, saver: NewestCheckpoint) -> None:
        try:
            saver.get_tuple(self.config)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ConversationError(
                f"the messages of the conversation {self.name!r} in {self._path} cannot be read: {error}",
                hint=f"its questions and answers can: stillroom conversations export '{self.name}'",
            ) from error

    @property
    def turns(self) -> tuple[KeptTurn, ...]:
        """Its questions and answers, oldest first.

        Raises:
            ConversationError: they cannot be read.
        """
        return kept_turns(self._connection, self._path, self._identity, self.name)

    def middleware(
        self,
        endpoint: Endpoint,
        tools: Sequence[Tool] = (),
        *,
        answer_tokens: int,
        tell: Callable[[str], None] = lambda _: None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Sequence[AgentMiddleware[Any, Any, Any]]:
        """What stands outermost before the model: it mends what was broken off, and summarizes old turns.

        Args:
            endpoint: whose context is to be kept to.
            tools: whose descriptions take some of it.
            answer_tokens: kept free for the model's reply.
            tell: is given what the reader should know, such as that turns were summarized.
            wanted: whether the run still goes on; asked while a summary is written.
        """
        from agents.memory.keeping import KeepWhole
        from agents.memory.summary import SummarizeHistory, history_tokens_for

        room = history_tokens_for(endpoint, tools, answer_tokens=answer_tokens)
        return (
            KeepWhole(lambda question: self.begin(question, model=endpoint.model)),
            SummarizeHistory(endpoint, budget_tokens=room, tell=tell, wanted=wanted),
        )

    def begin(self, question: str, *, model: str) -> None:
        """Keep the question before there is an answer, so that a killed run leaves it behind.

        Raises:
            ConversationError: the file is damaged.
            EnvironmentUnfitError: there is no space left.
        """
        now = _now()
        with self._guard, CONVERSATIONS.translated_errors(self._path), transaction(self._connection):
            number = begin_turn(self._connection, self._identity, asked=now, model=model, question=question)
            self._connection.execute(
                "UPDATE conversations SET used = ?, model = ? WHERE id = ?", (now, model, self._identity)
            )
            self._begun = (number, question)

    def record(self, question: str, run: Outcome, *, model: str = "") -> None:
        """Keep what a run came to, under the question that it began with.

        Raises:
            ConversationError: the file is damaged.
            EnvironmentUnfitError: there is no space left.
        """
        with self._guard:
            self._retire()
            if self._begun is None or self._begun[1] != question:
                self.begin(question, model=model)
            assert self._begun is not None  # noqa: S101 - begin sets it
            number, _ = self._begun
            self._begun = None
            with CONVERSATIONS.translated_errors(self._path), transaction(self._connection):
                end_turn(self._connection, self._identity, number, run)
            with CONVERSATIONS.translated_errors(self._path):
                # What checkpoints and summaries no longer need goes back to the disk.
                self._connection.execute("PRAGMA incremental_vacuum")

    def close(self) -> None:
        """Let go of it; safe to call twice."""
        with self._guard:
            self._retire()
            self._held.close()

    def _retire(self) -> None:
        if self._saver:
            self._saver.close()
            self._saver = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of it."""
        self.close()


def thread_id(identity: int) -> str:
    """LangGraph's name of the conversation with that row."""
    return f"conversation-{identity}"


def kept_turns(connection: sqlite3.Connection, path: Path, identity: int, name: str) -> tuple[KeptTurn, ...]:
    """The turns of the conversation with that row.

    Raises:
        ConversationError: they cannot be read.
    """
    with CONVERSATIONS.translated_errors(path):
        try:
            return read_turns(connection, identity)
        except (ValueError, TypeError) as error:
            raise ConversationError(
                f"the turns of the conversation {name!r} in {path} cannot be read: {error}",
                hint=f"stillroom conversations delete '{name}'",
            ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

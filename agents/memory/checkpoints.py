"""LangGraph's saver for one file, which keeps of each conversation the newest checkpoint alone.

LangGraph's own keeps every step, each with all messages, so a conversation of 100 turns would take the square
of its length. It does not know what the messages are.

Importing this module imports LangGraph: ``agents.memory.conversation`` does it when it is used.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from agents.memory.database import CONVERSATIONS
from deploy.private_database import connect_plainly

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata

# One that is older than the newest is never read: ids grow with time, and as text.
_DELETE_OLDER: Final = (
    "DELETE FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < ?",
    "DELETE FROM writes WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < ?",
)


class NewestCheckpoint(SqliteSaver):
    """Keeps the newest checkpoint of each conversation.

    Args:
        path: a file that ``CONVERSATIONS.connect`` made ready.

    Raises:
        ConversationError: from each of its methods, where the file is damaged or not let go of.
        EnvironmentUnfitError: likewise, where there is no space left.
    """

    def __init__(self, path: Path) -> None:
        # None: only LangChain's messages and plain values come back. The default would import and call
        # whatever a file names.
        super().__init__(connect_plainly(path), serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        self._path = path

    @contextlib.contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:  # noqa: FBT001, FBT002 - theirs
        """What all methods work with."""
        with CONVERSATIONS.translated_errors(self._path), super().cursor(transaction) as cursor:
            yield cursor

    def close(self) -> None:
        """Write no more; what is being written is finished first."""
        with self.lock:
            self.conn.close()

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint, and let go of those before it.

        A kill between the two leaves one too many, which the next step removes.
        """
        saved = super().put(config, checkpoint, metadata, new_versions)
        place: dict[str, Any] = saved["configurable"]
        with self.cursor() as cursor:
            for statement in _DELETE_OLDER:
                cursor.execute(
                    statement, (str(place["thread_id"]), place["checkpoint_ns"], place["checkpoint_id"])
                )
        return saved

"""The SQLite file of the conversations: its own tables.

LangGraph's tables of checkpoints lie in the same file; ``agents.memory.checkpoints`` knows them.
"""

from __future__ import annotations

from typing import Final

from deploy.private_database import PrivateDatabase
from stillroom.errors import ConversationError

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL,
    used TEXT NOT NULL,
    model TEXT NOT NULL DEFAULT '',
    holder INTEGER
);
CREATE TABLE IF NOT EXISTS turns (
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    asked TEXT NOT NULL,
    model TEXT NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    citations TEXT NOT NULL DEFAULT '[]',
    tools TEXT NOT NULL DEFAULT '[]',
    ended_by TEXT NOT NULL DEFAULT 'interrupted',
    notice TEXT NOT NULL DEFAULT '',
    seconds REAL NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, number)
);
"""

CONVERSATIONS: Final = PrivateDatabase(
    "conversations",
    ConversationError,
    version=1,
    tables=_TABLES,
    # Messages are replaced with each step; what that leaves free is given back.
    first_pragmas=("PRAGMA auto_vacuum = INCREMENTAL",),
    pragmas=("PRAGMA foreign_keys = ON",),
)

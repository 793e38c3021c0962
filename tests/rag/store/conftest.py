"""What the store's tests share: a truth without indexes, and documents in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.store.database import open_database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An empty library file."""
    connection = open_database(tmp_path)
    yield connection
    connection.close()

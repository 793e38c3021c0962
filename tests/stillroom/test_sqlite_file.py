"""What runs together is kept together or not at all, and an error says what kind of trouble there is."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from stillroom.sqlite_file import transaction, trouble

if TYPE_CHECKING:
    from pathlib import Path


def opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0, isolation_level=None)


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    connection = opened(tmp_path / "f.sqlite3")
    connection.execute("CREATE TABLE salt (grams INTEGER NOT NULL)")
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):
        connection.executemany("INSERT INTO salt VALUES (?)", [(5,), (None,)])
    assert connection.execute("SELECT count(*) FROM salt").fetchone() == (0,)
    with transaction(connection):
        connection.execute("INSERT INTO salt VALUES (5)")
    assert connection.execute("SELECT grams FROM salt").fetchall() == [(5,)]
    connection.close()


def test_an_error_tells_a_busy_file_from_a_damaged_one_and_from_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "f.sqlite3"
    first, second = opened(path), opened(path)
    with transaction(first), pytest.raises(sqlite3.OperationalError) as busy, transaction(second):
        pass
    first.close()
    second.close()
    path.write_bytes(b"salt" * 1000)
    broken = opened(path)
    with pytest.raises(sqlite3.DatabaseError) as damaged:
        broken.execute("SELECT * FROM sqlite_master")
    broken.close()
    with pytest.raises(sqlite3.OperationalError) as unfit:
        opened(tmp_path / "missing" / "f.sqlite3")
    assert [trouble(error.value) for error in (busy, damaged, unfit)] == ["busy", "damaged", "unfit"]

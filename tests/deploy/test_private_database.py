"""A SQLite file of the state directory: private, of a version, and let go of where it cannot be opened."""

from __future__ import annotations

import sqlite3
import stat
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from deploy.private_database import PrivateDatabase, connect_plainly
from stillroom.errors import EnvironmentUnfitError, JobError

if TYPE_CHECKING:
    from pathlib import Path

SALTS: Final = PrivateDatabase(
    "salts", JobError, version=2, tables="CREATE TABLE IF NOT EXISTS salts (grams INTEGER)"
)


def handles(path: Path) -> int:
    """How often this process has the file open."""
    return sum(file.path == str(path) for file in psutil.Process().open_files())


def test_a_new_file_has_its_tables_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "salts.sqlite3"
    connection = SALTS.connect(path)
    connection.execute("INSERT INTO salts VALUES (5)")
    connection.close()
    again = connect_plainly(path)
    assert again.execute("SELECT grams FROM salts").fetchall() == [(5,)]
    again.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(not psutil.LINUX, reason="only Linux tells every open file")
def test_what_cannot_be_opened_is_let_go_of(tmp_path: Path) -> None:
    path = tmp_path / "salts.sqlite3"
    path.write_bytes(b"salt" * 1000)
    damaged = pytest.raises(JobError, match=r"the file of the salts, .*, is damaged")
    with damaged as told, SALTS.translated_errors(path):
        SALTS.connect(path)
    assert "mv" in told.value.hint
    assert handles(path) == 0
    broken = PrivateDatabase("salts", JobError, version=2, tables="CREATE TABLE nonsense")
    with pytest.raises(sqlite3.OperationalError) as caught:
        broken.connect(tmp_path / "new.sqlite3")
    assert handles(tmp_path / "new.sqlite3") == 0
    assert "syntax" in str(caught.value) or "incomplete" in str(caught.value)


def test_a_file_of_a_newer_version_and_one_in_no_folder_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "salts.sqlite3"
    connection = SALTS.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(JobError, match=r"the salts in .* have format 3; this Stillroom reads up to 2"):
        SALTS.connect(path)
    nowhere = path / "salts.sqlite3"
    with (
        pytest.raises(EnvironmentUnfitError, match="has to be a folder"),
        SALTS.translated_errors(nowhere),
    ):
        SALTS.connect(nowhere)

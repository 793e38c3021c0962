"""What is kept in the state directory is for its owner alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from deploy.private_files import make_private_file, make_private_folder, open_private, write_new_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture(autouse=True)
def _everybody_may_read() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_folders_that_are_missing_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path / "state" / "logs")
    make_private_folder(tmp_path / "state" / "logs")
    assert [mode(tmp_path / name) for name in (".", "state", "state/logs")] == [0o755, 0o700, 0o700]


def test_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("", encoding="utf-8")
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "state")


def test_file_is_made_for_its_owner_alone_and_an_older_one_becomes_so(tmp_path: Path) -> None:
    new, older = tmp_path / "new.log", tmp_path / "older.log"
    older.write_bytes(b"before ")
    older.chmod(0o644)
    for path in (new, older):
        with open_private(path, append=True) as file:
            file.write(b"after")
        assert mode(path) == 0o600
    assert older.read_bytes() == b"before after"
    with open_private(older) as file:
        file.write(b"anew")
    assert older.read_bytes() == b"anew"


def test_file_that_is_opened_by_its_path_is_its_owners_alone_and_keeps_what_it_holds(
    tmp_path: Path,
) -> None:
    new, older = tmp_path / "state" / "new.sqlite3", tmp_path / "older.sqlite3"
    older.write_bytes(b"before")
    older.chmod(0o644)
    for path in (new, older):
        make_private_file(path)
        assert mode(path) == 0o600
    assert (new.read_bytes(), mode(new.parent), older.read_bytes()) == (b"", 0o700, b"before")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away")
def test_permissions_of_a_file_of_somebody_else_are_theirs(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite3"
    path.write_bytes(b"")
    path.chmod(0o644)
    os.chown(path, 12_345, -1)
    make_private_file(path)
    with open_private(path, append=True):
        assert mode(path) == 0o644


def test_a_new_file_is_its_owners_alone_and_one_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "salt.md"
    write_new_private(path, b"first")
    with pytest.raises(FileExistsError):
        write_new_private(path, b"second")
    assert (path.read_bytes(), mode(path)) == (b"first", 0o600)

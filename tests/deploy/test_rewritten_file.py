"""A small private file is rewritten by one process at a time, and whole."""

from __future__ import annotations

import stat
import threading
from typing import TYPE_CHECKING

import pytest

from deploy.rewritten_file import RewrittenFile
from stillroom.errors import McpError

if TYPE_CHECKING:
    from pathlib import Path


def test_whoever_reads_and_rewrites_under_the_lock_loses_nothing_of_others(tmp_path: Path) -> None:
    kept = RewrittenFile(tmp_path / "state" / "counts", 1_000, McpError)
    with kept.locked():
        kept.write(b"0")

    def count_on() -> None:
        for _ in range(20):
            with kept.locked():
                kept.write(str(int(kept.read()) + 1).encode())

    threads = [threading.Thread(target=count_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.read() == b"60"
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600


def test_what_cannot_be_read_or_written_is_said_with_its_path(tmp_path: Path) -> None:
    kept = RewrittenFile(tmp_path / "counts", 3, McpError)
    with pytest.raises(FileNotFoundError):
        kept.read()
    kept.write(b"1234")
    with pytest.raises(McpError, match="counts cannot be read: it has more than 3 bytes") as caught:
        kept.read(hint="count again")
    assert caught.value.hint == "count again"
    below = RewrittenFile(kept.path / "counts", 3, McpError)
    with pytest.raises(McpError, match="cannot be written"), below.locked():
        pass


def test_an_error_inside_lets_go_of_the_lock(tmp_path: Path) -> None:
    kept = RewrittenFile(tmp_path / "counts", 1_000, McpError)
    with pytest.raises(OSError, match="salt"), kept.locked():
        raise OSError("salt")
    with kept.locked():
        kept.write(b"1")
    assert kept.read() == b"1"

"""The log as a file: followed over restarts, moved aside when it has grown."""

from __future__ import annotations

import threading
from queue import Queue
from typing import TYPE_CHECKING

from deploy.supervision import engine_log
from deploy.supervision.engine_log import follow, keep_previous, last_lines, previous, rotate_if_large

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_last_lines_are_read_whatever_bytes_are_in_them(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_bytes(b"one\n\xff\xfe two\nthree")

    assert last_lines(log, 2) == ("\ufffd\ufffd two", "three")


def test_following_goes_on_over_an_emptied_and_a_replaced_file(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text("old\n", encoding="utf-8")
    lines: Queue[str] = Queue()
    ended = threading.Event()

    followed = follow(log, go_on=lambda: not ended.is_set())

    def read() -> None:
        for line in followed:
            lines.put(line)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with log.open("a", encoding="utf-8") as file:
            # A line that comes in two pieces is one line.
            file.write("fir")
            file.flush()
            file.write("st\n")
        assert lines.get(timeout=120) == "first"
        log.write_text("", encoding="utf-8")
        with log.open("a", encoding="utf-8") as file:
            file.write("x\n")
        assert lines.get(timeout=120) == "x"
        keep_previous(log)
        log.write_text("second life\n", encoding="utf-8")
        assert lines.get(timeout=120) == "second life"
    finally:
        ended.set()
        reader.join(timeout=120)

    assert not reader.is_alive()


def test_a_log_that_has_grown_is_emptied_under_its_writer_and_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_log, "_MOST_BYTES", 10)
    log = tmp_path / "engine.log"
    with log.open("ab") as writer:
        writer.write(b"twelve bytes")
        writer.flush()

        assert rotate_if_large(log) == "twelve bytes"
        assert rotate_if_large(log) == ""
        writer.write(b"more")

    assert log.read_bytes() == b"more"
    assert previous(log).read_bytes() == b"twelve bytes"


def test_a_log_that_is_not_there_is_neither_moved_nor_missed(tmp_path: Path) -> None:
    keep_previous(tmp_path / "engine.log")

    assert rotate_if_large(tmp_path / "engine.log") == ""
    assert list(tmp_path.iterdir()) == []

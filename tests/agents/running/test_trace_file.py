"""A trace file gets a line for each event, of several processes at once, and does not grow without end."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from agents.running.trace_file import TraceFile
from stillroom.errors import EnvironmentUnfitError

WRITE = """
import sys
from pathlib import Path
from agents.running.trace_file import TraceFile
file = TraceFile(Path(sys.argv[1]), most_bytes=20_000)
for number in range(200):
    file.write({"event": "noticed", "who": sys.argv[2], "number": number})
"""


def lines(*paths: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_event_is_a_line_that_only_its_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "traces" / "a.jsonl"
    file = TraceFile(path)
    file.write({"event": "noticed", "text": "一\n二"})
    TraceFile(path).write({"event": "noticed", "text": "three"})
    assert [line["text"] for line in lines(path)] == ["一\n二", "three"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_half_a_character_that_a_model_wrote_is_kept_as_its_escape(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    file = TraceFile(path)
    file.write({"event": "tool_started", "tool": "a\ud83d", "arguments": {"thing": "\udc80"}})
    assert lines(path)[0]["tool"] == "a\ud83d"
    assert not file.problem


def test_a_full_file_is_moved_aside_and_the_oldest_gives_way(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    file = TraceFile(path, most_bytes=100)
    for number in range(40):
        file.write({"event": "noticed", "number": number})
    names = ["a.jsonl", "a.jsonl.1", "a.jsonl.2", "a.jsonl.3"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == names
    assert all((tmp_path / name).stat().st_size <= 100 for name in names)
    kept = [line["number"] for line in lines(*(tmp_path / name for name in reversed(names)))]
    assert kept == list(range(40))[-len(kept) :]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names} == {0o600}


def test_a_line_longer_than_the_file_may_be_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    TraceFile(path, most_bytes=10).write({"event": "noticed", "text": "x" * 50})
    assert len(lines(path)) == 1


def test_several_processes_write_whole_lines_and_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(path), who], cwd=Path(__file__).parents[3])
        for who in ("one", "two", "three")
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    written = lines(*tmp_path.iterdir())
    for who in ("one", "two", "three"):
        assert sorted(int(str(line["number"])) for line in written if line["who"] == who) == list(range(200))


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnfitError, match="cannot be written"):
        TraceFile(tmp_path)


def test_what_fails_later_ends_nothing_and_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    file = TraceFile(path)
    path.unlink()
    path.mkdir()
    file.write({"event": "noticed"})
    assert "is not complete" in file.problem

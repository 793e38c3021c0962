"""Runs are recorded where somebody wants that, and what was not written is said in the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agents.running.recorder import RunStart
from stillroom.cli.recording import Recording

if TYPE_CHECKING:
    from pathlib import Path


def test_nobody_is_told_by_default() -> None:
    assert Recording({}, secrets=tuple, tell=print).recorder(None, None, ()) is None


def test_one_file_takes_what_several_runs_do_without_any_known_secret(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    recording = Recording({}, secrets=lambda: ["hunter22"], tell=print)
    for question in ("is hunter22 it?", "or sesame11?"):
        recorder = recording.recorder(path, None, ["sesame11"])
        assert recorder is not None
        recorder.run_started(RunStart(question, model="m"))
    recording.close()
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [event["question"] for event in told] == ["is [redacted] it?", "or [redacted]?"]
    assert len({event["run"] for event in told}) == 2


def test_a_file_that_takes_no_more_is_said_once_when_all_is_over(tmp_path: Path) -> None:
    path, said = tmp_path / "t.jsonl", list[str]()
    recording = Recording({}, secrets=tuple, tell=said.append)
    recorder = recording.recorder(path, None, ())
    assert recorder is not None
    path.unlink()
    path.mkdir()
    recorder.noticed("one")
    recorder.noticed("two")
    recording.close()
    recording.close()
    (problem,) = said
    assert str(path) in problem

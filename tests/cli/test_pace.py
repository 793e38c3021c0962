"""How far a long piece of work is: what the line says, and how often it is written."""

from __future__ import annotations

import pytest

from stillroom.cli.output import Output
from stillroom.cli.pace import Pace, pace_text, paced


@pytest.mark.parametrize(
    ("done", "seconds", "said"),
    [
        (0, 0.0, "0 of 2,000 questions"),
        (0, 3.0, "0 of 2,000 questions"),
        (1_000, 10.0, "1,000 of 2,000 questions, 100.0/s, 10 s left"),
        (100, 10.0, "100 of 2,000 questions, 10.0/s, 3 min 10 s left"),
        (2_000, 20.0, "2,000 of 2,000 questions, 100.0/s, 0 s left"),
    ],
)
def test_rate_and_time_left_are_told_once_something_is_done(done: int, seconds: float, said: str) -> None:
    assert pace_text(done, 2_000, seconds, noun="questions") == said


def test_time_is_counted_from_the_beginning_of_the_work() -> None:
    lines: list[str] = []
    times = iter([100.0, 104.0])

    Pace("files", lines.append, clock=lambda: next(times)).tell(2, 10)

    assert lines == ["2 of 10 files, 0.5/s, 16 s left"]


def test_a_log_is_not_filled_by_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    with paced(Output(), "Asking", noun="questions") as pace:
        for number in range(100):
            pace.tell(number, 100)

    assert capsys.readouterr().err.splitlines() == ["Asking …"]

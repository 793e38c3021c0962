"""An ingest's progress for the program that started it: JSON lines, not more than anybody reads."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from rag.ingesting.report import IngestProgress
from stillroom.cli.ingest_progress import JsonProgress
from tests.cli.conftest import refused

if TYPE_CHECKING:
    from tests.conftest import Home


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_steps_are_lines_of_json_a_few_a_second_at_most() -> None:
    stream = io.StringIO()
    times = iter([0.0, 0.0, 0.1, 0.2, 0.3, 0.5])
    told = JsonProgress(stream, clock=lambda: next(times))
    for number in range(5):
        told.tell(IngestProgress("indexing", "/tmp/茶\udcff.md", number, 5, number * 2))  # noqa: S108
    told.wait("process 41 is writing")
    *steps, waiting = lines(stream)
    assert [step["progress"]["files_done"] for step in steps] == [0, 3]
    assert steps[0]["progress"]["path"].startswith("/tmp/茶")  # noqa: S108
    assert waiting == {"waiting": "process 41 is writing"}
    assert stream.getvalue().isascii()


def test_progress_and_waiting_belong_to_an_ingest_that_ends(home: Home) -> None:
    for option in (("--wait", "5"), ("--json-progress",)):
        for mode in ("--watch", "--dry-run"):
            refused(home.run("ingest", ".", mode, *option), "go with neither --watch nor --dry-run")

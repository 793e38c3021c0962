"""The measurement runs against the real embedded engine, and says what it found as data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.toolcalling import chosen, measure
from bench.toolcalling_files import read_cases
from bench.toolcalling_report import Row, lines, report
from bench.toolcalling_scoring import Reply, score
from tests.bench.test_toolcalling_files import TRUTH, entry, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

    from deploy.endpoint import Endpoint

    Serve = Callable[..., AbstractContextManager[Any]]

REPOSITORY = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(REPOSITORY / "bench" / "toolcalling.py"), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=240, cwd=REPOSITORY)


def test_two_cases_are_measured_in_all_ways_on_the_bundled_model(
    bundled_endpoint: Endpoint, tmp_path: Path
) -> None:
    write(tmp_path / "simple.json", [entry("simple_0", ground_truth=TRUTH)])
    write(tmp_path / "irrelevance.json", [entry("irrelevance_0")])
    server = ["--endpoint", bundled_endpoint.base_url, "--model", bundled_endpoint.model]

    done = bench(*server, "--dir", str(tmp_path), "--max-tokens", "64", "--json")

    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["engine"] == "embedded"
    assert set(measured["ways"]) == {"native", "constrained", "prompted"}
    constrained = measured["ways"]["constrained"]
    assert constrained["all"]["cases"] == 2
    assert constrained["all"]["valid"] == 1.0
    # The engine's template never shows tools to the model, so that nothing is called in its own way.
    assert measured["ways"]["native"]["by_category"]["simple"]["right_tool"] == 0.0
    assert len(measured["rows"]) == 6
    assert measured["constrained/prompted"].keys() == {
        "valid",
        "right_tool",
        "right_arguments",
        "right_refusal",
    }


def test_a_folder_without_cases_ends_with_a_reason(tmp_path: Path) -> None:
    done = bench("--endpoint", "http://127.0.0.1:1/v1", "--model", "m", "--dir", str(tmp_path))

    assert done.returncode == 1
    assert f"{tmp_path} holds no cases" in done.stderr


def test_a_limit_takes_cases_from_all_files_of_a_kind(tmp_path: Path) -> None:
    write(tmp_path / "live_simple.json", [entry(f"live_simple_{n}", ground_truth=TRUTH) for n in range(3)])
    write(tmp_path / "simple.json", [entry(f"simple_{n}", ground_truth=TRUTH) for n in range(3)])
    write(tmp_path / "irrelevance.json", [entry("irrelevance_0")])
    cases = read_cases(tmp_path).cases

    picked = [case.id for case in chosen(cases, categories=(), limit=2)]

    assert picked == ["irrelevance_0", "live_simple_0", "simple_0"]
    assert len(chosen(cases, categories=["simple"], limit=None)) == 6
    assert chosen(cases, categories=["parallel"], limit=2) == []


def test_a_server_that_refuses_is_no_invalid_call(scripted_chat: Serve, tmp_path: Path) -> None:
    write(tmp_path / "simple.json", [entry("simple_0", ground_truth=TRUTH)])
    (case,) = read_cases(tmp_path).cases
    with scripted_chat((500, "out of order"), (500, "out of order")) as chat:
        row = measure(chat.endpoint(), case, "prompted", parallel=False)

    assert "out of order" in row.error
    assert (row.score.valid, row.score.right_tool) == (None, False)


def test_rates_are_of_the_cases_that_they_can_be_told_of(tmp_path: Path) -> None:
    write(tmp_path / "simple.json", [entry("simple_0", ground_truth=TRUTH)])
    write(tmp_path / "irrelevance.json", [entry("irrelevance_0")])
    refused, simple = read_cases(tmp_path).cases
    answer, unreadable = Reply(answer="Four."), Reply(problem="no JSON")
    rows = [
        Row(refused, "constrained", score(refused, answer), 1, 2.0, "Four."),
        Row(simple, "constrained", score(simple, unreadable), 2, 4.0, "?"),
        Row(simple, "prompted", score(simple, answer), 1, 1.0, "", error="the server refused"),
    ]

    figures = report(rows)

    constrained = figures["ways"]["constrained"]["all"]
    assert (constrained["valid"], constrained["right_tool"], constrained["right_refusal"]) == (0.0, 0.0, 1.0)
    assert (constrained["requests_per_case"], constrained["seconds_per_case"]) == (1.5, 3.0)
    assert figures["ways"]["prompted"]["errors"] == 1
    assert figures["constrained/prompted"]["right_tool"] is None
    assert any("the server refused" in line for line in lines(figures))

"""The demo goes the whole way, twice, and leaves nothing running, also when it is interrupted."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.processes import wait_until

if TYPE_CHECKING:
    import subprocess

    from tests.conftest import Home

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "library"
DEADLINE_SECONDS = 480


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory, furnished: Home) -> tuple[Home, dict[str, Any]]:
    """A house in which the demo ran once, and the line of JSON that it ended with."""
    folder = tmp_path_factory.mktemp("visited")
    home = replace(furnished, folder=folder, environment={"STILLROOM_AGENT_MAX_STEPS": "2"})
    done = home.run("demo", "--json", seconds=DEADLINE_SECONDS)
    assert done.returncode == 0, done.stderr
    assert wait_until(lambda: left_running(home) == [])
    assert all(f"{step}/7" in done.stderr for step in range(1, 8))
    return home, json.loads(done.stdout)


def test_the_demo_measures_what_it_predicted(visited: tuple[Home, dict[str, Any]]) -> None:
    _, seen = visited
    terms = {term["name"]: term["measured_bytes"] for term in seen["measured"]["terms"]}
    predicted = {term["name"]: term for term in seen["bundled"]["memory"]["terms"]}
    total_low = sum(term["low_bytes"] for term in predicted.values())
    total_high = sum(term["high_bytes"] for term in predicted.values())

    assert terms["kv_cache"] == predicted["kv_cache"]["expected_bytes"]
    assert predicted["weights"]["low_bytes"] * 0.99 < terms["weights"] < predicted["weights"]["high_bytes"]
    assert total_low < seen["measured"]["rss_bytes"] < total_high


def test_the_demo_ingests_every_example(visited: tuple[Home, dict[str, Any]]) -> None:
    _, seen = visited

    assert seen["ingest"]["added"] == sum(path.is_file() for path in EXAMPLES.rglob("*"))
    assert seen["ingest"]["failed"] == []


def test_the_demo_answers_in_both_languages_with_quotes_that_stand_there_and_refuses(
    visited: tuple[Home, dict[str, Any]],
) -> None:
    home, seen = visited
    english, chinese, unanswerable = seen["answers"]
    documents = {document["id"]: document for document in home.json("sources", "--library", "demo")}

    assert english["kind"] in {"written", "extractive"}
    assert chinese["kind"] == "extractive"
    assert chinese["notice"]
    assert unanswerable["kind"] == "refused"
    assert unanswerable["citations"] == []
    for answer in (english, chinese):
        assert answer["citations"]
        for citation in answer["citations"]:
            assert citation["document_id"] in documents
            assert citation["quote"]
            assert citation["locator"]


def test_the_demos_agent_called_a_tool_of_its_toolbox(visited: tuple[Home, dict[str, Any]]) -> None:
    _, seen = visited

    assert {step["tool"] for step in seen["agent"]["steps"]} <= {"search_library", "vram_estimate"}
    assert seen["agent"]["steps"]
    assert seen["agent"]["ended_by"]


def test_the_demo_lists_tools_over_mcp(visited: tuple[Home, dict[str, Any]]) -> None:
    _, seen = visited

    assert {"search_library", "ask_library", "plan_deployment"} <= set(seen["mcp_tools"])


def test_a_second_demo_reuses_the_library(visited: tuple[Home, dict[str, Any]]) -> None:
    home, first = visited

    with home.start("demo") as process:
        shown = read_until(process, "5/7")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE_SECONDS)

    assert f"0 added, 0 replaced, {first['ingest']['added']} unchanged" in shown


@pytest.mark.parametrize("step", [2, 3, 4, 5, 6, 7])
def test_ctrl_c_at_any_step_leaves_no_process(visited: tuple[Home, dict[str, Any]], step: int) -> None:
    home = replace(visited[0], environment={"STILLROOM_AGENT_MAX_STEPS": "1"})

    with home.start("demo") as process:
        read_until(process, f"{step}/7")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE_SECONDS)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert wait_until(lambda: left_running(home) == [])


def test_a_killed_demo_takes_its_engine_with_it(visited: tuple[Home, dict[str, Any]]) -> None:
    home, _ = visited

    with home.start("demo") as process:
        read_until(process, "5/7")
        process.kill()
        process.communicate(timeout=DEADLINE_SECONDS)

    assert wait_until(lambda: left_running(home) == [])


def read_until(process: subprocess.Popen[str], mark: str) -> str:
    """What the process printed up to and with the line that holds the mark."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if mark in line:
            return "".join(lines)
    raise AssertionError(f"{mark!r} never came: {''.join(lines)} {process.communicate()[1]}")


def left_running(home: Home) -> list[int]:
    """Processes that were started in this house: its state directory is in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("STILLROOM_STATE_DIR") == str(home.state_dir):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found

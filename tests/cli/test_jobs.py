"""A person looks after the jobs of MCP servers, from the command line."""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from agents.tool_result import ToolResult
from mcp_server.jobs.job import Holder
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agents.call_context import CallContext
    from mcp_server.jobs.job import Job
    from tests.conftest import Home

PATIENT_S = 120
# No process has this number: it is beyond what Linux gives away.
GONE = Holder("gone", 2**22 + 1, 1.0)
ME = Holder("me", os.getpid(), psutil.Process().create_time())


@pytest.fixture
def store(home: Home) -> Iterator[JobStore]:
    with closing(JobStore(home.state_dir / "jobs.sqlite3")) as store:
        yield store


def add(store: JobStore, owner: str = "ada", holder: Holder | None = None) -> Job:
    asked = {"question": "How heavy is [salt]?"}
    return store.add("ask_library", asked, owner=owner, library="/data/libraries/盐", holder=holder)


def done(store: JobStore, text: str = "It weighs 5 g.") -> Job:
    job = add(store, holder=ME)
    store.finish(job.id, ME, "done", result=ToolResult(text, {"answer": text}))
    return job


def test_the_list_shows_everybodys_jobs_the_newest_first(home: Home, store: JobStore) -> None:
    old, new = add(store, "laptop", ME), add(store, "local")
    store.tell(old.id, ME, "at page 3", 0.25)

    listed = home.json("jobs")

    assert [(one["job_id"], one["owner"]) for one in listed] == [(new.id, "local"), (old.id, "laptop")]
    assert (listed[1]["state"], listed[1]["progress"], listed[1]["message"]) == ("running", 0.25, "at page 3")
    assert (listed[1]["library"], listed[1]["server_gone"]) == ("/data/libraries/盐", False)
    lines = home.run("jobs").stdout.splitlines()
    assert lines[0].split() == ["id", "kind", "library", "state", "done", "age", "owner"]
    assert lines[2].split()[:5] == [old.id, "ask_library", "盐", "running", "25%"]


def test_a_house_without_jobs_has_an_empty_list_and_makes_no_file(home: Home) -> None:
    assert home.json("jobs") == []
    assert home.json("jobs", "clear") == {"cleared": 0, "kept": 0}
    assert home.run("jobs").stdout == "No job is kept.\n"
    assert not (home.state_dir / "jobs.sqlite3").exists()


def test_a_long_list_ends_with_how_many_more_there_are(home: Home, store: JobStore) -> None:
    waiting = add(store)
    for _ in range(23):
        done(store)

    short = home.run("jobs", "--json")

    listed = json.loads(short.stdout)
    assert len(listed) == 21
    assert listed[-1]["job_id"] == waiting.id
    assert "3 more: stillroom jobs --all" in short.stderr
    assert len(home.json("jobs", "--all")) == 24


def test_a_job_is_shown_with_its_question_and_its_result_and_no_terminal_obeys_them(
    home: Home, store: JobStore
) -> None:
    job = done(store, "It weighs \x1b[2J 5 g.")

    shown = home.run("jobs", "show", job.id).stdout

    assert '"How heavy is [salt]?"' in shown
    assert "It weighs \\x1b[2J 5 g." in shown
    told = home.json("jobs", "show", job.id)
    assert told["arguments"] == {"question": "How heavy is [salt]?"}
    assert told["result"]["data"] == {"answer": "It weighs \x1b[2J 5 g."}


def test_a_queued_job_is_cancelled_at_once(home: Home, store: JobStore) -> None:
    told = home.json("jobs", "cancel", add(store).id)
    assert (told["state"], told["server_was_gone"]) == ("cancelled", False)


def test_a_job_that_another_process_runs_is_cancelled_there(home: Home, store: JobStore) -> None:
    stopped = threading.Event()

    def work(_arguments: Mapping[str, Any], call: CallContext) -> ToolResult:
        call.cancelled.wait(PATIENT_S)
        stopped.set()
        call.check()
        return ToolResult("too late", {})

    runner = JobRunner(JobStore(store.path), {"ask_library": work}, library="a")
    try:
        job = runner.start("ask_library", {}, "ada")
        assert wait_until(lambda: runner.find(job.id, "ada").state == "running", PATIENT_S)

        told = home.json("jobs", "cancel", job.id, "--wait", "120")
    finally:
        runner.close()

    assert stopped.is_set()
    assert (told["state"], told["error"]) == ("cancelled", "it was cancelled, as somebody asked")


def test_a_job_whose_server_is_gone_is_ended_here_and_that_is_said(home: Home, store: JobStore) -> None:
    job = add(store, holder=GONE)
    assert "running, no server" in home.run("jobs").stdout

    ended = home.run("jobs", "cancel", job.id, "--json")

    told = json.loads(ended.stdout)
    assert (told["state"], told["server_was_gone"]) == ("cancelled", True)
    assert "is not there any more" in ended.stderr


def test_a_server_that_does_not_end_a_job_is_named(home: Home, store: JobStore) -> None:
    job = add(store, holder=ME)

    refused = home.run("jobs", "cancel", job.id, "--wait", "0")

    assert refused.returncode == 1
    assert f"process {os.getpid()} is still at it" in refused.stderr
    assert home.json("jobs")[0]["cancelling"] is True


def test_an_ended_job_stays_as_it_ended(home: Home, store: JobStore) -> None:
    again = home.run("jobs", "cancel", done(store).id, "--json")
    assert json.loads(again.stdout)["state"] == "done"
    assert "It had ended before" in again.stderr


def test_clearing_leaves_nothing_of_what_ended_and_all_that_goes_on(home: Home, store: JobStore) -> None:
    done(store, "the combination is 7-3-9")
    goes_on = add(store)

    assert home.json("jobs", "clear") == {"cleared": 1, "kept": 1}

    assert [one["job_id"] for one in home.json("jobs", "--all")] == [goes_on.id]
    store.close()
    for file in home.state_dir.iterdir():
        assert b"7-3-9" not in file.read_bytes()


def test_an_unknown_id_is_an_error_with_the_next_command(home: Home) -> None:
    for command in ("show", "cancel"):
        refused = home.run("jobs", command, "beef")
        assert refused.returncode == 1
        assert "there is no job 'beef'" in refused.stderr
        assert "stillroom jobs --all" in refused.stderr

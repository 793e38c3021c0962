"""The tools that start, watch and end long work: on whose behalf, below which folders, and how they wait."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from agents.background import start_in_background
from agents.call_context import CallContext
from agents.tool_result import ToolResult
from mcp_server.callers import LOCAL, Caller
from mcp_server.job_tools import job_tools
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from stillroom.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from agents.tools import Tool

PATIENT_S = 120
TOKEN = Caller("ada", frozenset({"read", "ingest"}))


class Desk:
    """A runner whose ingest goes on until it is allowed to end, or cancelled, and the tools over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.allowed = threading.Event()
        self.jobs = JobRunner(JobStore(folder / "jobs.sqlite3"), {"ingest": self._ingest})

    def tools(self, caller: Caller = LOCAL, roots: Sequence[Path] | None = None) -> dict[str, Tool]:
        """The tools as that caller has them."""
        return {served.name: served.for_caller(caller) for served in job_tools(self.jobs, roots)}

    def _ingest(self, arguments: Mapping[str, Any], call: CallContext) -> ToolResult:
        call.progress("1 of 2 files", 0.5)
        while not self.allowed.wait(0.01):
            call.check()
        return ToolResult(f"took {arguments['paths']}", dict(arguments))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.allowed.set()
    desk.jobs.close()


def test_tools_say_what_they_change(desk: Desk) -> None:
    offered = {served.name: served for served in job_tools(desk.jobs)}
    changes = {name: (one.tool.read_only, one.tool.destructive) for name, one in offered.items()}
    assert changes == {
        "ingest": (False, True),  # what was deleted on the disk leaves the library
        "job_status": (True, False),
        "cancel_job": (False, True),
    }
    # Four that wait for a job would keep a search waiting otherwise.
    assert [name for name, one in offered.items() if one.waits] == ["job_status", "cancel_job"]
    assert not any(one.tool.needs_consent for one in offered.values())


def test_ingest_returns_a_handle_and_status_waits_for_the_result_and_tells_how_far_it_is(desk: Desk) -> None:
    tools = desk.tools()
    job = tools["ingest"].call({"paths": [str(desk.folder)]})
    assert job.text.startswith(f"Job {job.data['job_id']} (ingest) is queued")

    def tell(message: str, done: float | None) -> None:
        if (message, done) == ("1 of 2 files", 0.5):
            desk.allowed.set()

    asked = {"job_id": job.data["job_id"], "wait_seconds": 25}
    done = tools["job_status"].call(asked, CallContext(progress=tell))
    while done.data["state"] != "done":
        done = tools["job_status"].call(asked, CallContext(progress=tell))
    assert done.data["result"] == {"paths": [str(desk.folder)]}
    assert f"took ['{desk.folder}']" in done.text
    assert "result_text" not in done.data


def test_status_that_nobody_waits_for_any_more_ends_and_the_job_goes_on(desk: Desk) -> None:
    tools = desk.tools()
    job = tools["ingest"].call({"paths": [str(desk.folder)]}).data["job_id"]
    call = CallContext()
    waiting = start_in_background(lambda: tools["job_status"].call({"job_id": job}, call))
    call.cancelled.set()
    with pytest.raises(ToolError):
        waiting.result(PATIENT_S)
    assert tools["job_status"].call({"job_id": job, "wait_seconds": 0}).data["error"] == ""


def test_cancelled_job_says_so_and_hints_at_nothing_to_wait_for(desk: Desk) -> None:
    tools = desk.tools()
    job = tools["ingest"].call({"paths": [str(desk.folder)]}).data["job_id"]
    tools["cancel_job"].call({"job_id": job})
    ended = desk.jobs.wait(job, PATIENT_S)
    assert ended.state == "cancelled"
    assert "job_status" not in tools["job_status"].call({"job_id": job}).text


def test_holder_of_a_token_ingests_below_the_roots_alone_and_nowhere_without_any(desk: Desk) -> None:
    paths = {"paths": [str(desk.folder)]}
    with pytest.raises(ToolError, match="no folder may be ingested over HTTP") as caught:
        desk.tools(TOKEN)["ingest"].call(paths)
    assert "mcp_ingest_roots" in caught.value.hint
    (desk.folder / "notes").mkdir()
    with pytest.raises(ToolError, match="outside the folders"):
        desk.tools(TOKEN, [desk.folder / "notes"])["ingest"].call(paths)
    taken = desk.tools(TOKEN, [desk.folder])["ingest"].call(paths).data
    assert taken["state"] == "queued"
    kept = desk.jobs.find(taken["job_id"], TOKEN.name).arguments
    assert kept == {**paths, "within": [str(desk.folder)]}  # what enforces it for each file
    with pytest.raises(ToolError, match="outside the folders"):
        desk.tools(LOCAL, [desk.folder / "notes"])["ingest"].call(paths)


def test_job_of_a_token_is_unknown_to_everybody_else(desk: Desk) -> None:
    job = desk.tools(TOKEN, [desk.folder])["ingest"].call({"paths": [str(desk.folder)]}).data["job_id"]
    for other in (LOCAL, Caller("eve", frozenset({"read", "ingest"}))):
        for name in ("job_status", "cancel_job"):
            with pytest.raises(ToolError, match=f"there is no job '{job}'"):
                desk.tools(other)[name].call({"job_id": job})
    assert desk.tools(TOKEN)["job_status"].call({"job_id": job, "wait_seconds": 0}).data["job_id"] == job

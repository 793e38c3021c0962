"""The ingest job's work: a real ``stillroom ingest`` as a child process of ours."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from agents.background import start_in_background
from agents.call_context import CallContext
from mcp_server.jobs.ingest_child import IngestChild
from stillroom.errors import EnvironmentUnfitError, JobError, ToolError
from tests.processes import children_with, runs, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Home

PATIENT_S = 240


@pytest.fixture
def folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of documents; children of this process live in the house."""
    for name, value in home.variables().items():
        monkeypatch.setenv(name, value)
    folder = home.folder / "documents"
    folder.mkdir()
    return folder


def ingest(*more: str, **options: float) -> IngestChild:
    settings = {name: value for name, value in os.environ.items() if name.startswith("STILLROOM_")}
    return IngestChild((sys.executable, "-P", "-m", "stillroom", "ingest", *more), settings, **options)


def write(folder: Path, count: int) -> None:
    for number in range(count):
        text = " ".join(f"{word} {number} of the story." for word in ("Beginning", "Middle", "End"))
        (folder / f"{number:04}.md").write_text(f"# Story {number}\n\n{text}\n")


def test_ingest_gives_its_counts_and_names_what_failed(folder: Path) -> None:
    write(folder, 2)
    (folder / "empty.pdf").write_bytes(b"%PDF-1.4 broken")
    result = ingest()({"paths": [str(folder)]}, CallContext())
    assert (result.data["added"], result.data["failed"], result.data["documents"]) == (2, 1, 2)
    assert result.text.startswith("2 added, 1 failed; the library holds 2 documents")
    assert f"- failed: {folder / 'empty.pdf'}" in result.text
    again = ingest()({"paths": [str(folder)]}, CallContext())
    assert (again.data["added"], again.data["unchanged"]) == (0, 2)


def test_child_tells_how_far_it_is_and_leaves_others_the_processor(folder: Path) -> None:
    write(folder, 60)
    told: list[tuple[str, float | None]] = []
    niceness: list[int] = []

    def tell(message: str, done: float | None) -> None:
        told.append((message, done))
        for child in children_with("ingest"):
            with suppress(psutil.NoSuchProcess):  # what it told may be read when it has ended
                niceness.append(child.nice())

    ingest()({"paths": [str(folder)]}, CallContext(progress=tell))
    assert told
    assert all("of 60 files" in message and done is not None and 0 <= done <= 1 for message, done in told)
    assert set(niceness) == {max(10, os.nice(0))}


def test_cancelled_ingest_keeps_what_it_has_and_the_library_is_sound(folder: Path, home: Home) -> None:
    write(folder, 200)
    call = CallContext()
    begun = threading.Event()
    child = start_in_background(
        lambda: ingest()(
            {"paths": [str(folder)]},
            CallContext(cancelled=call.cancelled, progress=lambda *_: begun.set()),
        )
    )
    assert begun.wait(PATIENT_S)
    call.cancelled.set()
    with pytest.raises(ToolError, match="stopped on the way") as caught:
        child.result(PATIENT_S)
    assert "ingest the same paths again" in caught.value.hint
    assert children_with("ingest") == []
    counts = home.json("ingest", str(folder))["counts"]
    assert counts["documents"] == 200
    assert counts["passages"] == counts["vectors"] == counts["words"]


def test_child_that_does_not_stop_is_killed_and_the_library_is_sound(folder: Path, home: Home) -> None:
    write(folder, 100)
    call = CallContext()
    begun = threading.Event()
    impatient = ingest(finish_seconds=0.0, grace_seconds=0.0)
    child = start_in_background(
        lambda: impatient(
            {"paths": [str(folder)]},
            CallContext(cancelled=call.cancelled, progress=lambda *_: begun.set()),
        )
    )
    assert begun.wait(PATIENT_S)
    (process,) = children_with("ingest")
    process.suspend()  # it hears no signal but the last
    call.cancelled.set()
    with pytest.raises(JobError, match="ended by SIGKILL"):
        child.result(PATIENT_S)
    counts = home.json("ingest", str(folder))["counts"]
    assert counts["documents"] == 100
    assert counts["passages"] == counts["vectors"] == counts["words"]


def test_child_ends_with_the_process_that_it_works_for(folder: Path) -> None:
    write(folder, 200)
    program = (
        "import os, sys\n"
        "from agents.call_context import CallContext\n"
        "from mcp_server.jobs.ingest_child import IngestChild\n"
        "call = CallContext(progress=lambda *_: print('begun', flush=True))\n"
        "settings = {name: value for name, value in os.environ.items() if name[:10] == 'STILLROOM_'}\n"
        "IngestChild(tuple(sys.argv[2:]), settings)({'paths': [sys.argv[1]]}, call)\n"
    )
    command = [sys.executable, "-c", program, str(folder), *ingest().command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "begun\n"
        pids = [child.pid for child in psutil.Process(parent.pid).children(recursive=True)]
        assert pids
        parent.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not any(runs(pid) for pid in pids), PATIENT_S)


def test_ingest_waits_for_another_process_that_writes_and_says_which(folder: Path, home: Home) -> None:
    write(folder, 2)
    library = home.data_dir / "libraries" / "default"
    program = (
        "import sys\nfrom pathlib import Path\nfrom rag.store.write_lock import write_lock\n"
        "with write_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(library)]
    told: list[str] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        assert writer.stdout.readline() == "held\n"
        call = CallContext(progress=lambda message, _: told.append(message))
        child = start_in_background(lambda: ingest()({"paths": [str(folder)]}, call))
        assert wait_until(lambda: bool(told), PATIENT_S)
        assert told[0].startswith(f"process {writer.pid} is writing to the library")
        assert not child.done()
        writer.stdin.close()
        assert child.result(PATIENT_S).data["added"] == 2


def test_error_of_the_ingest_is_the_jobs_with_its_hint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLROOM_EMBEDDER", "no-such-embedder")
    with pytest.raises(JobError, match="no-such-embedder") as caught:
        ingest()({"paths": [str(folder)]}, CallContext())
    assert caught.value.hint


def test_child_is_given_what_it_needs_and_nobodys_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    needed = {"CUDA_VISIBLE_DEVICES", "https_proxy", "HF_HOME", "STILLROOM_CONFIG"}
    for name in needed:
        monkeypatch.setenv(name, "needed")
    for name in (
        "STILLROOM_MCP_TOKEN",
        "STILLROOM_ENGINE_API_KEY",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
    ):
        monkeypatch.setenv(name, "secret")
    told = "import json, os; print(json.dumps({'error': {'message': str(dict(os.environ)), 'hint': ''}}))"
    child = IngestChild((sys.executable, "-c", told), {"STILLROOM_LIBRARY": "notes"})

    with pytest.raises(JobError) as caught:
        child({"paths": [str(tmp_path)]}, CallContext())

    given = ast.literal_eval(caught.value.message)
    assert {name for name, value in given.items() if value == "needed"} == needed
    assert (given["STILLROOM_LIBRARY"], given["PATH"]) == ("notes", os.environ["PATH"])
    assert "secret" not in given.values()


def test_usage_error_and_program_that_is_missing_are_told(folder: Path) -> None:
    with pytest.raises(JobError, match="ended by its exit code 2"):
        ingest("--no-such-option")({"paths": [str(folder)]}, CallContext())
    with pytest.raises(EnvironmentUnfitError, match="cannot be started"):
        IngestChild(("/nowhere/python",))({"paths": [str(folder)]}, CallContext())


def test_child_takes_in_nothing_from_outside_the_folders_wherever_links_lead(
    folder: Path, tmp_path: Path
) -> None:
    write(folder, 1)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.md").write_text("# Secret\n\nThe secret word is heliotrope.\n")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "file.md").symlink_to(tmp_path / "secret" / "secret.md")
    result = ingest()({"paths": [str(folder)], "within": [str(folder)]}, CallContext())
    assert (result.data["added"], result.data["failed"]) == (1, 2)
    assert "leads out of the folders that may be ingested" in result.text
    assert result.data["documents"] == 1

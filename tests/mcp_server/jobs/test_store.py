"""The file of the jobs: who gets which, what is kept, and what a damaged file does."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from agents.tool_result import ToolResult
from mcp_server.jobs.job import Holder
from mcp_server.jobs.store import (
    KEPT_OF_AN_OWNER,
    KEPT_SECONDS,
    MOST_UNFINISHED_OF_AN_OWNER,
    JobStore,
)
from stillroom.errors import EnvironmentUnfitError, JobError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mcp_server.jobs.job import Job

ME = Holder("me", 1, 1.0)
OTHER = Holder("other", 2, 2.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore(tmp_path / "state" / "jobs.sqlite3")
    yield store
    store.close()


def add(store: JobStore, kind: str = "echo", *, owner: str = "ada", library: str = "") -> Job:
    return store.add(kind, {"word": "valve"}, owner=owner, library=library)


def claim(store: JobStore, holder: Holder = ME, *, library: str = "") -> Job | None:
    return store.claim(["echo"], library=library, holder=holder)


def test_job_is_kept_as_it_was_asked_for_in_a_file_that_only_its_owner_reads(store: JobStore) -> None:
    job = add(store)
    found = JobStore(store.path).find(job.id)
    assert found == job
    assert (job.state, job.arguments, job.owner, job.runs) == ("queued", {"word": "valve"}, "ada", 0)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_owners_take_turns_and_of_each_the_oldest_job_comes_first(store: JobStore) -> None:
    asked = [add(store, owner=owner) for owner in ("greedy", "greedy", "greedy", "modest", "late", "modest")]
    begun = []
    while (job := claim(store)) is not None:
        begun.append(job.id)
    turns = [asked[number].id for number in (0, 3, 4, 1, 5, 2)]
    assert begun == turns


def test_looking_for_a_job_makes_no_file(store: JobStore) -> None:
    assert store.find("0123") is None
    assert store.recent("ada", limit=5) == ()
    assert store.running() == ()
    assert not store.waits(["echo"], library="")
    assert not store.path.parent.exists()


def test_oldest_queued_job_of_the_library_is_claimed_once(store: JobStore) -> None:
    elsewhere, first, second = add(store, library="other"), add(store), add(store)
    other_process = JobStore(store.path)
    claimed = [claim(store), claim(other_process, OTHER), claim(store)]
    assert [job.id if job else "" for job in claimed] == [first.id, second.id, ""]
    assert [job.holder for job in claimed if job] == [ME, OTHER]
    waiting = store.find(elsewhere.id)
    assert waiting is not None
    assert waiting.state == "queued"


def test_many_processes_claim_each_job_once(store: JobStore) -> None:
    added = {add(store, owner=str(number)).id for number in range(40)}
    claimer = (
        "import sys\nfrom pathlib import Path\n"
        "from mcp_server.jobs.job import Holder\nfrom mcp_server.jobs.store import JobStore\n"
        "store = JobStore(Path(sys.argv[1]))\nsys.stdin.read()\n"
        "while job := store.claim(['echo'], library='', holder=Holder(sys.argv[2], 1, 1.0)):\n"
        "    print(job.id)\n"
    )
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", claimer, str(store.path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    claimed = [line for process in claimers for line in process.communicate(timeout=240)[0].split()]
    assert len(claimed) == len(added)
    assert set(claimed) == added


def test_result_is_kept_and_only_its_holder_may_give_it(store: JobStore) -> None:
    job = add(store)
    claim(store)
    store.finish(job.id, OTHER, "done", result=ToolResult("stolen", {}))
    store.tell(job.id, ME, "half\nway", 0.5)
    running = store.find(job.id)
    assert running is not None
    assert (running.message, running.progress) == ("half way", 0.5)
    store.finish(job.id, ME, "done", result=ToolResult("茶", {"a": [1]}))
    store.finish(job.id, ME, "failed", error="too late")
    done = store.find(job.id)
    assert done is not None
    assert (done.state, done.message, done.progress) == ("done", "", 1.0)
    assert done.result == ToolResult("茶", {"a": [1]})
    assert done.finished_at is not None


def test_result_that_is_too_long_is_cut_and_says_so(store: JobStore) -> None:
    job = add(store)
    claim(store)
    store.finish(job.id, ME, "done", result=ToolResult("x" * 30_000, {"rows": "y" * 300_000}))
    done = store.find(job.id)
    assert done is not None
    assert done.result is not None
    assert "[cut: 10000 of 30000 characters left out" in done.result.text
    assert "is not kept]" in done.result.text
    assert done.result.data == {}


def test_arguments_that_are_too_long_are_refused(store: JobStore) -> None:
    with pytest.raises(JobError, match="at most 100,000 are kept"):
        store.add("echo", {"word": "x" * 100_001}, owner="ada", library="")


def test_owner_with_many_unfinished_jobs_is_told_to_wait_and_another_is_not(store: JobStore) -> None:
    first = add(store)
    for _ in range(MOST_UNFINISHED_OF_AN_OWNER - 1):
        add(store)
    with pytest.raises(JobError, match=f"{MOST_UNFINISHED_OF_AN_OWNER} jobs are not finished.*{first.id}"):
        add(store)
    add(store, owner="eve")
    store.cancel(first.id)
    add(store)


def test_queued_job_is_cancelled_at_once_and_a_running_one_is_asked_to_end(store: JobStore) -> None:
    running, queued = add(store), add(store)
    claim(store)
    for job in (running, queued):
        store.cancel(job.id)
    now = [store.find(job.id) for job in (running, queued)]
    assert [(job.state, job.cancelling) for job in now if job] == [("running", True), ("cancelled", False)]
    assert store.cancelling(ME) == {running.id}
    assert store.cancelling(OTHER) == frozenset()


def test_job_of_a_dead_process_is_queued_again_twice_and_then_interrupted(store: JobStore) -> None:
    job = add(store)
    states: list[tuple[str, str]] = []
    for number in range(3):
        held = claim(store, Holder(str(number), 1, 1.0))
        assert held is not None
        assert held.runs == number + 1
        store.take_from_dead(held, most_runs=3)
        store.take_from_dead(held, most_runs=3)  # another server saw it as well
        found = store.find(job.id)
        assert found is not None
        states.append((found.state, found.error))
    lost = "its server ended 3 times while it ran; it is not begun again"
    assert states == [("queued", ""), ("queued", ""), ("interrupted", lost)]


def test_job_that_was_to_end_when_its_process_died_is_not_begun_again(store: JobStore) -> None:
    job = add(store)
    held = claim(store)
    assert held is not None
    store.cancel(job.id)
    store.take_from_dead(held, most_runs=3)
    found = store.find(job.id)
    assert found is not None
    assert found.state == "cancelled"


def test_run_that_was_given_back_does_not_count(store: JobStore) -> None:
    job = add(store)
    claim(store)
    store.release(job.id, ME)
    again = claim(store, OTHER)
    assert again is not None
    assert again.runs == 1


def test_old_finished_jobs_make_room_by_age_and_by_number(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, old = add(store, owner="eve"), add(store)
    store.cancel(old.id)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + KEPT_SECONDS + 1)
    for _ in range(KEPT_OF_AN_OWNER + 3):
        store.cancel(add(store).id)
    newest = add(store)
    kept = store.recent("ada", limit=1_000)
    assert kept[0].id == newest.id
    assert len(kept) == KEPT_OF_AN_OWNER + 1
    assert old.id not in {job.id for job in kept}
    assert store.find(waiting.id) is not None


def test_damaged_file_is_an_error_that_names_it_and_moving_it_aside_mends_that(store: JobStore) -> None:
    add(store)
    store.close()
    store.path.write_bytes(b"no database at all, " * 500)
    with pytest.raises(JobError, match=r"jobs\.sqlite3, is damaged: file is not a database") as caught:
        add(store)
    assert caught.value.hint.endswith(f"mv '{store.path}' '{store.path}.damaged'")
    store.path.rename(f"{store.path}.damaged")
    assert add(store).state == "queued"


def test_row_that_is_no_json_is_damage_too(store: JobStore) -> None:
    job = add(store)
    with store._open() as connection:
        connection.execute("UPDATE jobs SET arguments = '{'")
    with pytest.raises(JobError, match="is damaged"):
        store.find(job.id)


def test_file_of_a_newer_stillroom_is_refused(store: JobStore) -> None:
    add(store)
    with store._open() as connection:
        connection.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(JobError, match="format 99; this Stillroom reads up to 1"):
        add(store)


def test_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(EnvironmentUnfitError, match=r"cannot be used") as caught:
        add(JobStore(tmp_path / "state" / "jobs.sqlite3"))
    assert "state_dir" in caught.value.hint


def test_file_that_cannot_be_opened_is_an_error_that_names_it(store: JobStore) -> None:
    store.path.mkdir(parents=True)
    with pytest.raises(EnvironmentUnfitError, match=r"jobs\.sqlite3 cannot be used: Is a directory"):
        add(store)


def test_file_that_is_moved_away_is_left_whole_and_another_is_made(store: JobStore) -> None:
    before = add(store)
    moved = store.path.with_name("moved.sqlite3")
    store.path.rename(moved)
    assert store.find(before.id) is None
    after = add(store)
    assert JobStore(store.path).find(after.id) == after
    assert JobStore(moved).find(before.id) == before


def test_file_that_another_took_the_place_of_is_read_anew(store: JobStore) -> None:
    add(store)
    other = JobStore(store.path.with_name("other.sqlite3"))
    theirs = add(other)
    other.close()
    other.path.rename(store.path)
    assert store.find(theirs.id) == theirs
    assert [job.id for job in store.recent("ada", limit=5)] == [theirs.id]


def test_job_that_has_ended_is_no_longer_said_to_be_at_something(store: JobStore) -> None:
    jobs = [add(store) for _ in range(3)]
    for job in jobs[:2]:
        assert claim(store) is not None
        store.tell(job.id, ME, "process 7 is writing to the library; waiting for it", None)
    store.finish(jobs[0].id, ME, "done", result=ToolResult("done", {}))
    store.cancel(jobs[1].id)
    store.finish(jobs[1].id, ME, "cancelled", error="it was cancelled")
    store.cancel(jobs[2].id)
    ended = [store.find(job.id) for job in jobs]
    assert [(job.state, job.message) for job in ended if job] == [
        ("done", ""),
        ("cancelled", ""),
        ("cancelled", ""),
    ]

"""The runner: work beside its callers, limits, cancelling, and what becomes of jobs whose process ends."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from agents.background import start_in_background
from agents.call_context import CallContext
from agents.tool_result import ToolResult
from mcp_server.jobs.job import Holder, Job
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from stillroom.errors import JobError, ToolError
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from mcp_server.jobs.work import Kind

PATIENT_S = 120


class Gate:
    """A kind whose work goes on until the test opens it, or until it is cancelled."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun: list[str] = []

    def __call__(self, arguments: Mapping[str, Any], call: CallContext) -> ToolResult:
        """Wait, and give the word back."""
        self.begun.append(arguments["word"])
        call.progress(f"at {arguments['word']}", 0.5)
        while not self.opened.wait(0.01):
            call.check()
        return ToolResult(arguments["word"], {"word": arguments["word"]})


def fail(_arguments: Mapping[str, Any], _call: CallContext) -> ToolResult:
    raise ToolError("it cannot be done", hint="do something else")


def stumble(_arguments: Mapping[str, Any], _call: CallContext) -> ToolResult:
    raise KeyError("missing")


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def make(tmp_path: Path, gate: Gate) -> Iterator[Callable[..., JobRunner]]:
    """Runners, each as a server process of its own would have one, over one file."""
    made: list[JobRunner] = []
    kinds: dict[str, Kind] = {"gate": gate, "fail": fail, "stumble": stumble}

    def runner(**options: Any) -> JobRunner:  # noqa: ANN401
        made.append(JobRunner(JobStore(tmp_path / "jobs.sqlite3"), kinds, **options))
        return made[-1]

    yield runner
    gate.opened.set()
    for one in made:
        one.close()


def ended(runner: JobRunner, job: Job) -> Job:
    return runner.wait(job.id, PATIENT_S)


def test_job_is_done_in_the_background_and_its_progress_is_seen(
    make: Callable[..., JobRunner], gate: Gate
) -> None:
    runner = make()
    job = runner.start("gate", {"word": "valve"}, "ada")
    assert wait_until(lambda: runner.find(job.id, "ada").message == "at valve", PATIENT_S)
    running = runner.wait(job.id, 0)
    assert (running.state, running.progress) == ("running", 0.5)
    gate.opened.set()
    done = ended(runner, job)
    assert (done.state, done.result, done.runs) == ("done", ToolResult("valve", {"word": "valve"}), 1)


def test_work_that_fails_is_a_failed_job_with_the_reason(make: Callable[..., JobRunner]) -> None:
    runner = make()
    failed = ended(runner, runner.start("fail", {}, "ada"))
    assert (failed.state, failed.error, failed.hint) == ("failed", "it cannot be done", "do something else")
    stumbled = ended(runner, runner.start("stumble", {}, "ada"))
    assert (stumbled.state, stumbled.error) == ("failed", "KeyError: 'missing'")


def test_more_jobs_than_there_is_room_for_wait_their_turn(make: Callable[..., JobRunner], gate: Gate) -> None:
    runner = make(at_once={"gate": 1})
    jobs = [runner.start("gate", {"word": word}, "ada") for word in ("one", "two", "three")]
    assert wait_until(lambda: gate.begun == ["one"], PATIENT_S)
    assert [runner.find(job.id, "ada").state for job in jobs] == ["running", "queued", "queued"]
    gate.opened.set()
    assert {ended(runner, job).state for job in jobs} == {"done"}
    assert gate.begun == ["one", "two", "three"]


def test_job_of_another_owner_is_as_unknown_as_one_that_never_was(make: Callable[..., JobRunner]) -> None:
    runner = make()
    job = runner.start("gate", {"word": "secret"}, "ada")
    for use in (runner.find, runner.cancel):
        said = []
        for identity in (job.id, "0" * 16):
            with pytest.raises(JobError, match="there is no job") as caught:
                use(identity, "eve")
            said.append((caught.value.message.replace(identity, ""), caught.value.hint))
        assert said[0] == said[1]
    assert runner.recent("eve") == ()
    assert not runner.find(job.id, "ada").cancelling
    with pytest.raises(JobError) as caught:
        runner.find("nothing", "ada")
    assert job.id in caught.value.hint


def test_unknown_kind_is_refused(make: Callable[..., JobRunner]) -> None:
    with pytest.raises(JobError, match="no kind of job 'dig'; there are gate, fail, stumble"):
        make().start("dig", {}, "ada")


def test_running_job_is_cancelled_from_another_process(make: Callable[..., JobRunner], gate: Gate) -> None:
    here, there = make(), make()
    job = here.start("gate", {"word": "valve"}, "ada")
    assert wait_until(lambda: bool(gate.begun), PATIENT_S)
    assert there.cancel(job.id, "ada").cancelling
    cancelled = ended(there, job)
    assert (cancelled.state, cancelled.result) == ("cancelled", None)
    assert there.cancel(job.id, "ada").state == "cancelled"


def test_runner_has_one_name_whichever_thread_asks_first(make: Callable[..., JobRunner]) -> None:
    runner = make(patience_seconds=0)
    runner.resume()
    made = [
        start_in_background(lambda: runner.run("gate", {"word": "valve"}, "ada", CallContext()))
        for _ in range(4)
    ]
    jobs = [future.result(PATIENT_S) for future in made]
    names = {job.holder for job in jobs if isinstance(job, Job)}
    assert len(names) == 1
    assert None not in names


def test_quick_work_is_answered_at_once_and_leaves_no_job(make: Callable[..., JobRunner], gate: Gate) -> None:
    runner = make()
    gate.opened.set()
    result = runner.run("gate", {"word": "valve"}, "ada", CallContext())
    assert result == ToolResult("valve", {"word": "valve"})
    with pytest.raises(ToolError, match="it cannot be done"):
        runner.run("fail", {}, "ada", CallContext())
    assert runner.recent("ada") == ()


def test_slow_work_goes_on_as_a_job_when_its_caller_has_waited(
    make: Callable[..., JobRunner], gate: Gate
) -> None:
    runner = make()
    told: list[str] = []
    call = CallContext(progress=lambda message, _: told.append(message))
    job = runner.run("gate", {"word": "valve"}, "ada", call)
    assert isinstance(job, Job)
    assert (job.state, job.runs, told) == ("running", 1, ["at valve"])
    # As a server does when it has answered.
    call.cancelled.set()
    gate.opened.set()
    assert ended(runner, job).state == "done"
    assert gate.begun == ["valve"]


def test_caller_that_goes_away_before_there_is_a_job_ends_the_work(
    make: Callable[..., JobRunner], gate: Gate
) -> None:
    runner = make()
    call = CallContext()

    def go_away() -> None:
        wait_until(lambda: bool(gate.begun), PATIENT_S)
        call.cancelled.set()

    threading.Thread(target=go_away).start()
    with pytest.raises(ToolError, match="nobody waits"):
        runner.run("gate", {"word": "valve"}, "ada", call)
    assert runner.recent("ada") == ()


def test_caller_waits_on_where_no_job_can_be_kept(tmp_path: Path, gate: Gate) -> None:
    path = tmp_path / "jobs.sqlite3"
    path.write_bytes(b"no database at all, " * 500)
    runner = JobRunner(JobStore(path), {"gate": gate}, patience_seconds=0)
    told: list[str] = []

    def tell(message: str, _done: float | None) -> None:
        told.append(message)
        if "cannot become a job" in message:
            gate.opened.set()

    result = runner.run("gate", {"word": "valve"}, "ada", CallContext(progress=tell))
    assert result == ToolResult("valve", {"word": "valve"})
    with pytest.raises(JobError, match="is damaged"):
        runner.start("gate", {"word": "valve"}, "ada")
    runner.close()


def test_server_that_ends_in_order_gives_its_jobs_back_to_the_next(
    make: Callable[..., JobRunner], gate: Gate
) -> None:
    first = make()
    job = first.start("gate", {"word": "valve"}, "ada")
    assert wait_until(lambda: bool(gate.begun), PATIENT_S)
    first.close()
    second = make()
    assert second.find(job.id, "ada").state == "queued"
    gate.opened.set()
    second.resume()
    done = ended(second, job)
    assert (done.state, done.runs) == ("done", 1)


def test_job_of_a_process_that_died_is_seen_by_whoever_asks_and_done_again(
    make: Callable[..., JobRunner], tmp_path: Path, gate: Gate
) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    job = store.add("gate", {"word": "valve"}, owner="ada", library="")
    # No process has this pid: Linux gives none above 2**22, and others none so high.
    assert store.claim(["gate"], library="", holder=Holder("gone", 2**30, 1.0)) is not None
    gate.opened.set()
    done = ended(make(), job)
    assert (done.state, done.runs) == ("done", 2)


def test_pid_that_was_given_to_another_process_does_not_keep_a_job(
    make: Callable[..., JobRunner], tmp_path: Path, gate: Gate
) -> None:
    store = JobStore(tmp_path / "jobs.sqlite3")
    job = store.add("gate", {"word": "valve"}, owner="ada", library="")
    assert store.claim(["gate"], library="", holder=Holder("gone", 1, 1.0)) is not None
    gate.opened.set()
    assert ended(make(), job).state == "done"


def test_job_of_another_library_waits_for_a_server_of_that_one(
    make: Callable[..., JobRunner], gate: Gate
) -> None:
    gate.opened.set()
    work, home = make(library="work"), make(library="home")
    home.resume()
    work.close()
    store = work._store
    job = store.add("gate", {"word": "valve"}, owner="ada", library="work")
    assert ended(home, home.start("gate", {"word": "tea"}, "ada")).state == "done"
    assert home.find(job.id, "ada").state == "queued"
    again = make(library="work")
    again.resume()
    assert ended(again, job).state == "done"


def test_cancelled_job_says_that_somebody_asked_for_it(make: Callable[..., JobRunner], gate: Gate) -> None:
    runner = make()
    job = runner.start("gate", {"word": "valve"}, "ada")
    assert wait_until(lambda: gate.begun == ["valve"], PATIENT_S)
    runner.cancel(job.id, "ada")
    cancelled = ended(runner, job)
    assert (cancelled.state, cancelled.error) == ("cancelled", "it was cancelled, as somebody asked")


def test_time_of_a_job_begins_when_it_was_asked_for(make: Callable[..., JobRunner]) -> None:
    runner = make(patience_seconds=0.2)
    before = time.time()
    job = runner.run("gate", {"word": "valve"}, "ada", CallContext())
    assert isinstance(job, Job)
    assert job.started_at is not None
    # A clock that is set right meanwhile may shorten it a little.
    assert before <= job.created_at <= job.started_at - 0.1


class Counted(JobStore):
    """A store that counts how often somebody looks for what waits."""

    looks = 0

    def waits(self, kinds: Collection[str], *, library: str) -> bool:
        """Count, and look."""
        self.looks += 1
        return super().waits(kinds, library=library)


def test_damaged_file_is_complained_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "jobs.sqlite3").write_bytes(b"no database " * 500)
    store = Counted(tmp_path / "jobs.sqlite3")
    runner = JobRunner(store, {"fail": fail})

    def looked_again() -> bool:
        runner.resume()
        return store.looks >= 3

    assert wait_until(looked_again, PATIENT_S)
    runner.close()
    assert caplog.text.count("jobs are not looked after") == 1

"""Long work as a client of ``stillroom mcp serve`` meets it: searches meanwhile, crashes, other servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mcp_server.jobs.store import JobStore
from tests.agents.chat_script import Reply
from tests.conftest import Home
from tests.mcp_server.jobs.served import PATIENT_S, model, served, write_stories
from tests.processes import runs, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import psutil

    from tests.mcp_server.jobs.served import Served


# A call becomes a job at once.
IMPATIENT = {"STILLROOM_MCP_PATIENCE_SECONDS": "0"}


@pytest.fixture
def stories(home: Home) -> Path:
    """A folder of a few hundred documents, which an ingest takes seconds for."""
    folder = home.folder / "stories"
    write_stories(folder, 200)
    return folder


def writes(server: Served, job_id: str) -> bool:
    """Whether the job's child has begun to take documents in."""
    return "passages" in server.call("job_status", job_id=job_id, wait_seconds=0)["message"]


def holds(child: psutil.Process, home: Home) -> bool:
    """Whether the child holds the library's lock: it is in the middle of writing."""
    try:
        holder = (home.data_dir / "libraries" / "default" / "writer.pid").read_text()
    except FileNotFoundError:
        return False
    return holder == str(child.pid)


def titles(server: Served, query: str) -> list[str]:
    citations = server.call("search_library", query=query)["citations"]
    return [citation["document_title"] for citation in citations]


def is_sound(home: Home, documents: int) -> bool:
    counts = home.json("ingest", str(home.folder / "stories"))["counts"]
    assert counts["documents"] == documents
    return bool(counts["passages"] == counts["vectors"] == counts["words"])


def test_search_answers_while_an_ingest_is_in_the_middle_of_writing_and_sees_it_when_it_is_done(
    home: Home, stories: Path
) -> None:
    write_stories(home.folder / "first", 1)
    (home.folder / "first" / "valve.md").write_text("# Marlow valve\n\nThe Marlow valve opens at 4.2 bar.\n")
    with served(home) as server:
        first = server.call("ingest", paths=[str(home.folder / "first")])
        assert server.ended(first["job_id"])["result"]["added"] == 2
        job = server.call("ingest", paths=[str(stories)])
        assert (job["kind"], job["state"]) == ("ingest", "queued")
        assert "job_status" in job["hint"]
        child = server.child()
        assert wait_until(lambda: holds(child, home), PATIENT_S)
        # It stands still with the library's lock in its hand: a search that needed it would never answer.
        child.suspend()
        assert titles(server, "At how many bar does the Marlow valve open?")[0] == "Marlow valve"
        assert server.call("job_status", job_id=job["job_id"], wait_seconds=0)["state"] == "running"
        child.resume()
        done = server.ended(job["job_id"])
        assert done["state"] == "done"
        assert titles(server, "Middle 150 of the story")[0] == "Story 150"


def test_ingest_goes_on_when_its_server_was_killed(home: Home, stories: Path) -> None:
    with served(home) as server:
        job = server.call("ingest", paths=[str(stories)])["job_id"]
        child = server.child()
        assert wait_until(lambda: writes(server, job), PATIENT_S)
        server.kill()
    assert wait_until(lambda: not runs(child.pid), PATIENT_S)
    with served(home) as server:
        done = server.ended(job)
        assert (done["state"], done["error"]) == ("done", "")
        assert done["result"]["documents"] == 200
    assert is_sound(home, 200)


def test_question_is_answered_when_the_server_was_killed_over_it(tmp_path: Path) -> None:
    quote = "The Marlow valve opens at 4.2 bar."
    claim = {"passage": "P1", "quote": quote, "text": "The Marlow valve opens at 4.2 bar."}
    silent = Reply(silent=True)
    with model(silent, Reply([json.dumps({"answer": [claim]})])) as environment:
        home = Home(tmp_path, {**environment, **IMPATIENT, "STILLROOM_CACHE_DIR": str(tmp_path / "cache")})
        (tmp_path / "valve.md").write_text(f"# Marlow valve\n\n{quote}\n")
        home.json("ingest", str(tmp_path / "valve.md"))
        with served(home) as server:
            question = "At how many bar does the Marlow valve open?"
            job = server.call("ask_library", question=question)["job_id"]
            assert silent.sent.wait(PATIENT_S)
            assert server.call("job_status", job_id=job, wait_seconds=0)["state"] == "running"
            server.kill()
        with served(home) as server:
            done = server.ended(job)
    assert (done["state"], done["error"]) == ("done", "")
    assert done["result"]["kind"] == "written"
    assert done["result"]["citations"][0]["quote"] == quote


def test_job_is_cancelled_and_what_it_took_in_is_kept(home: Home, stories: Path) -> None:
    with served(home) as server:
        job = server.call("ingest", paths=[str(stories)])["job_id"]
        child = server.child()
        assert wait_until(lambda: holds(child, home), PATIENT_S)
        child.suspend()
        server.call("cancel_job", job_id=job)
        child.resume()
        cancelled = server.ended(job)
    assert cancelled["state"] == "cancelled"
    assert "stopped on the way" in cancelled["error"]
    assert is_sound(home, 200)


def test_job_of_a_server_that_its_client_ended_is_gone_on_with_by_the_next(home: Home, stories: Path) -> None:
    with served(home) as server:
        job = server.call("ingest", paths=[str(stories)])["job_id"]
        child = server.child()
        server.close()
        assert server.process.returncode == 0
    assert wait_until(lambda: not runs(child.pid), PATIENT_S)
    with served(home) as server:
        assert server.ended(job)["state"] == "done"
    (kept,) = JobStore(home.state_dir / "jobs.sqlite3").recent("local", limit=5)
    assert kept.runs == 1


def test_second_server_searches_sees_the_job_and_says_who_writes(home: Home, stories: Path) -> None:
    with served(home) as first, served(home) as second:
        job = first.call("ingest", paths=[str(stories)])["job_id"]
        child = first.child()
        assert wait_until(lambda: holds(child, home), PATIENT_S)
        child.suspend()
        (home.folder / "valve.md").write_text("# Marlow valve\n\nThe Marlow valve opens at 4.2 bar.\n")
        waiting = second.call("ingest", paths=[str(home.folder / "valve.md")])["job_id"]

        def says_who() -> bool:
            said: str = first.call("job_status", job_id=waiting, wait_seconds=0)["message"]
            return said.startswith(f"process {child.pid} is writing to the library")

        assert wait_until(says_who, PATIENT_S)
        child.resume()
        assert first.ended(job)["state"] == second.ended(waiting)["state"] == "done"
        for server in (first, second):
            assert titles(server, "Middle 150 of the story")[0] == "Story 150"
            assert titles(server, "At how many bar does the Marlow valve open?")[0] == "Marlow valve"


def test_damaged_file_of_jobs_is_an_error_of_the_job_tools_alone(home: Home) -> None:
    write_stories(home.folder / "stories", 1)
    home.json("ingest", str(home.folder / "stories"))
    home.state_dir.mkdir(exist_ok=True)
    (home.state_dir / "jobs.sqlite3").write_bytes(b"no database at all, " * 500)
    with served(home) as server:
        said = server.refused("ingest", paths=[str(home.folder / "stories")])
        assert "jobs.sqlite3, is damaged" in said
        assert "Hint: nothing was changed; move it aside" in said
        assert "is damaged" in server.refused("job_status", job_id="0123")
        assert titles(server, "Middle 0 of the story") == ["Story 0"]
        (home.state_dir / "jobs.sqlite3").unlink()
        job = server.call("ingest", paths=[str(home.folder / "stories")])
        assert server.ended(job["job_id"])["result"]["unchanged"] == 1


def test_an_ingest_knows_no_token_of_the_server_and_all_that_it_needs(home: Home, stories: Path) -> None:
    home.environment["STILLROOM_MCP_TOKEN"] = "t" * 24
    home.environment["STILLROOM_CHROMA_TOKEN"] = "needed"
    with served(home) as server:
        job = server.call("ingest", paths=[str(stories)])
        child = server.child()
        given = child.environ()
        assert "t" * 24 not in given.values()
        assert given["STILLROOM_CHROMA_TOKEN"] == "needed"
        assert given["STILLROOM_DATA_DIR"] == str(home.data_dir)
        server.call("cancel_job", job_id=job["job_id"])
        assert server.ended(job["job_id"])["state"] == "cancelled"


def test_bad_paths_and_handles_are_named(home: Home) -> None:
    with served(home) as server:
        assert f"'{home.folder}/nowhere': there is no such file or folder" in server.refused(
            "ingest", paths=[f"{home.folder}/nowhere"]
        )
        assert "'notes' is not absolute" in server.refused("ingest", paths=["notes"]).replace("': it", "'")
        assert "there is no job 'abc'" in server.refused("job_status", job_id="abc")
        assert "there is no job 'abc'" in server.refused("cancel_job", job_id="abc")
        assert not (home.state_dir / "jobs.sqlite3").exists()


def test_slow_answer_becomes_a_job_and_a_quick_one_is_given_at_once(tmp_path: Path) -> None:
    quote = "The Marlow valve opens at 4.2 bar."
    answer = json.dumps({"answer": [{"passage": "P1", "quote": quote, "text": quote}]})
    question = {"question": "At how many bar does the Marlow valve open?"}
    slow = Reply(silent=True)
    with model(Reply([answer]), slow) as environment:
        home = Home(tmp_path, {**environment, "STILLROOM_CACHE_DIR": str(tmp_path / "cache")})
        (tmp_path / "valve.md").write_text(f"# Marlow valve\n\n{quote}\n")
        home.json("ingest", str(tmp_path / "valve.md"))
        home.environment["STILLROOM_MCP_PATIENCE_SECONDS"] = str(PATIENT_S)
        with served(home) as server:
            quick = server.call("ask_library", **question)
        assert quick["citations"][0]["quote"] == quote
        assert not (home.state_dir / "jobs.sqlite3").exists()
        home.environment.update(IMPATIENT)
        with served(home) as server:
            handle = server.call("ask_library", **question)
            assert (handle["kind"], handle["state"], handle["result"]) == ("ask_library", "running", None)
            assert "job_status" in handle["hint"]
            assert slow.sent.wait(PATIENT_S)
            assert server.call("cancel_job", job_id=handle["job_id"])["kind"] == "ask_library"
            assert server.ended(handle["job_id"])["state"] == "cancelled"

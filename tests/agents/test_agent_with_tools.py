"""A run of the agent with the real tools: what it may reach, what needs a yes, and how it reads on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agents.agent import AgentRun, run_agent
from agents.running.consent import Consent, Decision
from agents.toolbox import Access, Services, paged, toolbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from agents.tools import Tool

    Serve = Callable[..., AbstractContextManager[Any]]


def unused() -> Any:  # noqa: ANN401 - never called
    raise AssertionError


def tools(access: Access) -> tuple[Tool, ...]:
    return paged(toolbox(Services(unused, unused, unused, unused), access))


def call(name: str, **arguments: object) -> str:
    return json.dumps({"action": name, "args": arguments})


def run(serve: Serve, access: Access, *replies: str, consent: Consent | None = None) -> AgentRun:
    answer = json.dumps({"action": "final_answer", "args": {"answer": "It is done."}})
    with serve(*replies, answer) as chat:
        return run_agent("What is there?", endpoint=chat.endpoint(), tools=tools(access), consent=consent)


def test_agent_finds_a_file_and_reads_it_and_nothing_outside(scripted_chat: Serve, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "valve.txt").write_text("The valve opens at 4.2 bar.")
    (tmp_path / "secret.txt").write_text("SECRET")
    done = run(
        scripted_chat,
        Access((notes,)),
        call("search_files", words="VALVE opens"),
        call("read_file", path="notes/valve.txt"),
        call("read_file", path="../secret.txt"),
    )
    found, read, refused = done.steps
    assert "notes/valve.txt:1:" in found.result
    assert "4.2 bar" in read.result
    assert refused.failed
    assert "leads out of the folders" in refused.result
    assert "SECRET" not in str(done)


def test_program_runs_after_a_yes_and_not_without_one(scripted_chat: Serve) -> None:
    program = call("run_python", code="print(6 * 7)")
    refused = run(scripted_chat, Access(python=True), program)
    assert refused.steps[0].failed
    assert "needs a person's yes" in refused.steps[0].result

    asked: list[str] = []

    def ask(tool: Tool, arguments: object) -> Decision:
        asked.append(f"{tool.name} {arguments}")
        return Decision.ONCE

    done = run(scripted_chat, Access(python=True), program, consent=Consent(ask=ask))
    assert asked == ["run_python {'code': 'print(6 * 7)'}"]
    assert "42" in done.steps[0].result


def test_inner_page_is_not_fetched_although_a_person_said_yes(scripted_chat: Serve) -> None:
    consent = Consent(allowed=frozenset({"fetch_page"}))
    page = call("fetch_page", url="http://169.254.169.254/latest/meta-data/")
    done = run(scripted_chat, Access(web=True), page, consent=consent)
    assert done.steps[0].failed
    assert "not on the public internet" in done.steps[0].result


def test_long_result_is_read_on_by_its_handle(scripted_chat: Serve) -> None:
    consent = Consent(allowed=frozenset({"run_python"}))
    printing = call("run_python", code="for n in range(4000): print('line', n)")
    found = call("read_result", handle="r1", find="line 3456")
    done = run(scripted_chat, Access(python=True), printing, found, consent=consent)
    assert [step.failed for step in done.steps] == [False, False]
    assert "line 3456" in done.steps[1].result

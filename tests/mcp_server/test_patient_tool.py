"""A tool that becomes a job: what its schema promises is what it gives, for whoever calls."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import jsonschema
import pytest

from agents.call_context import CallContext
from agents.tools import tool
from mcp_server.callers import LOCAL, Caller
from mcp_server.job_kinds import tool_kind
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from mcp_server.patient_tool import patient
from mcp_server.tools.asking import EarlierTurn, ServedAnswer
from mcp_server.tools.served_tool import ServedTool
from stillroom.errors import JobError, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from agents.tool_result import ToolResult


def ask(question: str, history: tuple[EarlierTurn, ...] = ()) -> ServedAnswer:
    """Ask."""
    if not question.strip():
        raise ToolError("it asks nothing")
    return ServedAnswer(question, "refused", "nobody knows", (), (), "".join(t.answer for t in history))


def patient_ask(
    tmp_path: Path, *, patience_seconds: float, allowed: threading.Event | None = None
) -> tuple[ServedTool, JobRunner]:
    """The tool, and what does its work: not before that is allowed."""
    work = tool_kind(tool(ask))

    def when_allowed(arguments: Mapping[str, Any], call: CallContext) -> ToolResult:
        assert allowed is None or allowed.wait(120)
        return work(arguments, call)

    store = JobStore(tmp_path / "jobs.sqlite3")
    jobs = JobRunner(store, {"ask": when_allowed}, patience_seconds=patience_seconds)
    return patient(ServedTool(tool(ask), "Ask"), jobs), jobs


def called(served: ServedTool, question: str, caller: Caller = LOCAL) -> ToolResult:
    return served.for_caller(caller).call({"question": question}, CallContext())


def test_quick_work_gives_the_tools_own_result_under_the_schema(tmp_path: Path) -> None:
    served, jobs = patient_ask(tmp_path, patience_seconds=120)
    result = called(served, "Why?")
    assert result.text == tool(ask).call({"question": "Why?"}).text
    assert served.output_schema is not None
    jsonschema.validate(result.data, served.output_schema)
    with pytest.raises(ToolError, match="it asks nothing"):
        called(served, " ")
    with pytest.raises(ToolError, match="'question' is missing"):
        served.for_caller(LOCAL).call({})
    jobs.close()


def test_slow_work_gives_its_caller_a_handle_under_the_schema(tmp_path: Path) -> None:
    allowed = threading.Event()
    served, jobs = patient_ask(tmp_path, patience_seconds=0, allowed=allowed)
    result = called(served, "Why?", Caller("ada", frozenset({"read"})))
    assert served.output_schema is not None
    jsonschema.validate(result.data, served.output_schema)
    assert jobs.find(result.data["job_id"], "ada").kind == "ask"
    with pytest.raises(JobError, match="there is no job"):
        jobs.find(result.data["job_id"], "local")
    allowed.set()
    done = jobs.wait(result.data["job_id"], 120)
    assert done.result is not None
    assert done.result.data["answer"] == "nobody knows"
    jobs.close()


@pytest.mark.parametrize("patience_seconds", [0, 120])
def test_arguments_of_several_parts_come_whole_to_the_work_and_to_a_job(
    tmp_path: Path, patience_seconds: float
) -> None:
    served, jobs = patient_ask(tmp_path, patience_seconds=patience_seconds)
    asked = {"question": "And then?", "history": [{"question": "Why?", "answer": "Because."}]}
    made = served.for_caller(LOCAL).call(asked).data
    if patience_seconds:
        assert made["notice"] == "Because."
    else:
        done = jobs.wait(made["job_id"], 120)
        assert done.arguments == asked
        assert done.result is not None
        assert done.result.data["notice"] == "Because."
    jobs.close()


def test_schema_tells_the_two_results_apart(tmp_path: Path) -> None:
    served, jobs = patient_ask(tmp_path, patience_seconds=0)
    schema = served.output_schema
    assert schema is not None
    assert schema["type"] == "object"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"job_id": "1"}, schema)
    jobs.close()

"""A tool whose work becomes a job once its caller has waited long enough.

What is quick is answered as ever; otherwise the result is a handle, which ``job_status`` takes. It does not
know what the work is, nor when it has lasted too long.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_jsonable_python

from agents.call_context import current_call
from agents.signature import result_schema
from agents.tool_result import ToolResult, to_result
from mcp_server.jobs.job import Job
from mcp_server.jobs.status import status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mcp_server.callers import Caller
    from mcp_server.jobs.runner import JobRunner
    from mcp_server.tools.served_tool import ServedTool

# The work has a limit of its own; only where no job can be kept does a call last as long.
_LASTING_SECONDS: Final = 86_400.0


def patient(served: ServedTool, jobs: JobRunner) -> ServedTool:
    """The tool, its work done by the kind of job that has its name.

    Its result is the tool's own, or a ``JobStatus``; its schema says so.
    """

    def for_caller(caller: Caller) -> Callable[..., ToolResult]:
        def function(**arguments: object) -> ToolResult:
            # As JSON has them: they were read into what the function takes, and are kept and read again.
            plain = to_jsonable_python(arguments)
            made = jobs.run(served.name, plain, caller.name, current_call())
            return to_result(status_of(made)) if isinstance(made, Job) else made

        return function

    lasting = replace(served.tool, timeout_seconds=_LASTING_SECONDS)
    schema = either(served.tool.output_schema, result_schema(status_of) or {})
    return replace(served, tool=lasting, function_for=for_caller, output_schema=schema)


def either(first: Mapping[str, Any] | None, second: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema of an object that is one of two; None where the first may be anything.

    Example:
        >>> either({"required": ["a"], "$defs": {"A": {}}}, {"required": ["b"]})
        {'type': 'object', 'anyOf': [{'required': ['a']}, {'required': ['b']}], '$defs': {'A': {}}}
    """
    if first is None:
        return None
    named = {**first.get("$defs", {}), **second.get("$defs", {})}
    branches = [{key: value for key, value in one.items() if key != "$defs"} for one in (first, second)]
    joined: dict[str, Any] = {"type": "object", "anyOf": branches}
    return {**joined, "$defs": named} if named else joined

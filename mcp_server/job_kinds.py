"""Which work this server does as jobs: what takes longer than a client waits.

It makes the kinds from the services; each can be done again from its arguments, since an ingest goes on from
where it was, and the others only read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agents.tools import tool
from mcp_server.agent_tool import AgentTool
from mcp_server.tools.asking import ANSWER_SECONDS, AskingTool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agents.call_context import CallContext
    from agents.running.limits import Limits
    from agents.services import Services
    from agents.tool_result import ToolResult
    from agents.toolkit.access import Access
    from agents.tools import Tool
    from mcp_server.jobs.work import Kind

# The run ends itself before its tool does.
_MARGIN_SECONDS: Final = 30.0
# A second ingest of one library would only wait for the first.
AT_ONCE: Final[Mapping[str, int]] = {"ingest": 1}


def job_kinds(
    services: Services,
    access: Access,
    *,
    ingest_command: Sequence[str],
    ingest_environment: Mapping[str, str],
    agent_limits: Limits,
) -> dict[str, Kind]:
    """The kinds by name; making them opens and starts nothing.

    Args:
        services: what the work is done on.
        access: what of the world beyond the library the agent may reach.
        ingest_command: the program and its arguments up to the paths to be ingested.
        ingest_environment: variables that it gets beside those of this process that it needs.
        agent_limits: of a run of the agent.
    """
    ask = tool(AskingTool(services).ask_library, timeout_seconds=ANSWER_SECONDS)
    agent = tool(
        AgentTool(services, access, agent_limits).run_agent,
        timeout_seconds=agent_limits.seconds + _MARGIN_SECONDS,
    )
    return {
        "ingest": _ingest(tuple(ingest_command), ingest_environment),
        "ask_library": tool_kind(ask),
        "run_agent": tool_kind(agent),
    }


def tool_kind(entry: Tool) -> Kind:
    """The work that a tool does: its arguments are checked again, its result is the same."""

    def work(arguments: Mapping[str, Any], call: CallContext) -> ToolResult:
        return entry.call(arguments, call)

    return work


def _ingest(command: tuple[str, ...], environment: Mapping[str, str]) -> Kind:
    def work(arguments: Mapping[str, Any], call: CallContext) -> ToolResult:
        # Imported when it is needed: a server answers its first request before anything else.
        from mcp_server.jobs.ingest_child import IngestChild

        return IngestChild(command, environment)(arguments, call)

    return work

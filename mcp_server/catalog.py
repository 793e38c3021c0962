"""Every tool that the server offers, in the order in which a model should think of them.

It makes them from the services and knows what each may do; what they do is the modules' beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agents.tools import tool
from mcp_server.agent_tool import AgentTool
from mcp_server.job_tools import job_tools
from mcp_server.patient_tool import patient
from mcp_server.plain_schema import without_references
from mcp_server.tools.asking import ANSWER_SECONDS, AskingTool
from mcp_server.tools.citing import cited_links
from mcp_server.tools.planning import PlanningTool
from mcp_server.tools.reading import ReadingTool, rest_link
from mcp_server.tools.search import SearchTool
from mcp_server.tools.served_tool import ServedTool
from mcp_server.tools.sources import SourcesTool
from mcp_server.tools.status import StatusTool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agents.services import Services
    from agents.toolkit.access import Access
    from mcp_server.jobs.runner import JobRunner

# Offered where the settings name folders that may be read.
_FILE_TITLES: Final = {
    "list_files": "List files",
    "read_file": "Read a file",
    "search_files": "Search in files",
}


def served_tools(
    services: Services,
    access: Access,
    jobs: JobRunner | None = None,
    ingest_roots: Sequence[Path] | None = None,
) -> tuple[ServedTool, ...]:
    """The tools of one server: none that needs a person's yes, which nobody here could ask for.

    Args:
        services: what they work on.
        access: what of the world beyond the library they may reach.
        jobs: does what takes long; without it there are no tools that start or watch such work.
        ingest_roots: as in ``mcp_server.job_tools.JobTools``.
    """
    asking = tool(AskingTool(services).ask_library, timeout_seconds=ANSWER_SECONDS)
    ask = ServedTool(
        replace(asking, parameters=without_references(asking.parameters)),
        "Ask the private library",
        links=cited_links,
        slow=True,
    )
    agent = ServedTool(
        tool(AgentTool(services, access).run_agent),
        "Let the local agent work",
        links=cited_links,
        slow=True,
    )
    return (
        ServedTool(
            tool(SearchTool(services).search_library), "Search the private library", links=cited_links
        ),
        patient(ask, jobs) if jobs else ask,
        ServedTool(
            tool(ReadingTool(services).read_document), "Read a document of the library", links=rest_link
        ),
        ServedTool(tool(SourcesTool(services).list_sources), "List the library's documents"),
        *(job_tools(jobs, ingest_roots) if jobs else ()),
        ServedTool(tool(PlanningTool(services).plan_deployment), "Plan a model for this machine"),
        ServedTool(tool(StatusTool(services).deployment_status), "Show the local model that runs"),
        patient(agent, jobs) if jobs else agent,
        *_file_tools(services, access),
    )


def _file_tools(services: Services, access: Access) -> tuple[ServedTool, ...]:
    if not access.file_roots:
        return ()
    from agents.toolbox import toolbox

    offered = {entry.name: entry for entry in toolbox(services, access)}
    return tuple(ServedTool(offered[name], title) for name, title in _FILE_TITLES.items() if name in offered)

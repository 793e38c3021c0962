"""An answer that became a job is cited and linked like one that came at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client
from mcp.types import ResourceLink, TextContent

from agents.tools import tool
from mcp_server.job_kinds import tool_kind
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from mcp_server.server import build_server, going_on
from mcp_server.tools.asking import AskingTool

if TYPE_CHECKING:
    from pathlib import Path

    from agents.services import Services


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_result_of_a_job_links_to_what_it_cites(shelf: Services, tmp_path: Path, mode: str) -> None:
    kinds = {"ask_library": tool_kind(tool(AskingTool(shelf).ask_library))}
    jobs = JobRunner(JobStore(tmp_path / "jobs.sqlite3"), kinds, patience_seconds=0)

    async def ask() -> None:
        async with Client(build_server(shelf, jobs=jobs), mode=mode) as client:
            question = {"question": "水位达到37米时，应当打开哪个闸门？"}
            given = (await client.call_tool("ask_library", question)).structured_content
            assert given is not None
            done = await client.call_tool("job_status", {"job_id": given["job_id"]})
            while done.structured_content and done.structured_content["state"] in {"queued", "running"}:
                done = await client.call_tool("job_status", {"job_id": given["job_id"]})
            assert done.structured_content is not None
            cited = done.structured_content["result"]["citations"]
            assert cited
            text, *links = done.content
            assert isinstance(text, TextContent)
            assert "[1] 水库管理手册" in text.text
            assert isinstance(links[0], ResourceLink)
            assert links[0].uri == cited[0]["uri"]

    with going_on(jobs):
        anyio.run(ask)

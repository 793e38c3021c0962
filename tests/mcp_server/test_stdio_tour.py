"""A served process from its first list to its last call, as the SDK's client drives it, in both generations.

What each result holds is tested beside the tools; here it is that all of it passes through the pipes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import PromptReference, ResourceTemplateReference, TextContent

from mcp_server.addresses import DOCUMENT_TEMPLATE
from tests.agents.chat_script import Reply, chat_script
from tests.mcp_server.conftest import SERVING

if TYPE_CHECKING:
    from pathlib import Path

    from mcp.types import LoggingLevel, LoggingMessageNotificationParams

    from tests.agents.chat_script import ChatScript

PATIENCE_SECONDS = 120
STEP = "run_agent: 1. calculate"
# Each tool that ends at once, with good arguments and with bad ones.
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "search_library": ({"query": "茶叶什么时候采摘？"}, {"query": "x", "limit": "many"}),
    "ask_library": ({"question": "At how many bar does the Marlow valve open?"}, {"question": ""}),
    "read_document": ({"document_id": "茶园记录"}, {"document_id": "nothing"}),
    "list_sources": ({}, {"cursor": "nothing"}),
    "plan_deployment": ({"params_billion": 7}, {"bits": -1}),
    "deployment_status": ({}, {"more": 1}),
}


async def toured(client: Client) -> None:
    """Call, read and ask for everything that needs no model of its own."""
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    for name, (good, bad) in CALLS.items():
        assert listed[name].output_schema is not None
        result = await client.call_tool(name, good)
        assert not result.is_error, result.content
        assert result.structured_content
        refused = await client.call_tool(name, bad)
        assert refused.is_error
        assert isinstance(refused.content[0], TextContent)
        assert "\nHint: " in refused.content[0].text
    resources = (await client.list_resources()).resources
    assert {resource.title for resource in resources} == {"Marlow valve", "茶园记录", "ledger"}
    for resource in resources:
        assert (await client.read_resource(resource.uri)).contents
    template = ResourceTemplateReference(uri=DOCUMENT_TEMPLATE)
    assert (await client.complete(template, {"name": "document", "value": "茶"})).completion.values == [
        "茶园记录"
    ]
    prompt = PromptReference(name="plan_my_machine")
    assert (await client.complete(prompt, {"name": "model", "value": "smol"})).completion.values
    got = await client.get_prompt("compare_documents", {"first": "valve.md", "second": "tea.md"})
    assert len(got.messages) == 3


async def worked_and_cancelled(client: Client, silent: Reply) -> None:
    """The agent tells what it does; then its call is cancelled, and it leaves its model."""
    told: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
        told.append(message or "")

    async def work() -> None:
        await client.call_tool("run_agent", {"question": "What is 6 * 7?"}, progress_callback=on_progress)

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        assert await anyio.to_thread.run_sync(silent.sent.wait, PATIENCE_SECONDS)
        while STEP not in told:  # noqa: ASYNC110 (the pipe may be behind)
            await anyio.sleep(0.02)
        group.cancel_scope.cancel()
    assert await anyio.to_thread.run_sync(silent.left.wait, PATIENCE_SECONDS)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_everything_that_is_served_passes_through_the_pipes(library_dir: Path, mode: str) -> None:
    logged: list[str] = []

    async def on_log(params: LoggingMessageNotificationParams) -> None:
        logged.append(str(params.data))

    async def drive(chat: ChatScript, silent: Reply) -> None:
        base_url = chat.endpoint().base_url
        command = StdioServerParameters(
            command=sys.executable, args=[str(SERVING), str(library_dir), base_url]
        )
        level: LoggingLevel | None = None if mode == "legacy" else "info"
        async with Client(command, mode=mode, logging_callback=on_log, log_level=level) as client:
            await worked_and_cancelled(client, silent)
            assert (await client.list_tools()).tools  # it goes on

    async def tour() -> None:
        command = StdioServerParameters(command=sys.executable, args=[str(SERVING), str(library_dir)])
        async with Client(command, mode=mode) as client:
            await toured(client)

    anyio.run(tour)
    silent = Reply(silent=True)
    call = '{"action": "calculate", "args": {"expression": "6 * 7"}}'
    with chat_script(Reply([call]), silent) as chat:
        anyio.run(drive, chat, silent)
    assert (STEP in logged) == (mode == "auto")

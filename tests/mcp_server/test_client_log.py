"""Log messages: of the client's own requests, at the level that it asked for, and none unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client

from agents.call_context import current_call
from agents.tools import tool
from mcp_server.server import build_server
from mcp_server.tool_server import ToolServer
from mcp_server.tools.served_tool import ServedTool

if TYPE_CHECKING:
    from mcp.types import LoggingLevel, LoggingMessageNotificationParams

    from agents.services import Services


async def logged(shelf: Services, mode: str, level: LoggingLevel | None) -> list[tuple[str, str]]:
    """What a client hears of a good call and of a bad one."""
    heard: list[tuple[str, str]] = []

    async def on_log(params: LoggingMessageNotificationParams) -> None:
        assert params.logger == "stillroom"
        heard.append((params.level, str(params.data)))

    async with Client(
        build_server(shelf), mode=mode, logging_callback=on_log, log_level=None if mode == "legacy" else level
    ) as client:
        if mode == "legacy" and level is not None:
            await client.session.set_logging_level(level)  # type: ignore[deprecated]
        await client.call_tool("list_sources", {})
        await client.call_tool("list_sources", {"cursor": "x"})
        await client.list_tools()  # what was sent before is heard by now
    return heard


# The SDK warns where an older revision's way is used.
@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_hears_what_it_asked_for_and_above(shelf: Services, mode: str) -> None:
    every = anyio.run(logged, shelf, mode, "debug")
    assert [level for level, _ in every] == ["debug", "warning"]
    assert every[0][1].startswith("list_sources gave ")
    assert every[1][1].startswith("list_sources: 'cursor' = 'x' is no cursor")
    assert [level for level, _ in anyio.run(logged, shelf, mode, "warning")] == ["warning"]
    assert anyio.run(logged, shelf, mode, "error") == []


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_that_asks_for_nothing_hears_nothing(shelf: Services, mode: str) -> None:
    assert anyio.run(logged, shelf, mode, None) == []


def test_each_thing_that_a_tool_does_is_logged_once() -> None:
    heard = anyio.Event()
    told: list[str] = []

    def work() -> str:
        """Work."""
        for _ in range(3):
            current_call().progress("reading", 0.5)
        current_call().progress("writing", None)
        current_call().cancelled.wait(120)
        return ""

    async def on_log(params: LoggingMessageNotificationParams) -> None:
        told.append(f"{params.level}: {params.data}")
        if "writing" in told[-1]:
            heard.set()

    async def call() -> None:
        server = ToolServer("bridge", [ServedTool(tool(work), "Work")], log_level="CRITICAL")
        async with (
            Client(server, logging_callback=on_log, log_level="info") as client,
            anyio.create_task_group() as group,
        ):
            group.start_soon(client.call_tool, "work")
            with anyio.fail_after(60):
                await heard.wait()
            group.cancel_scope.cancel()

    anyio.run(call)
    assert told == ["info: work: reading (50%)", "info: work: writing"]

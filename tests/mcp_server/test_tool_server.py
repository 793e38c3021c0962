"""The bridge between our tools and the SDK's server, in one process."""

from __future__ import annotations

import re
import threading

import anyio
import pytest
from mcp import Client
from mcp.types import TextContent

from agents.call_context import current_call
from agents.tools import Tool, tool
from mcp_server.tool_server import ToolServer
from mcp_server.tools.served_tool import ServedTool


def serve(*tools: Tool) -> ToolServer:
    served = [ServedTool(one, one.name) for one in tools]
    return ToolServer("bridge", served, log_level="CRITICAL", progress_seconds=0.01)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_slow_call_gives_signs_of_life_to_a_client_that_asks(mode: str) -> None:
    heard = threading.Event()
    messages: list[str | None] = []

    def work() -> str:
        """Work until a sign of life was heard."""
        return "done" if heard.wait(timeout=120) else "nobody heard"

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert (progress > 0, total) == (True, None)
        messages.append(message)
        heard.set()

    async def call() -> str:
        async with Client(serve(tool(work)), mode=mode) as client:
            (block,) = (await client.call_tool("work", progress_callback=on_progress)).content
            assert isinstance(block, TextContent)
            return block.text

    assert anyio.run(call) == "done"
    assert re.fullmatch(r"work: \d+ s", messages[0] or "")


def test_call_that_its_client_gives_up_does_not_hold_the_server() -> None:
    never = threading.Event()

    def hang() -> str:
        """Hang."""
        never.wait()
        return ""

    def answer() -> str:
        """Answer."""
        return "here"

    async def call() -> object:
        async with Client(serve(tool(hang), tool(answer))) as client:
            for _ in range(6):
                with anyio.move_on_after(0.05):
                    await client.call_tool("hang")
            return (await client.call_tool("answer")).structured_content or "unstructured"

    assert anyio.run(call) == {"result": "here"}
    never.set()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_call_that_its_client_cancels_is_told_so(mode: str) -> None:
    began, told = threading.Event(), threading.Event()

    def work() -> str:
        """Work until nobody waits."""
        began.set()
        if current_call().cancelled.wait(120):
            told.set()
        return ""

    async def call() -> None:
        async with Client(serve(tool(work)), mode=mode) as client, anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "work")
            await anyio.to_thread.run_sync(began.wait, 120)
            group.cancel_scope.cancel()

    anyio.run(call)
    assert told.wait(120)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_a_tool_says_it_does_reaches_a_client_that_asks(mode: str) -> None:
    heard = threading.Event()
    messages: list[str | None] = []

    def work() -> str:
        """Work."""
        current_call().progress("reading", 0.25)
        return "done" if heard.wait(timeout=120) else "nobody heard"

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
        messages.append(message)
        if message == "work: reading (25%)":
            heard.set()

    async def call() -> None:
        async with Client(serve(tool(work)), mode=mode) as client:
            await client.call_tool("work", progress_callback=on_progress)

    anyio.run(call)
    assert heard.is_set(), messages


def test_what_a_tool_says_last_reaches_its_client_before_the_answer() -> None:
    messages: list[str | None] = []

    def work() -> str:
        """Work."""
        for share in (0.0, 0.5, 1.0):
            current_call().progress("reading", share)
        return "done"

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
        messages.append(message)

    async def call() -> None:
        async with Client(serve(tool(work))) as client:
            await client.call_tool("work", progress_callback=on_progress)

    anyio.run(call)
    assert messages == [f"work: reading ({share}%)" for share in (0, 50, 100)]


def test_mistake_of_ours_is_an_error_result_without_a_traceback() -> None:
    def stumble() -> str:
        """Stumble."""
        raise KeyError("missing")

    async def call() -> tuple[bool, str]:
        async with Client(serve(tool(stumble))) as client:
            result = await client.call_tool("stumble")
            (block,) = result.content
            assert isinstance(block, TextContent)
            return result.is_error, block.text

    is_error, text = anyio.run(call)
    assert is_error
    assert "Traceback" not in text


def test_calls_that_keep_a_model_busy_keep_no_search_waiting() -> None:
    free = threading.Event()

    def think() -> str:
        """Think until told to stop."""
        free.wait(120)
        return "thought"

    def search() -> str:
        """Search."""
        return "found"

    async def call() -> object:
        found: object = None
        server = ToolServer(
            "bridge",
            [ServedTool(tool(think), "Think", slow=True), ServedTool(tool(search), "Search")],
            log_level="CRITICAL",
        )
        async with Client(server) as client, anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(client.call_tool, "think")
            found = (await client.call_tool("search")).structured_content
            free.set()
        return found

    assert anyio.run(call) == {"result": "found"}

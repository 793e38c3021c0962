"""An MCP server whose tools are ``agents.tools.Tool``: one schema, one validation, one set of messages.

The SDK would build a second schema from a second signature; here it only carries ours. This module imports
the SDK (seconds on a slow core), so it is imported where a server is built. It does not know which tools it
offers.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from mcp import MCPError
from mcp.server import MCPServer
from mcp.types import INVALID_PARAMS, CallToolResult, TextContent, ToolAnnotations
from mcp.types import Tool as ServedTool

from agents.call_context import CallContext
from mcp_server.background import in_background
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from mcp.server.mcpserver import Context

    from agents.tools import Tool

# Each call may hold a model's attention or an index's page cache; more at once only wait for each other.
_CALLS_AT_ONCE = 4
# Clients that show progress also count it as a sign of life; most give up after 60 s of silence.
PROGRESS_SECONDS = 5.0
_MOST_WAITING_MESSAGES = 100


class ToolServer(MCPServer[Any]):
    """An ``MCPServer`` that offers the given tools, and runs each call in a background thread.

    Args:
        tools: what ``tools/list`` names, in this order.
        progress_seconds: between two signs of life of a call that works.
        options: as for ``MCPServer``.
    """

    def __init__(
        self,
        name: str,
        tools: Sequence[Tool],
        *,
        progress_seconds: float = PROGRESS_SECONDS,
        **options: Any,  # noqa: ANN401 (passed on)
    ) -> None:
        super().__init__(name, **options)
        self._progress_seconds = progress_seconds
        self._offered = {tool.name: tool for tool in tools}
        self._slots = asyncio.Semaphore(_CALLS_AT_ONCE)

    async def list_tools(self) -> list[ServedTool]:
        """The tools with schemas of arguments and results, and honest annotations."""
        return [_served(tool) for tool in self._offered.values()]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult:
        """Run a tool; an error of ours becomes a result that the model reads: message, then hint.

        Raises:
            MCPError: no tool has that name.
        """
        tool = self._offered.get(name)
        if tool is None:
            known = ", ".join(self._offered)
            raise MCPError(INVALID_PARAMS, f"there is no tool {name!r}; there are {known}")
        async with self._slots, _signs_of_life(context, name, self._progress_seconds) as tell:
            return await _result(tool, arguments, tell)


async def _result(
    tool: Tool, arguments: dict[str, Any], tell: Callable[[str, float | None], None]
) -> CallToolResult:
    """What the tool gives; it is told where the client cancels the call, or goes away."""
    call = CallContext(progress=tell)
    try:
        result = await in_background(partial(tool.call, arguments, call))
    except StillroomError as error:
        return CallToolResult(content=[TextContent(type="text", text=error_text(error))], is_error=True)
    finally:
        call.cancelled.set()
    return CallToolResult(
        content=[TextContent(type="text", text=result.text)], structured_content=dict(result.data)
    )


def error_text(error: StillroomError) -> str:
    """Message and hint, for someone who sees neither our exit code nor our stderr."""
    return f"{error.message}\nHint: {error.hint}" if error.hint else error.message


def _served(tool: Tool) -> ServedTool:
    output = tool.output_schema
    return ServedTool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.parameters),
        output_schema=None if output is None else dict(output),
        annotations=ToolAnnotations(
            read_only_hint=tool.read_only,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.read_only,
            open_world_hint=tool.open_world,
        ),
    )


@asynccontextmanager
async def _signs_of_life(
    context: Context[Any, Any] | None, name: str, interval_seconds: float
) -> AsyncIterator[Callable[[str, float | None], None]]:
    """Report the seconds that went by, again and again, to a client that asked for progress.

    What the block is given reports at once, from any thread, what the tool says it does.
    """
    if context is None:
        yield lambda *_: None
        return
    began = time.monotonic()
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[str] = asyncio.Queue(_MOST_WAITING_MESSAGES)

    def tell(message: str, done: float | None) -> None:
        share = "" if done is None else f" ({done:.0%})"
        # A loop that is gone wants no message; a client that is slow gets the first ones.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_put, told, f"{name}: {message}{share}")

    async def report() -> None:
        while True:
            message = ""
            with suppress(TimeoutError):
                message = await asyncio.wait_for(told.get(), interval_seconds)
            elapsed = time.monotonic() - began
            await context.report_progress(elapsed, message=message or f"{name}: {elapsed:.0f} s")

    reporter = asyncio.create_task(report())
    try:
        yield tell
    finally:
        reporter.cancel()


def _put(told: asyncio.Queue[str], message: str) -> None:
    with suppress(asyncio.QueueFull):
        told.put_nowait(message)

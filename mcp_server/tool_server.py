"""An MCP server whose tools are ``agents.tools.Tool``: one schema, one validation, one set of messages.

The SDK would build a second schema from a second signature; here it only carries ours. This module imports
the SDK (seconds on a slow core), so it is imported where a server is built. It does not know which tools it
offers.
"""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mcp import MCPError
from mcp.server import MCPServer
from mcp.types import INVALID_PARAMS, CallToolResult, ResourceLink, TextContent, ToolAnnotations
from mcp.types import Tool as ListedTool

from agents.call_context import CallContext
from mcp_server.background import in_background
from mcp_server.callers import LOCAL, current_caller
from mcp_server.client_log import log_to_client
from mcp_server.parameters import say_what_is_wrong
from mcp_server.places import Places
from mcp_server.protocol_errors import error_text
from mcp_server.signs_of_life import PROGRESS_SECONDS, signs_of_life
from stillroom.errors import StillroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from mcp.server.mcpserver import Context
    from mcp.types import CallToolResult as Result
    from mcp.types import InputRequiredResult, LoggingLevel

    from agents.tools import Tool, ToolResult
    from mcp_server.callers import Caller
    from mcp_server.tools.served_tool import ServedTool

# Each call may hold a model's attention or an index's page cache; more at once only wait for each other.
_CALLS_AT_ONCE: Final = 4
_SLOW_CALLS_AT_ONCE: Final = 4
# Of several callers no one holds them all: whoever comes next finds a place that is free.
_KEPT_FOR_OTHERS: Final = 1
# The first revision that knows links in a result.
_LINKS_SINCE: Final = "2025-06-18"


class ToolServer(MCPServer[Any]):
    """An ``MCPServer`` that offers the given tools, and runs each call in a background thread.

    Tools that are registered in the SDK's own way are offered after them.

    Args:
        tools: what ``tools/list`` names first, in this order.
        progress_seconds: between two signs of life of a call that works.
        options: as for ``MCPServer``.
    """

    def __init__(
        self,
        name: str,
        tools: Sequence[ServedTool],
        *,
        progress_seconds: float = PROGRESS_SECONDS,
        **options: Any,  # noqa: ANN401 (passed on)
    ) -> None:
        super().__init__(name, **options)
        self.middleware.append(say_what_is_wrong)
        self._progress_seconds = progress_seconds
        self._offered = {served.name: served for served in tools}
        self._places = _Places(_CALLS_AT_ONCE)
        self._slow_places = _Places(_SLOW_CALLS_AT_ONCE)

    async def run_stdio_async(self) -> None:
        """Serve stdin and stdout; a line that holds no message is answered, where the SDK would drop it."""
        from mcp_server.stdio_lines import stdio_messages

        async with stdio_messages() as (read, write):
            serve = self._lowlevel_server
            await serve.run(read, write, serve.create_initialization_options())

    async def list_tools(self) -> list[ListedTool]:
        """The tools with schemas of arguments and results, and honest annotations."""
        return [*map(_listed, self._offered.values()), *await super().list_tools()]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> Result | InputRequiredResult:
        """Run a tool; an error of ours becomes a result that the model reads: message, then hint.

        Raises:
            MCPError: no tool has that name.
        """
        served = self._offered.get(name)
        if served is not None:
            return await self._call(served, arguments, context)
        registered = [tool.name for tool in await super().list_tools()]
        if name in registered:
            return await super().call_tool(name, arguments, context)
        known = ", ".join((*self._offered, *registered))
        raise MCPError(INVALID_PARAMS, f"there is no tool {name!r}; there are {known}")

    def _place(self, served: ServedTool, caller: Caller) -> AbstractAsyncContextManager[None]:
        """What a call of the tool waits for before it begins."""
        if served.waits:
            return contextlib.nullcontext()
        return (self._slow_places if served.slow else self._places).held(caller)

    async def _call(
        self, served: ServedTool, arguments: dict[str, Any], context: Context[Any, Any] | None
    ) -> Result:
        name = served.name
        caller = current_caller()
        began = time.monotonic()
        try:
            caller.require(name)
            async with (
                self._place(served, caller),
                signs_of_life(context, name, self._progress_seconds) as tell,
            ):
                result = await _result(served.for_caller(caller), arguments, tell)
        except StillroomError as error:
            await _log(context, "warning", error_text(error))
            return CallToolResult(content=[TextContent(type="text", text=error_text(error))], is_error=True)
        took = f"{time.monotonic() - began:.2f} s"
        await _log(context, "debug", f"{name} gave {len(result.text)} characters in {took}")
        links = served.links(result.data) if _takes_links(context) else ()
        return CallToolResult(
            content=[
                TextContent(type="text", text=result.text),
                *(ResourceLink(uri=one.uri, name=one.name, description=one.description) for one in links),
            ],
            structured_content=dict(result.data),
        )


class _Places:
    """Calls at work at once: the person of this machine, who is alone, may have them all."""

    def __init__(self, total: int) -> None:
        self._of_one = Places(total, share=total, most_waiting=None)
        self._of_several = Places(total, share=total - _KEPT_FOR_OTHERS, most_waiting=None)

    def held(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """One of them for the length of a block, once it is free."""
        places = self._of_one if caller == LOCAL else self._of_several
        return places.held(caller.name)


async def _result(
    tool: Tool, arguments: dict[str, Any], tell: Callable[[str, float | None], None]
) -> ToolResult:
    """What the tool gives; it is told where the client cancels the call, or goes away.

    Raises:
        StillroomError: it refuses its arguments, or fails.
    """
    call = CallContext(progress=tell)
    try:
        return await in_background(partial(tool.call, arguments, call))
    finally:
        call.cancelled.set()


async def _log(context: Context[Any, Any] | None, level: LoggingLevel, message: str) -> None:
    if context is not None:
        await log_to_client(context.request_context, level, message)


def _takes_links(context: Context[Any, Any] | None) -> bool:
    version = None if context is None else context.protocol_version
    return version is not None and version >= _LINKS_SINCE


def _listed(served: ServedTool) -> ListedTool:
    tool = served.tool
    output = served.output_schema or tool.output_schema
    return ListedTool(
        name=tool.name,
        title=served.title,
        description=tool.description,
        input_schema=dict(tool.parameters),
        output_schema=None if output is None else dict(output),
        annotations=ToolAnnotations(
            title=served.title,
            read_only_hint=tool.read_only,
            destructive_hint=tool.destructive,
            idempotent_hint=served.idempotent,
            open_world_hint=tool.open_world,
        ),
    )

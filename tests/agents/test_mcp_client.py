"""Tools of an MCP server become our tools: names, schemas, hints, results and errors."""

from __future__ import annotations

import sys
import time
from typing import Any

import anyio
import pytest
from mcp.server import MCPServer, Server, ServerRequestContext
from mcp.server.mcpserver.exceptions import ToolError as ServedToolError
from mcp.types import ListToolsResult, PaginatedRequestParams, ToolAnnotations
from mcp.types import Tool as ServedTool
from pydantic import BaseModel

from agents.mcp_client import open_server
from agents.result_pages import PAGE_CHARACTERS
from stillroom.errors import McpError, ToolError

ENDLESS = "import time; time.sleep(60)"


class Weight(BaseModel):
    """A structured result."""

    grams: int


def make_server() -> MCPServer[Any]:
    """A server with the kinds of tools that others write."""
    server: MCPServer[Any] = MCPServer("scales", log_level="CRITICAL")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    def weigh(thing: str) -> Weight:
        """Weigh a thing."""
        return Weight(grams=len(thing))

    @server.tool()
    def talk(length: int) -> str:
        """Talk at length."""
        return "x" * length

    @server.tool()
    def break_down() -> str:
        """Fail."""
        raise ServedToolError("the scales are broken")

    @server.tool()
    async def stall() -> str:
        """Take too long."""
        await anyio.sleep(60)
        return "late"

    @server.resource("scales://manual")
    def manual() -> str:
        """How to weigh."""
        return "Put it on."

    return server


def test_served_tools_keep_name_schema_and_honest_hints() -> None:
    with open_server(make_server()) as server:
        tools = {tool.name: tool for tool in server.tools(prefix="scales__")}
    weigh = tools["scales__weigh"]
    assert weigh.description == "Weigh a thing."
    assert weigh.parameters["required"] == ["thing"]
    assert (weigh.read_only, weigh.open_world) == (True, False)
    unmarked = tools["scales__talk"]
    assert (unmarked.read_only, unmarked.destructive, unmarked.open_world) == (False, True, True)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_call_gives_text_and_data(mode: Any) -> None:  # noqa: ANN401 (a literal, as a parameter)
    with open_server(make_server(), mode=mode) as server:
        (weigh,) = (tool for tool in server.tools() if tool.name == "weigh")
        result = weigh.call({"thing": "salt"})
    assert result.data == {"grams": 4}
    assert '"grams": 4' in result.text


def test_long_result_is_cut() -> None:
    with open_server(make_server()) as server:
        text = server.call("talk", {"length": 2 * PAGE_CHARACTERS}).text
    assert text.endswith("[cut: 8000 of 16000 characters left out; ask for less at a time]")


def test_failures_of_served_tools_are_tool_errors() -> None:
    with open_server(make_server()) as server:
        with pytest.raises(ToolError, match="the scales are broken"):
            server.call("break_down", {})
        with pytest.raises(ToolError, match="thing"):
            server.call("weigh", {})
        with pytest.raises(ToolError, match="nothing_like_it"):
            server.call("nothing_like_it", {})


def test_call_that_takes_too_long_ends_at_its_limit() -> None:
    began = time.monotonic()
    with open_server(make_server(), call_seconds=0.2) as server, pytest.raises(ToolError, match="stall"):
        server.call("stall", {})
    assert time.monotonic() - began < 50


def test_resource_is_read_and_a_missing_one_named() -> None:
    with open_server(make_server()) as server:
        assert server.read_resource("scales://manual") == "Put it on."
        with pytest.raises(McpError, match="scales://nothing"):
            server.read_resource("scales://nothing")


def test_all_pages_of_tools_are_listed() -> None:
    async def page(
        _context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        number = int(params.cursor) if params and params.cursor else 0
        served = ServedTool(name=f"tool_{number}", input_schema={"type": "object"})
        return ListToolsResult(tools=[served], next_cursor=str(number + 1) if number < 2 else None)

    with open_server(Server("paged", on_list_tools=page)) as server:
        assert [tool.name for tool in server.tools()] == ["tool_0", "tool_1", "tool_2"]


def test_command_that_does_not_exist_is_an_mcp_error() -> None:
    with (
        pytest.raises(McpError, match="cannot be started: there is no program /no/such/program"),
        open_server(["/no/such/program"]),
    ):
        pass


def test_command_that_ends_at_once_is_an_mcp_error_with_a_hint() -> None:
    with (
        pytest.raises(McpError, match="Connection closed") as caught,
        open_server([sys.executable, "-c", ""]),
    ):
        pass
    assert "stderr" in caught.value.hint


def test_command_that_never_answers_is_given_up() -> None:
    command = [sys.executable, "-c", ENDLESS]
    with (
        pytest.raises(McpError, match=r"within 0\.5 s"),
        open_server(command, mode="legacy", start_seconds=0.5),
    ):
        pass


def test_failure_inside_the_block_passes_unchanged() -> None:
    with pytest.raises(KeyError), open_server(make_server()):
        raise KeyError("mine")

"""What a caller's token lets them do, in the server itself, whatever stands before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client, MCPError
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.types import PromptReference, TextContent

from agents.call_context import CallContext
from agents.tools import tool
from mcp_server.callers import LOCAL, Caller
from mcp_server.server import build_server
from mcp_server.tool_server import ToolServer
from mcp_server.tools.served_tool import ServedTool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.services import Services


@pytest.fixture
def token() -> Iterator[Callable[[str, list[str]], None]]:
    """Makes what follows the request of somebody with a token."""
    before = auth_context_var.set(None)

    def present(name: str, scopes: list[str]) -> None:
        auth_context_var.set(AuthenticatedUser(AccessToken(token="t", client_id=name, scopes=scopes)))

    yield present
    auth_context_var.reset(before)


def test_a_token_that_may_read_searches_and_starts_no_agent(
    shelf: Services, token: Callable[[str, list[str]], None]
) -> None:
    async def ask() -> None:
        async with Client(build_server(shelf)) as client:
            assert not (await client.call_tool("list_sources", {})).is_error
            assert (await client.list_resources()).resources
            refused = await client.call_tool("run_agent", {"question": "x"})
            assert refused.is_error
            assert isinstance(refused.content[0], TextContent)
            assert refused.content[0].text.startswith("run_agent needs the scope 'agent'")
            assert "stillroom mcp token add" in refused.content[0].text

    token("reader", ["read"])
    anyio.run(ask)


def test_a_token_without_reading_sees_no_document_by_any_way(
    shelf: Services, token: Callable[[str, list[str]], None]
) -> None:
    async def ask() -> None:
        async with Client(build_server(shelf)) as client:
            assert (await client.call_tool("search_library", {"query": "pump"})).is_error
            named = {"name": "document", "value": "mar"}
            for call in (
                client.list_resources,
                lambda: client.read_resource("library://shelf/valve.md"),
                lambda: client.get_prompt("summarize_document", {"document": "valve.md"}),
                lambda: client.complete(PromptReference(name="summarize_document"), named),
            ):
                with pytest.raises(MCPError, match="needs the scope 'read'"):
                    await call()

    token("writer", ["ingest"])
    anyio.run(ask)


def test_a_tool_works_on_behalf_of_whoever_calls(token: Callable[[str, list[str]], None]) -> None:
    def greeting(caller: Caller) -> Callable[[], str]:
        def greet() -> str:
            """Greet the caller."""
            return f"hello {caller.name}"

        return greet

    served = ServedTool(tool(greeting(LOCAL)), "Greet", function_for=greeting)

    async def ask() -> object:
        async with Client(ToolServer("bridge", [served], log_level="CRITICAL")) as client:
            return (await client.call_tool("greet", {})).structured_content

    assert anyio.run(ask) == {"result": "hello local"}
    token("reader", ["read"])
    assert anyio.run(ask) == {"result": "hello reader"}
    assert served.tool.call({}, CallContext()).text == "hello local"

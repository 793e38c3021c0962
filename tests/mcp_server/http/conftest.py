"""Real server processes that listen, with the tokens of three people who may more and more."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcp_server.http.tokens import TokenFile
from tests.mcp_server.http.wire import bearer, headers_for, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SERVING = Path(__file__).with_name("serving.py")


class HttpServer:
    """A server process, and what a client does to it."""

    def __init__(self, process: subprocess.Popen[str], listening: Mapping[str, Any], log: Path) -> None:
        self.process = process
        self.url: str = listening["url"]
        self.port: int = listening["port"]
        self.root = self.url.removesuffix("/mcp")
        self._log = log

    @property
    def logged(self) -> str:
        """Everything on its stderr so far."""
        return self._log.read_text(encoding="utf-8")

    def send(
        self, sent: Mapping[str, Any], token: str = "", *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """POST a JSON-RPC message."""
        every = {**headers_for(sent), **(bearer(token) if token else {}), **(headers or {})}
        return httpx.post(self.url, json=sent, headers=every, timeout=120, trust_env=False)

    def connect(self) -> socket.socket:
        """A connection to be spoken on by hand."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=120)

    def require_alive(self, token: str = "") -> None:
        """It serves the next call."""
        assert self.process.poll() is None, self.logged
        response = self.send(message("tools/list"), token)
        assert response.status_code == 200, response.text
        assert response.json()["result"]["tools"]


@contextmanager
def serving(*arguments: str) -> Iterator[HttpServer]:
    """A server process for the length of a block."""
    with (
        tempfile.NamedTemporaryFile("w", suffix=".log") as log,
        subprocess.Popen(
            [sys.executable, str(SERVING), *arguments], stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, Path(log.name).read_text(encoding="utf-8")
            yield HttpServer(process, json.loads(line), Path(log.name))
        finally:
            process.kill()


class Tokens:
    """A file of tokens, and the tokens themselves."""

    def __init__(self, path: Path) -> None:
        self.file = TokenFile(path)
        self.reader = self.add("reader")
        self.writer = self.add("writer", "ingest")
        self.owner = self.add("owner", "ingest", "agent")

    def add(self, name: str, *scopes: Any) -> str:  # noqa: ANN401 -- also what is no scope
        """Make one more."""
        return self.file.add(name, scopes, now=datetime.now(UTC))


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """The tokens that ``guarded`` takes."""
    return Tokens(tmp_path_factory.mktemp("tokens") / "tokens.json")


@pytest.fixture(scope="session")
def guarded(tokens: Tokens, library_dir: Path) -> Iterator[HttpServer]:
    """A server that asks for tokens, over the library of three documents."""
    folder = library_dir.parent / "sources"
    arguments = ("--library", str(library_dir), "--ingest-root", str(folder))
    with serving("--tokens", str(tokens.file.path), *arguments) as server:
        yield server


@pytest.fixture(scope="session")
def unguarded(tmp_path_factory: pytest.TempPathFactory, library_dir: Path) -> Iterator[HttpServer]:
    """A server of this machine's programs, that asks nobody."""
    nothing = tmp_path_factory.mktemp("nothing") / "tokens.json"
    with serving("--tokens", str(nothing), "--library", str(library_dir)) as server:
        yield server

"""The image's health check, as Docker runs it."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from deploy.ports import free_port
from tests.docker.conftest import DOCKER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.endpoint import Endpoint


def check(*urls: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it with these variables alone."""
    script = [sys.executable, "-I", str(DOCKER / "healthcheck.py"), *urls]
    return subprocess.run(
        script,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers everything with that status: the address of its API."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def test_folders_that_can_be_written_are_healthy(tmp_path: Path) -> None:
    assert check(STILLROOM_DATA_DIR=str(tmp_path)).returncode == 0


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = check(STILLROOM_DATA_DIR=str(tmp_path), STILLROOM_CACHE_DIR=str(tmp_path / "gone"))

    assert done.returncode == 1
    assert done.stdout == f"{tmp_path / 'gone'} cannot be written\n"


def test_an_engine_that_answers_is_healthy_whatever_proxy_is_set(bundled_endpoint: Endpoint) -> None:
    done = check(STILLROOM_ENDPOINT_URL=bundled_endpoint.base_url, http_proxy="http://127.0.0.1:9")

    assert done.returncode == 0, done.stdout


def test_an_engine_that_is_not_there_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"

    done = check(STILLROOM_ENDPOINT_URL=url)

    assert done.returncode == 1
    assert f"{url} does not answer" in done.stdout


def test_an_address_among_the_arguments_must_answer_too() -> None:
    with answering(200) as url:
        assert check(url).returncode == 0
    done = check(url)
    assert done.returncode == 1
    assert f"{url} does not answer" in done.stdout


@pytest.mark.parametrize(("status", "exit_code"), [(200, 0), (401, 0), (503, 1)])
def test_an_engine_that_wants_a_key_is_there_and_one_that_fails_is_not(status: int, exit_code: int) -> None:
    with answering(status) as url:
        assert check(STILLROOM_ENDPOINT_URL=url).returncode == exit_code

"""The official conformance suite against the server that ``build_server`` makes, in both generations.

Every scenario of the suite that applies to a revision is run, also those that it does not score yet; its
optional extensions (tasks, skills) are not offered, so they are left out.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.mcp_server.node_clients import node_client

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPECTED_FAILURES = Path(__file__).with_name("expected-failures.yml")
REPOSITORY = Path(__file__).resolve().parents[3]
# The suite waits for some messages of a stream for half a second, on however slow a machine.
TRIES = 4


def suite() -> list[str]:
    return node_client("@modelcontextprotocol/conformance", "conformance")


@pytest.fixture(scope="module")
def url(library_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    suite()
    log = tmp_path_factory.mktemp("conformance") / "server.log"
    argv = [sys.executable, "-m", "tests.mcp_server.conformance.serving", str(library_dir)]
    with (
        log.open("w") as stderr,
        subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, log.read_text(encoding="utf-8")
        yield address
        process.kill()


def failures(url: str, revision: str, *which: str) -> list[str]:
    """The scenarios that failed and are not expected to, or that are and did not."""
    argv = [*suite(), "server", "--url", url, "--spec-version", revision, "--timeout", "120000", *which]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=280)
    print(done.stdout[-10_000:], done.stderr[-2_000:])  # noqa: T201 (shown where the test fails)
    if done.returncode == 0:
        return []
    return re.findall(r"^✗ ([\w-]+):", done.stdout, re.MULTILINE) or ["the suite itself"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_server_passes_the_official_conformance_suite(url: str, revision: str) -> None:
    expected = ("--expected-failures", str(EXPECTED_FAILURES))
    failed = failures(url, revision, "--suite", "all", *expected)
    for _ in range(TRIES):
        failed = [one for one in failed if failures(url, revision, "--scenario", one, *expected)]
    assert not failed

"""Shared by the tests of commands: a web server of files, options of a plan, and how a command refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.person import Person
from tests.deploy.checkpoints.conftest import make_server, server

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

__all__ = ["make_server", "server"]

RTX_4090 = ("--gpu", "RTX 4090")
ONE_MODEL = ("--quant", "Q4_K_M", "--context", "8192", "--users", "1", "--engine", "ollama", *RTX_4090)


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(tmp_path, monkeypatch, capsys)


def refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """It failed as our own errors do: in words, on stderr, with nothing on stdout."""
    assert done.returncode in {1, 2}, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr

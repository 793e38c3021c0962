"""Shared by the tests of commands: a web server of files, options of a plan, and how a command refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.deploy.checkpoints.conftest import make_server, server

if TYPE_CHECKING:
    import subprocess

__all__ = ["make_server", "server"]

RTX_4090 = ("--gpu", "RTX 4090")
ONE_MODEL = ("--quant", "Q4_K_M", "--context", "8192", "--users", "1", "--engine", "ollama", *RTX_4090)


def refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """It failed as our own errors do: in words, on stderr, with nothing on stdout."""
    assert done.returncode in {1, 2}, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr

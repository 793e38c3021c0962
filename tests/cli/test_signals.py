"""A signal ends a command without a traceback in whatever moment it comes, and the exit code tells which."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.mcp_server.handshake import initialize

if TYPE_CHECKING:
    from tests.conftest import Home

# Runs the program, which sends itself a signal when it imports a module.
SIGNALLED_BY_ITSELF = """
import os, runpy, signal, sys

module, number, ignored, *arguments = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)
if ignored == "ignored":
    signal.signal(int(number), signal.SIG_IGN)

class Finder:
    def find_spec(self, name, path, target=None):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Finder())
sys.argv[1:] = arguments
runpy.run_module("stillroom", run_name="__main__")
"""


def signalled(
    home: Home, module: str, number: signal.Signals, *arguments: str, ignored: bool = False
) -> subprocess.CompletedProcess[str]:
    how = "ignored" if ignored else "taken"
    return subprocess.run(
        [sys.executable, "-c", SIGNALLED_BY_ITSELF, module, str(int(number)), how, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=home.folder,
        env=home.variables(),
        timeout=480,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_before_the_command_line_is_imported_a_signal_ends_the_program_itself(
    home: Home, number: signal.Signals
) -> None:
    done = signalled(home, "stillroom.cli.main", number, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (-number, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("module", "arguments"),
    [("stillroom.cli.mcp", ("mcp", "serve")), ("uvicorn", ("mcp", "serve", "--http", "--port", "0"))],
)
def test_a_command_that_is_not_at_work_yet_is_stopped_by_it(
    home: Home, number: signal.Signals, module: str, arguments: tuple[str, ...]
) -> None:
    done = signalled(home, module, number, *arguments)
    assert (done.returncode, done.stdout) == (128 + number, "")
    assert "Traceback" not in done.stderr


def test_a_signal_that_whoever_started_it_ignores_is_ignored(home: Home) -> None:
    done = signalled(home, "stillroom.cli.mcp", signal.SIGHUP, "mcp", "clients", "--json", ignored=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_served_process_tells_by_its_exit_code_which_signal_ended_it(
    home: Home, number: signal.Signals
) -> None:
    with home.start("mcp", "serve", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(initialize()) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "Traceback" not in errors

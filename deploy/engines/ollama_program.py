"""Ollama's program on this machine: where it is, whether it can be run, and which version it is.

It runs ``ollama --version`` and nothing else; the server is started by ``deploy.launching.launch``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

PROGRAM: Final = "ollama"
_VERSION: Final = re.compile(r"version is (?P<version>[\w.+-]+)")
_VERSION_SECONDS: Final = 5.0
# Nothing listens on port 0, so that the program does not wait for a server to tell of its version too.
_NOBODY: Final = "127.0.0.1:0"


def find_program(name: str = PROGRAM) -> Path | None:
    """The program that a shell would run by that name or path; None where there is none."""
    found = shutil.which(name)
    return Path(found) if found else None


def missing_program(name: str = PROGRAM) -> tuple[str, str]:
    """Why there is none, and the command that mends it; the latter empty where it has to be installed."""
    for folder in os.get_exec_path():
        candidate = Path(folder) / name
        if candidate.is_file():
            return f"{candidate} is there and cannot be executed", f"chmod +x {candidate}"
    return f"no program {name!r} on the PATH", ""


def program_version(program: Path) -> str:
    """What ``ollama --version`` says of the program itself; empty where it says nothing within seconds.

    It prints ``Warning: client version is 0.33.0`` where no server runs, after a warning that none does.
    """
    try:
        done = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_VERSION_SECONDS,
            env={**os.environ, "OLLAMA_HOST": _NOBODY},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = _VERSION.search(done.stdout + done.stderr)
    return match["version"] if match else ""

"""The last of a family: ends an engine's process group once the process that owns the engine is gone.

A process that is killed with SIGKILL can clean up nothing, and vLLM's and Ollama's servers do not notice that
their parent ended. So beside each engine runs this small process, in a group of its own, with nothing but a
pipe to the owner: when the pipe ends without a farewell, the owner was killed, and the group is ended. It
runs on Python's standard library alone and knows no engine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Final

_FAREWELL: Final = b"q"
_POLL_SECONDS: Final = 0.05


def guard(group: int, *, grace_seconds: float) -> subprocess.Popen[bytes]:
    """Start a guardian of that process group; it ends the group when this process ends.

    Args:
        group: the id of the group, which is the pid of its leader.
        grace_seconds: between SIGTERM and SIGKILL.

    Raises:
        OSError: it cannot be started.
    """
    # Without site-packages and the user's environment: in 20 ms, and whatever the folder is called.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(group), str(grace_seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def dismiss(guardian: subprocess.Popen[bytes]) -> None:
    """Let it go without touching the group; safe to call again, and for one that was killed."""
    if guardian.stdin is not None and not guardian.stdin.closed:
        with suppress(OSError):
            guardian.stdin.write(_FAREWELL)
        with suppress(OSError):
            guardian.stdin.close()
    guardian.wait()


def main(arguments: list[str]) -> int:
    """Wait for the farewell, or for the end of the pipe without one."""
    group, grace_seconds = int(arguments[0]), float(arguments[1])
    # What ends the owner's terminal session must not end this first.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if os.read(sys.stdin.fileno(), 1) == _FAREWELL:
        return 0
    deadline = time.monotonic() + grace_seconds
    # ProcessLookupError: nobody of the group is left. PermissionError: only zombies are (macOS).
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        while time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

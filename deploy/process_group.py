"""Start a program in a process group of its own, and end the whole group.

Engines have children: vLLM an engine core and workers, Ollama a runner. A SIGKILL of the first process alone
leaves those running with the memory they hold, so signals go to the group. Needs a POSIX system.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# How long a group has to vanish after SIGKILL; the kernel needs this to free a large model's memory.
_KILL_WAIT_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05


def spawn(argv: Sequence[str], *, environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ``argv`` with both outputs going to ``log``.

    Standard input is a pipe that nothing is written to: it ends when this process ends, which engines of
    ours take as the sign to end as well. The group of its own keeps the terminal's Ctrl-C from the engine,
    so that it is stopped in order and not in the middle.

    Args:
        argv: the program, found on the PATH, and its arguments.
        environment: what is added to the inherited environment.
        log: an open file; the caller may close it afterwards.

    Raises:
        OSError: the program cannot be executed.
    """
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        process_group=0,
    )


def stop(process: subprocess.Popen[bytes], *, grace_seconds: float) -> None:
    """SIGTERM to the group, a grace period, SIGKILL to what is left; the process is reaped.

    Safe to call again, and safe against a Ctrl-C while it waits: the group is then killed at once.
    """
    try:
        if process.poll() is None:
            _signal_group(process.pid, signal.SIGTERM)
            process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # Children may outlive the group's leader; with none left the group is gone and so is the signal.
        _signal_group(process.pid, signal.SIGKILL)
        process.wait(_KILL_WAIT_SECONDS)
        if process.stdin is not None:
            process.stdin.close()


def stop_by_pid(
    pid: int, *, alive: Callable[[], bool], grace_seconds: float, whole_group: bool = True
) -> None:
    """The same for a process that is not our child: it is watched by asking, and somebody else reaps it.

    Args:
        pid: of the process; of the group's leader where ``whole_group``.
        alive: whether that very process lives; asked before each signal, as pids are given away again.
        grace_seconds: between SIGTERM and SIGKILL.
        whole_group: signal its group and not only the process.
    """
    send = _signal_group if whole_group else _signal_process
    deadline = time.monotonic() + grace_seconds
    if alive():
        send(pid, signal.SIGTERM)
    while alive() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if alive() or whole_group:
        send(pid, signal.SIGKILL)
    deadline = time.monotonic() + _KILL_WAIT_SECONDS
    while alive() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _signal_process(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
    except PermissionError:  # macOS answers so for a group of zombies
        return

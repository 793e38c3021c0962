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

from deploy.launching.guardian import dismiss, guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# How long a group has to vanish after SIGKILL; the kernel needs this to free a large model's memory.
_KILL_WAIT_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05

# As psutil computes it from the time of boot, which a correction of the clock moves.
CREATION_TOLERANCE_SECONDS: Final = 2.0


class ProcessGroup:
    """A program and its children, in a group of their own that does not outlive this process.

    Args:
        leader: the program; the group has its pid.
        guardian: ends the group once this process is gone.
    """

    def __init__(self, leader: subprocess.Popen[bytes], guardian: subprocess.Popen[bytes]) -> None:
        self.leader = leader
        self._guardian = guardian

    def stop(self, *, grace_seconds: float) -> None:
        """SIGTERM to the group, a grace period, SIGKILL to what is left; the program is reaped.

        Safe to call again, and safe against a Ctrl-C while it waits: the group is then killed at once.
        """
        leader = self.leader
        try:
            if leader.poll() is None:
                _signal_group(leader.pid, signal.SIGTERM)
                leader.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Children may outlive the group's leader; with none left the group is gone and so is the signal.
            _signal_group(leader.pid, signal.SIGKILL)
            leader.wait(_KILL_WAIT_SECONDS)
            if leader.stdin is not None:
                leader.stdin.close()
            dismiss(self._guardian)


def spawn(
    argv: Sequence[str], *, environment: Mapping[str, str], log: IO[bytes], grace_seconds: float
) -> ProcessGroup:
    """Start ``argv`` with both outputs going to ``log``.

    Standard input is a pipe that nothing is written to: it ends when this process ends, which engines of
    ours take as the sign to end as well. The group of its own keeps the terminal's Ctrl-C from the engine,
    so that it is stopped in order and not in the middle.

    Args:
        argv: the program, found on the PATH, and its arguments.
        environment: what is added to the inherited environment.
        log: an open file; the caller may close it afterwards.
        grace_seconds: what the group gets between SIGTERM and SIGKILL where this process is killed.

    Raises:
        OSError: the program cannot be executed.
    """
    leader = subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        process_group=0,
    )
    try:
        return ProcessGroup(leader, guard(leader.pid, grace_seconds=grace_seconds))
    except BaseException:
        # No process without a guardian.
        _signal_group(leader.pid, signal.SIGKILL)
        leader.wait(_KILL_WAIT_SECONDS)
        raise


def members_of(group: int, *, since: float) -> tuple[int, ...]:
    """The processes of a group whose leader may be gone, if it is still the group that began then.

    The system gives no process a pid that a living group has as its id; once the group is gone, it may.

    Args:
        group: the pid of its leader.
        since: when the leader was created, in seconds since the epoch.
    """
    import psutil

    found: list[int] = []
    for process in psutil.process_iter(["create_time", "status"]):
        try:
            same = os.getpgid(process.pid) == group
        except (ProcessLookupError, PermissionError):
            continue
        if not same or process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        later = process.info["create_time"] - since
        if later < -CREATION_TOLERANCE_SECONDS or (
            process.pid == group and later > CREATION_TOLERANCE_SECONDS
        ):
            return ()  # the pid was given away again
        found.append(process.pid)
    return tuple(found)


def stop_group(group: int, *, since: float, grace_seconds: float) -> None:
    """End what is left of a group that another process started: SIGTERM, a grace period, SIGKILL.

    Args:
        group: the pid of its leader, which may be gone already.
        since: when the leader was created, in seconds since the epoch.
        grace_seconds: between the two signals.
    """
    _stop(
        lambda number: _signal_group(group, number),
        lambda: bool(members_of(group, since=since)),
        grace_seconds,
    )


def stop_process(pid: int, *, alive: Callable[[], bool], grace_seconds: float) -> None:
    """End one process that is not our child; somebody else reaps it.

    Args:
        pid: its pid.
        alive: whether that very process lives; asked before each signal, as pids are given away again.
        grace_seconds: between SIGTERM and SIGKILL.
    """
    _stop(lambda number: _signal_process(pid, number), alive, grace_seconds)


def _stop(send: Callable[[signal.Signals], None], alive: Callable[[], bool], grace_seconds: float) -> None:
    for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, _KILL_WAIT_SECONDS)):
        if not alive():
            return
        send(number)
        deadline = time.monotonic() + seconds
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

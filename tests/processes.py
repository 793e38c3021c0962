"""What tests ask of processes: whether one runs, and whether something comes true in time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Whether it came true in time, which is long: what fails here hangs, on the slowest machine too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def runs(pid: int) -> bool:
    """Whether that process runs; one that ended and waits for its parent does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command_line(process: psutil.Process) -> list[str]:
    """Its words; none where it has ended since it was listed."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def children_with(word: str, pid: int | None = None) -> list[psutil.Process]:
    """The children of that process, or of this one, that have the word on their command line."""
    return [child for child in psutil.Process(pid).children() if word in command_line(child)]

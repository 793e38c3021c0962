"""One installation after another: of two that read the same file at once, one would lose its entry.

The lock is on a folder that is there already, so nothing is left behind. It does not keep the clients
themselves from writing; ``config_file`` looks for that right before it replaces a file.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LONGEST_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.05


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait until nobody else changes files of this person, or of this project, and keep others waiting.

    Args:
        folder: the person's home, or the project's folder. Where its file system has no locks, as some
            networks' have none, nobody waits.

    Raises:
        McpError: another installation did not end within a minute.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        _wait(descriptor, folder)
        yield
    finally:
        os.close(descriptor)  # which ends the lock


def _wait(descriptor: int, folder: Path) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise McpError(
                    f"another stillroom mcp install is at work in {folder}, for {_LONGEST_SECONDS:.0f} s now",
                    hint="try again once it has ended",
                ) from error
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return
        else:
            return

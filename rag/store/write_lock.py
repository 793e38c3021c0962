"""One writing process at a time, held by the operating system and so freed when the process dies.

The lock says who holds it. It does not know what is written.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from rag.store.database import translated_errors
from stillroom.errors import LibraryBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_NAME = "write.lock"
# Beside the lock and not in it: a process that only tries for the lock may truncate that file.
_HOLDER_NAME = "writer.pid"


@contextlib.contextmanager
def write_lock(directory: Path) -> Iterator[None]:
    """Hold the library's write lock.

    Raises:
        LibraryBusyError: another process, or another thread of this one, holds it; the message names the
            process id.
    """
    import filelock

    with translated_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(directory / _LOCK_NAME, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise _busy(directory) from error
    try:
        with translated_errors(directory):
            (directory / _HOLDER_NAME).write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        (directory / _HOLDER_NAME).unlink(missing_ok=True)
        lock.release()


def _busy(directory: Path) -> LibraryBusyError:
    try:
        holder = (directory / _HOLDER_NAME).read_text(encoding="ascii").strip()
    except OSError:
        # It has the lock and has not written its id yet, or is just letting go.
        holder = ""
    who = f"process {holder}" if holder else "another process"
    return LibraryBusyError(
        f"{who} is writing to the library {directory}",
        hint="try again when it is done; searching goes on meanwhile",
    )

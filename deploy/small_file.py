"""A small file of this machine: one that somebody named, read whole; one of ours, written whole.

What somebody named may be anything. A device has no end, a pipe may never have one, and a wrong name may be
that of a model's weights: none of them is read. What a file should hold is not its to know.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def read_small_file(path: Path, *, most_bytes: int) -> bytes:
    """What is in a file of at most so many bytes.

    Raises:
        OSError: it is not there or not to be read, no regular file, or larger; ``strerror`` says which.
    """
    # Asked before it is opened: opening a pipe waits for whoever writes to it.
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        raise OSError(errno.EINVAL, f"it is {kind}, and a file is needed", str(path))
    with path.open("rb") as file:
        # Files of /proc say that they are empty, so what comes counts, not what was said.
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes, the most that is read", str(path))
    return content


def write_whole(path: Path, content: bytes, *, owner_only: bool = False) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part of it.

    Args:
        path: in a folder that is there.
        content: all of it.
        owner_only: nobody else may read it, because keys are in it.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)  # an older one would keep its own permissions
        mode = 0o600 if owner_only else 0o666  # of the latter the process's umask takes what it takes
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise

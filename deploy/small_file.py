"""A small file of this machine, read whole: one that somebody named, so it may be anything.

A device has no end, a pipe may never have one, and a wrong name may be that of a model's weights: none of
them is read. What the file should hold is not its to know.
"""

from __future__ import annotations

import errno
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

"""The engine's log as a file: followed while it grows, kept from growing without end.

It knows no engine's wording.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from deploy.private_files import open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# llama.cpp writes about 2 KB a request at the verbosity that tells its buffers.
_MOST_BYTES: Final = 64 * 1024 * 1024
_POLL_SECONDS: Final = 0.2


def previous(log_path: Path) -> Path:
    """Where an older part of the log is kept: one only.

    Example:
        >>> from pathlib import Path
        >>> previous(Path("state/engine.log")).name
        'engine.previous.log'
    """
    return log_path.with_name(f"{log_path.stem}.previous{log_path.suffix}")


def keep_previous(log_path: Path) -> None:
    """Move the log of an engine that ended aside, before the next one writes its own."""
    if log_path.exists():
        log_path.replace(previous(log_path))


def rotate_if_large(log_path: Path) -> str:
    """Copy a log that has grown large aside and empty it; what was in it, else an empty text.

    Its writer has it open for appending and goes on at its new end.
    """
    try:
        if log_path.stat().st_size < _MOST_BYTES:
            return ""
        content = log_path.read_bytes()
        with open_private(previous(log_path)) as kept:
            kept.write(content)
        os.truncate(log_path, 0)
    except OSError:  # a full disk, for example: the log then grows on
        return ""
    return content.decode("utf-8", errors="replace")


def last_lines(log_path: Path, lines: int) -> tuple[str, ...]:
    """The last lines.

    Raises:
        FileNotFoundError: there is no log.
    """
    with log_path.open(encoding="utf-8", errors="replace") as log:
        return tuple(line.rstrip("\n") for line in deque(log, maxlen=lines))


def follow(log_path: Path, *, go_on: Callable[[], bool]) -> Iterator[str]:
    """Lines that are written from now on, also after the file was emptied or replaced.

    Args:
        log_path: may be missing for a while, as between two starts.
        go_on: asked whenever there is nothing new; the end, once it says no.
    """
    return _following(log_path, *_end(log_path), go_on)


def _following(log_path: Path, position: int, inode: int, go_on: Callable[[], bool]) -> Iterator[str]:
    rest = ""
    while True:
        text, position, inode = _since(log_path, position, inode)
        *whole, rest = (rest + text).split("\n")
        yield from whole
        if text:
            continue
        if not go_on():
            return
        time.sleep(_POLL_SECONDS)


def _end(log_path: Path) -> tuple[int, int]:
    try:
        status = log_path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_size, status.st_ino


def _since(log_path: Path, position: int, inode: int) -> tuple[str, int, int]:
    """What was written since, the new position, and in which file that is."""
    size, current = _end(log_path)
    if current != inode or size < position:
        position = 0
    if size == position:
        return "", position, current
    with log_path.open("rb") as log:
        log.seek(position)
        content = log.read()
    return content.decode("utf-8", errors="replace"), position + len(content), current

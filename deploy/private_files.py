"""Folders and files that nobody but their owner may read, such as those of the state directory.

An engine's log may hold prompts, a plan the names of folders, and a conversation anything. A folder that is
there already keeps the permissions that its owner gave it: it may be one that others share.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_OWNER_READS_AND_WRITES = 0o600
_OWNER_ENTERS = 0o700


def make_private_folder(folder: Path) -> None:
    """Make the folder and those above it where they are missing, each for its owner alone.

    So the XDG Base Directory Specification has it of folders that are missing.

    Raises:
        OSError: one cannot be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(exist_ok=True, mode=_OWNER_ENTERS)
    folder.mkdir(exist_ok=True)  # says so where something else is in its place


def write_new_private(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, for its owner alone.

    Raises:
        FileExistsError: it is there already, whoever made it and however lately.
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_READS_AND_WRITES)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def make_private_file(path: Path) -> None:
    """Make the file, empty, where it is missing, and its folder; nobody else may read it from now on.

    What is in it stays. For files that somebody else opens by their path, such as SQLite's: the ones that it
    puts beside them get the same permissions.

    Raises:
        OSError: it cannot be made or opened.
    """
    make_private_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_READS_AND_WRITES)
    try:
        _keep_from_others(descriptor)
    finally:
        os.close(descriptor)


def open_private(path: Path, *, append: bool = False) -> BinaryIO:
    """Open a file to be written, made where it is missing; nobody else may read it from now on.

    Args:
        path: in a folder that is there.
        append: what is in it stays; else it is emptied.

    Raises:
        OSError: it cannot be opened.
    """
    how = os.O_APPEND if append else os.O_TRUNC
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, _OWNER_READS_AND_WRITES)
    file = os.fdopen(descriptor, "ab" if append else "wb")
    try:
        _keep_from_others(descriptor)
    except OSError:
        file.close()
        raise
    return file


def _keep_from_others(descriptor: int) -> None:
    """An older version may have made the file for everybody; whose it is not, cannot change that."""
    status = os.fstat(descriptor)
    if hasattr(os, "getuid") and status.st_mode & 0o077 and status.st_uid == os.getuid():
        os.fchmod(descriptor, _OWNER_READS_AND_WRITES)

"""A client's file on the disk: read whole, kept as it was in a copy, replaced whole.

It keeps the file's permissions and follows links, so that a configuration that lives in a folder of dotfiles
stays there. What the text means is not its to know.
"""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from deploy.small_file import read_small_file
from stillroom.errors import McpError

if TYPE_CHECKING:
    from pathlib import Path

# Claude Code keeps its whole history in the file with its servers.
_MOST_BYTES: Final = 64 * 1024 * 1024
_BACKUP: Final = ".before-stillroom"


def read(path: Path) -> str | None:
    """The file's text, with its byte order mark and its line endings; None where there is no file.

    Raises:
        McpError: it cannot be read, or is no UTF-8 text.
    """
    if not path.exists():
        return None
    try:
        return read_small_file(path, most_bytes=_MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise McpError(
            f"{path} is no UTF-8 text: byte {error.start} is none of it; it was left as it is",
            hint="save it as UTF-8 in an editor",
        ) from error
    except OSError as error:
        raise McpError(f"{path} cannot be read: {error.strerror or error}") from error


def refuse_elsewhere(path: Path, folder: Path) -> None:
    """Return if the file is in the folder also where links lead.

    A cloned repository may bring links, and a command that is told of a project writes nowhere else.

    Raises:
        McpError: it is not.
    """
    target = path.resolve()
    if folder.resolve() not in target.parents:
        raise McpError(f"{path} is a link that leads out of {folder}, to {target}; nothing was changed")


def refuse_unwritable(path: Path, before: str | None) -> None:
    """Return if the file may be written to, and holds what it was found to hold.

    Raises:
        McpError: it is read-only, or somebody else has written to it in the meantime.
    """
    if read(path) != before:
        raise McpError(f"{path} was changed while it was read; it was left as it is", hint="try again")
    if before is not None and not path.stat().st_mode & stat.S_IWUSR:
        allow = f"chmod u+w {shlex.quote(str(path))}"
        raise McpError(f"{path} is read-only; it was left as it is", hint=allow)


def newest_backup(path: Path) -> Path | None:
    """The copy that was made last; None where there is none."""
    there = [backup for backup in _backups(path) if backup.is_file()]
    return there[-1] if there else None


def back_up(path: Path, content: str) -> Path:
    """Keep what is in the file in a copy beside it, with its permissions; the last one if it says the same.

    Raises:
        McpError: the copy cannot be written.
    """
    last = newest_backup(path)
    if last and read(last) == content:
        return last
    free = next(backup for backup in _backups(path) if not backup.exists())
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        _write_new(free, content, mode)
    except OSError as error:
        raise McpError(f"{free} cannot be written: {error.strerror or error}; nothing was changed") from error
    return free


def replace(path: Path, before: str | None, after: str, *, owner_only: bool = False) -> None:
    """Put a new text in the place of the old one, in one step.

    Args:
        path: the file or a link to it; its folder is made where it is missing.
        before: what the file was found to hold; None for a file that was not there.
        after: what it shall hold.
        owner_only: a new file is for its owner alone, because a secret is in it.

    Raises:
        McpError: it cannot be written, or somebody else has written to it in the meantime.
    """
    refuse_unwritable(path, before)
    target = path.resolve()
    if before is not None and not target.stat().st_mode & stat.S_IWUSR:
        raise McpError(
            f"{path} is read-only; it was left as it is", hint=f"chmod u+w {shlex.quote(str(path))}"
        )
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(target.stat().st_mode) if before is not None else (0o600 if owner_only else None)
        part.unlink(missing_ok=True)
        _write_new(part, after, mode)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise McpError(
            f"{path} cannot be written: {error.strerror or error}; it was left as it is"
        ) from error


def remove(path: Path, *, top: Path) -> None:
    """Take away a file that held nothing but ours, and folders that are empty then, below ``top``.

    Raises:
        McpError: it cannot be removed.
    """
    try:
        path.unlink()
    except OSError as error:
        raise McpError(f"{path} cannot be removed: {error.strerror or error}") from error
    for folder in path.parents:
        if folder == top or top not in folder.parents:
            return
        try:
            folder.rmdir()
        except OSError:  # something else is in it
            return


def _backups(path: Path) -> list[Path]:
    names = [path.name + _BACKUP, *(f"{path.name}{_BACKUP}-{number}" for number in range(2, 1000))]
    return [path.with_name(name) for name in names]


def _write_new(path: Path, content: str, mode: int | None) -> None:
    """Write a file that is not there yet; it never has more permissions than in the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode & 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode())
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        path.chmod(mode)

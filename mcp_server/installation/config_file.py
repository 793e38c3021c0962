"""A client's file on the disk: read whole, kept as it was in a copy, replaced whole.

It keeps the file's permissions and owner and follows links, so that a configuration that lives in a folder of
dotfiles stays there. What the text means is not its to know.
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
_UPDATE_BACKUP: Final = ".before-stillroom-update"


def read(path: Path) -> str | None:
    """The file's text, with its byte order mark and its line endings; None where there is no file.

    Raises:
        McpError: it cannot be read, or is no UTF-8 text.
    """
    try:
        return read_small_file(path, most_bytes=_MOST_BYTES).decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
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
    target = _target(path)
    if folder.resolve() not in target.parents:
        raise McpError(f"{path} is a link that leads out of {folder}, to {target}; nothing was changed")


def refuse_dangling(path: Path) -> None:
    """Return if no link on the way to the file leads to where there is not even a folder.

    A link may be put there before its file is, such as one into a folder of dotfiles. But a folder that is
    missing as well is more likely a mistake, or a disk that is not there just now.

    Raises:
        McpError: one does.
    """
    for link in (path, *path.parents):
        if not os.path.islink(link):  # noqa: PTH114 -- not Path.is_symlink, which ends where it may not look
            continue
        target = _target(link)
        if not os.path.isdir(target.parent):  # noqa: PTH112
            raise McpError(
                f"{link} is a link to {target}, and there is no folder {target.parent}; nothing was changed",
                hint=f"make the folder, or take the link away: rm {shlex.quote(str(link))}",
            )


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
    _copy(path, free, content)
    return free


def back_up_update(path: Path, content: str) -> Path:
    """Keep what is in the file before an entry of ours is written anew that a person wrote in, too.

    It is no copy that the file is ever restored to, since the entry is in it; the next one takes its place.

    Raises:
        McpError: the copy cannot be written.
    """
    kept = path.with_name(path.name + _UPDATE_BACKUP)
    try:
        kept.unlink(missing_ok=True)
    except OSError as error:
        raise McpError(f"{kept} cannot be written: {error.strerror or error}; nothing was changed") from error
    _copy(path, kept, content)
    return kept


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
    target = _target(path)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        old = target.stat() if before is not None else None
        part.unlink(missing_ok=True)
        _write_new(part, after, 0o600 if owner_only else None, old)
        refuse_unwritable(path, before)  # as late as can be: clients write to it as well
        part.replace(target)
    except OSError as error:
        raise McpError(
            f"{path} cannot be written: {error.strerror or error}; it was left as it is"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Take away a file that held nothing but ours.

    A link to it stays, and so do folders, also empty ones: who made them is not known.

    Raises:
        McpError: it cannot be removed.
    """
    try:
        _target(path).unlink()
    except OSError as error:
        raise McpError(f"{path} cannot be removed: {error.strerror or error}") from error


def _target(path: Path) -> Path:
    """Where links lead.

    Raises:
        McpError: in a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise McpError(f"{path} is a link that leads back to itself; nothing was changed") from error


def _copy(path: Path, copy: Path, content: str) -> None:
    try:
        _write_new(copy, content, None, path.stat())
    except OSError as error:
        raise McpError(f"{copy} cannot be written: {error.strerror or error}; nothing was changed") from error


def _backups(path: Path) -> list[Path]:
    names = [path.name + _BACKUP, *(f"{path.name}{_BACKUP}-{number}" for number in range(2, 1000))]
    return [path.with_name(name) for name in names]


def _write_new(path: Path, content: str, mode: int | None, like: os.stat_result | None) -> None:
    """Write a file that is not there yet; it never has more permissions than in the end.

    Args:
        path: of the file.
        content: all of it.
        mode: its permissions; None for those of ``like``, or what the process gives to new files.
        like: the file whose owner and group it gets where that is permitted, as it is to root.
    """
    if mode is None and like is not None:
        mode = stat.S_IMODE(like.st_mode)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode & 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode())
        file.flush()
        os.fsync(file.fileno())
    if like is not None:
        with suppress(PermissionError):
            os.chown(path, like.st_uid, like.st_gid)
    if mode is not None:
        path.chmod(mode)

"""Carries out what ``changes`` decided, and looks at what is there: the only part that writes.

A file gets a copy beside it before the first entry of ours is put in. The copy is what the file is restored
to, and goes when the file says the same again. Between ``plan`` and ``apply`` nobody else should write: see
``turns``.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_server.installation import config_file
from mcp_server.installation.changes import Change, installation, removal
from mcp_server.installation.documents import own_names
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp_server.installation.client import Client, Scope
    from mcp_server.installation.entries import Server
    from mcp_server.installation.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class File:
    """One of a client's files.

    Attributes:
        scope: whose servers it names: one person's or one project's.
        names: of Stillroom's entries in it.
        problem: why it cannot be read; empty where it can.
    """

    scope: Scope
    path: Path
    exists: bool
    names: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one client on this machine.

    Attributes:
        here: it was found.
        evidence: the folder or program by which it was found.
        files: those that it would read, whether they exist or not.
    """

    client: Client
    here: bool
    evidence: str
    files: tuple[File, ...]


def locate(client: Client, scope: Scope, around: Surroundings, name: str) -> Path | None:
    """A client's file on this machine, whether it exists or not; None where the client has no such file.

    Args:
        client: which one.
        scope: whose servers the file names.
        around: whose machine.
        name: of the server, by which a project's file may be named.

    Raises:
        McpError: the project's file is a link that leads out of the project.
    """
    first = client.file(scope, around, name)
    if first is None:
        return None
    if scope == "project":
        config_file.refuse_elsewhere(Path(first), Path(around.project))
        return Path(first)
    if client.moved is None:
        return Path(first)
    moved = Path(client.moved(around))
    is_moved = _is_folder(moved.parent) and (client.moved_wins or not _is_folder(Path(first).parent))
    return moved if is_moved else Path(first)


def plan(
    client: Client,
    path: Path,
    name: str,
    server: Server,
    *,
    uninstall: bool = False,
    replace: bool = False,
) -> Change:
    """What would become of a client's file; nothing is written.

    Raises:
        McpError: the file cannot be read, the name belongs to somebody else's entry, or the file would have
            to be written behind a link that leads nowhere.
    """
    text = config_file.read(path)
    if not uninstall:
        if text is None:
            config_file.refuse_dangling(path)
        return installation(client, path, text, name, server, replace=replace)
    backup = config_file.newest_backup(path)
    original = config_file.read(backup) if backup else None
    return removal(client, path, text, name, server, original=original)


def apply(change: Change, *, secret: bool = False) -> Path | None:
    """Write what was planned; nothing where the text stays the same.

    Args:
        change: what was planned.
        secret: a token is in it, so that a new file is for its owner alone.

    Returns:
        The copy of the file as it was before; None where none was needed or it has served its purpose.

    Raises:
        McpError: it cannot be written, or somebody else has written to it in the meantime.
    """
    path = Path(change.path)
    if not change.is_one:
        return None
    config_file.refuse_unwritable(path, change.before)
    if change.after is None:
        config_file.remove(path)
        return None
    backup = config_file.newest_backup(path)
    if change.status != "removed":
        return _installed(change, path, backup, secret=secret)
    config_file.replace(path, change.before, change.after)
    if backup and change.last and config_file.read(backup) == change.after:
        backup.unlink(missing_ok=True)
        return None
    return backup


def look(client: Client, around: Surroundings, variables: Mapping[str, str], name: str) -> Found:
    """What there is of a client; reads its files, and starts nothing.

    Args:
        client: which one.
        around: whose machine.
        variables: of this process; ``PATH`` is looked through for the client's programs.
        name: of the server, by which a project's file may be named.
    """
    folders = (str(locate(around)) for locate in client.seen)
    # Not Path.exists: what may not be looked into is no reason to end.
    evidence = next((folder for folder in folders if os.path.exists(folder)), "")  # noqa: PTH110
    if not evidence:
        programs = (shutil.which(program, path=variables.get("PATH", "")) for program in client.programs)
        evidence = next((program for program in programs if program), "")
    scopes: tuple[Scope, ...] = ("user", "project")
    files = tuple(_file(client, scope, around, name) for scope in scopes)
    return Found(client, bool(evidence), evidence, tuple(file for file in files if file))


def _installed(change: Change, path: Path, backup: Path | None, *, secret: bool) -> Path | None:
    if change.before is None:
        config_file.replace(path, None, change.after or "", owner_only=secret)
        return None
    if change.first:
        kept: Path | None = config_file.back_up(path, change.before)
    elif change.loses:
        kept = config_file.back_up_update(path, change.before)
    else:
        kept = backup
    try:
        config_file.replace(path, change.before, change.after or "")
    except McpError:
        if kept and kept != backup:
            kept.unlink(missing_ok=True)
        raise
    return kept


def _is_folder(path: Path) -> bool:
    """Not Path.is_dir, which ends where a folder may not be looked into."""
    return os.path.isdir(path)  # noqa: PTH112


def _file(client: Client, scope: Scope, around: Surroundings, name: str) -> File | None:
    first = client.file(scope, around, name)
    if first is None:
        return None
    path = Path(first)
    try:
        path = locate(client, scope, around, name) or path
        text = config_file.read(path)
        names = own_names(client, text) if text is not None else ()
    except McpError as error:
        return File(scope, path, exists=True, problem=error.message)
    except ValueError as error:
        return File(scope, path, exists=True, problem=f"{path}: {error}")
    return File(scope, path, exists=text is not None, names=names)

"""What an installation does to a file, decided before anything is written.

Texts in, texts out. An entry of the same name that is somebody else's is never touched unless that is wanted.
"""

from __future__ import annotations

import difflib
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from agents.mcp_servers.redaction import shown_url
from mcp_server.installation.documents import editor, own_names, server_slot, with_server, without_server
from mcp_server.installation.entries import Address, entry, is_ours, updated
from mcp_server.installation.redaction import line_without_secrets, without_secrets
from stillroom.errors import McpError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath
    from typing import Any

    from mcp_server.installation.client import Client, Format
    from mcp_server.installation.entries import Server

_MOST_LETTERS: Final = 200
_HEADER_LINES: Final = 2
Status = Literal["added", "updated", "unchanged", "removed", "absent"]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file.

    Attributes:
        format: of the file.
        before: its text; None where there is no file.
        after: its text then; None where it is not to be there.
        status: what happens to the entry.
        first: no entry of ours was in the text before, so that it is worth a copy.
        last: no entry of ours is in the text afterwards.
        loses: comments in the entry, or its layout, or an entry of somebody else, so that it is worth a copy.
    """

    path: PurePath
    format: Format
    before: str | None
    after: str | None
    status: Status
    first: bool = False
    last: bool = False
    loses: bool = False

    @property
    def is_one(self) -> bool:
        """The file's text changes."""
        return self.before != self.after

    def diff(self) -> str:
        """The difference as ``diff -u`` shows it, with secrets hidden; empty where there is none."""
        lines = _diff_lines(str(self.path), self.before, self.after)
        shown = self._shown_lines() if lines else {}
        # Behind the two lines with the file's name, and but for those that say where, a sign stands first.
        return "".join(
            line if at < _HEADER_LINES or line.startswith("@") else _ended(line[0] + shown[line[1:]])
            for at, line in enumerate(lines)
        )

    def _shown_lines(self) -> dict[str, str]:
        """How each line is shown; a line that stands twice with its secrets hidden in both places."""
        shown: dict[str, str] = {}
        for text in (self.before, self.after):
            hidden = without_secrets(text, self.format) if text else ""
            for line, without in zip(io.StringIO(text or ""), io.StringIO(hidden), strict=True):
                shown[line] = without if without != line else shown.get(line, line)
        return shown


def installation(
    client: Client,
    path: PurePath,
    text: str | None,
    name: str,
    server: Server,
    *,
    replace: bool = False,
) -> Change:
    """What puts a server's entry into a client's file, or makes it what it should be now.

    Args:
        client: whose file it is.
        path: of the file, for messages.
        text: what is in it; None where there is none.
        name: the server's name there.
        server: what the entry starts or names.
        replace: take the place of somebody else's entry of that name.

    Raises:
        McpError: the text cannot be read, or the name belongs to somebody else's entry.
    """
    try:
        edit, slot = editor(client.format), server_slot(client, name)
        entries = edit.entries(text or "", slot)
        found, there = entries.get(name), name in entries
        body = entry(client, name, server)
        ours = _may_change(found, name, server)
        if there and not replace and not ours:
            raise McpError(
                f"{path} has a server {name!r} already that is not Stillroom's: {_shown(found)}",
                hint=f"stillroom mcp install {client.id} --name ANOTHER, or --replace to take its place",
            )
        if isinstance(found, dict) and ours:
            body = updated(found, body)
        first = not own_names(client, text or "")
        after = text if found == body else with_server(client, text or "", name, body, server)
        if after is not None:
            _verify(client, text, after, name, body)
        # What we wrote is the same when it is written again; what a person wrote in may not be.
        loses = there and after != text and (not ours or edit.put(text or "", slot, found) != text)
    except ValueError as error:
        raise _unreadable(path, error) from error
    status: Status = "added" if not there else "unchanged" if after == text else "updated"
    return Change(path, client.format, text, after, status, first=first, loses=loses)


def removal(
    client: Client,
    path: PurePath,
    text: str | None,
    name: str,
    server: Server,
    *,
    original: str | None = None,
) -> Change:
    """What takes a server's entry out of a client's file.

    Args:
        client: whose file it is.
        path: of the file, for messages.
        text: what is in it; None where there is none.
        name: the server's name there.
        server: what the person says that the entry is.
        original: what was in it before the first entry of ours, if that is known.

    Raises:
        McpError: the text cannot be read, or the entry is somebody else's.
    """
    if text is None:
        return Change(path, client.format, None, None, "absent", last=True)
    try:
        entries = editor(client.format).entries(text, server_slot(client, name))
        if name not in entries:
            return Change(path, client.format, text, text, "absent", last=not own_names(client, text))
        if not _may_change(entries[name], name, server):
            raise McpError(
                f"{path} has a server {name!r} that is not Stillroom's: {_shown(entries[name])}",
                hint="--http URL, if it is your server at that address; else take it out by hand",
            )
        after: str | None = without_server(client, text, name, original)
        if original is None and not (after or "").strip("\ufeff \t\r\n"):
            after = None
        last = after is None or not own_names(client, after)
    except ValueError as error:
        raise _unreadable(path, error) from error
    return Change(path, client.format, text, after, "removed", last=last)


def _may_change(found: object, name: str, server: Server) -> bool:
    if is_ours(found, name):
        return True
    addresses = found.values() if isinstance(found, dict) else ()
    return isinstance(server, Address) and server.url in {str(one).rstrip("/") for one in addresses}


def _verify(client: Client, before: str | None, after: str, name: str, body: Mapping[str, Any]) -> None:
    """Before anything is written: the entry reads as it should, and every other one as it did."""
    edit, slot = editor(client.format), server_slot(client, name)
    expected = {**edit.entries(before or "", slot), name: body}
    if not _reads_as(edit.entries(after, slot), expected):
        raise ValueError("its layout is one that cannot be edited safely")


def _reads_as(value: object, expected: object) -> bool:
    """Whether two values say the same; "not a number", which equals nothing, says the same as itself."""
    match value, expected:
        case dict(), dict():
            return value.keys() == expected.keys() and all(
                _reads_as(item, expected[key]) for key, item in value.items()
            )
        case list(), list():
            return len(value) == len(expected) and all(map(_reads_as, value, expected))
        case float(), float() if math.isnan(value):
            return math.isnan(expected)
    return value == expected


def _unreadable(path: PurePath, error: ValueError) -> McpError:
    return McpError(
        f"{path} cannot be read, and was left as it is: {error}", hint="mend it in an editor, then try again"
    )


def _shown(found: object) -> str:
    """What an entry starts or names, without its secrets and without what a terminal obeys."""
    if not isinstance(found, dict):
        return "something that is no server"
    known = ("command", "url", "httpUrl", "serverUrl")
    key = next((key for key in known if key in found), "")
    value = str(found.get(key, ""))
    value = line_without_secrets(value) if key == "command" else shown_url(value)
    said = f"{key} {value}" if key else "without command or address"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in said[:_MOST_LETTERS])


def _diff_lines(name: str, before: str | None, after: str | None) -> list[str]:
    old, new = (list(io.StringIO(text or "")) for text in (before, after))
    lines = difflib.unified_diff(
        old,
        new,
        "/dev/null" if before is None else name,
        "/dev/null" if after is None else name,
    )
    return list(lines)


def _ended(line: str) -> str:
    text = line.rstrip("\r\n")
    return f"{text}\n" if line.endswith("\n") else f"{text}\n\\ No newline at end of file\n"

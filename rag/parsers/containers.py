"""Files that hold files: the members of archives and the attachments of mails, each to be parsed by itself.

Containers within containers are opened too, within limits. A member that is damaged, encrypted or too large
is an error of its own and stops no other. Nothing is written anywhere; the formats are the registry's.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.parsers.options import ParseOptions
from rag.parsers.registry import find_format
from rag.parsers.unpacking import Limits, Room, is_passed_over, member_path, numbered
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import PurePath

    from rag.parsers.registry import Format
    from rag.parsers.unpacking import Entry

    Opener = Callable[[bytes, PurePath, ParseOptions, Room], Iterable[Entry]]


@dataclass(frozen=True, slots=True)
class Member:
    """A file that was found in another.

    Attributes:
        path: ``archive.zip!/folder/inner.txt``; the name is free of ``..`` and of what a disk would refuse.
        content: its bytes; empty where there is an error.
        error: why it, or the container that ``path`` names, yields nothing (more).
    """

    path: PurePath
    content: bytes
    error: ParseError | None = None


def holds_members(content: bytes, path: PurePath) -> bool:
    """Whether `members` is to be asked; a mail has a text of its own beside its attachments."""
    found = _format(content, path)
    return found is not None and bool(found.opener)


def has_text(content: bytes, path: PurePath) -> bool:
    """Whether `rag.parsers.parse_document` is to be asked: true of everything but archives."""
    found = _format(content, path)
    return found is None or bool(found.parser)


def members(
    content: bytes,
    path: PurePath,
    options: ParseOptions = ParseOptions(),  # noqa: B008 (frozen)
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> Iterator[Member]:
    """The files in a file, those in its own archives included, in the order in which they stand.

    Each member that has text of its own is given once, so `members` need not be asked again about any.
    It raises nothing: what cannot be read is a member with an error.

    Args:
        content: the container's bytes; of another file there are no members.
        path: the container's.
        options: whose passwords are tried.
        limits: of all that comes out, together.

    Example:
        >>> from pathlib import PurePath
        >>> [str(member.path) for member in members(b"no container", PurePath("a.txt"))]
        []
    """
    found = _format(content, path)
    if found and found.opener:
        yield from _opened(found, content, path, options, Room(limits, len(content)), depth=1)


def _opened(
    container: Format, content: bytes, path: PurePath, options: ParseOptions, room: Room, *, depth: int
) -> Iterator[Member]:
    opener: Opener = importlib.import_module(container.opener).entries
    try:
        for entry in numbered(opener(content, path, options, room)):
            if is_passed_over(entry.name):
                continue
            if room.exhausted:
                yield Member(path, b"", _too_much(path, room))
                return
            inner = member_path(path, entry.name)
            if entry.error:
                yield Member(inner, b"", entry.error)
            else:
                yield from _member(entry.content, inner, options, room, depth=depth)
    except ParseError as error:
        yield Member(path, b"", _too_much(path, room) if room.exhausted else error)


def _member(
    content: bytes, path: PurePath, options: ParseOptions, room: Room, *, depth: int
) -> Iterator[Member]:
    found = _format(content, path)
    if not (found and found.opener):
        yield Member(path, content)
        return
    if found.parser:
        yield Member(path, content)
    if depth < room.limits.depth:
        inner = Room(room.limits, len(content), room)
        yield from _opened(found, content, path, options, inner, depth=depth + 1)
        return
    yield Member(
        path,
        b"",
        ParseError(
            f"{path} stands in {depth} containers within each other; at most {room.limits.depth} are opened",
            hint="unpack it yourself, and ingest what you need of it",
        ),
    )


def _format(content: bytes, path: PurePath) -> Format | None:
    """The format, or None where `parse_document` will say what is wrong."""
    try:
        return find_format(content, path) if content else None
    except ParseError:
        return None


def _too_much(path: PurePath, room: Room) -> ParseError:
    limits = room.limits
    return ParseError(
        f"{path} unpacks to too much: at most {limits.members:,} files, {limits.unpacked_bytes:,} bytes and "
        f"{limits.ratio} times its own size are read",
        hint="unpack it yourself, and ingest what you need of it",
    )

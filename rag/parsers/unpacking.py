"""How much may come out of a container, and what stays of a name that was found in one.

The limits are against bombs: a few kilobytes that unpack to terabytes, archives within archives without end.
It counts; it knows no archive's format.
"""

from __future__ import annotations

import lzma
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Protocol

from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterable

_MIB = 1024**2

# Below this much a container may hold what it likes: a table of zeros packs a thousandfold.
_ALWAYS_ALLOWED_BYTES = 64 * _MIB

# What the standard library lets through, besides a format's own errors, where bytes are not what they claim.
UNPACKING_DAMAGE: Final = (
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    LookupError,
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")
# What macOS writes beside each file; hidden names are passed over as they are in folders.
_RESOURCE_FORKS = "__MACOSX"


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may unpack to, its containers' containers included.

    Attributes:
        depth: containers within containers; 1 opens none of those that are found inside.
        members: files in all.
        member_bytes: one member; a larger one is an error of its own, and the others go on.
        unpacked_bytes: all together.
        ratio: how many times its own size a container may unpack to, beyond 64 MiB.
    """

    depth: int = 4
    members: int = 10_000
    member_bytes: int = 64 * _MIB
    unpacked_bytes: int = 1024 * _MIB
    ratio: int = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as its container holds it: its name there, and its bytes or why they cannot be had."""

    name: str
    content: bytes = b""
    error: ParseError | None = None


class Room:
    """What may still come out of one container; what it takes, those around it lose too.

    Args:
        limits: of the outermost file.
        packed_bytes: the container's own size.
        outer: of the container that it was found in.
    """

    def __init__(self, limits: Limits, packed_bytes: int, outer: Room | None = None) -> None:
        self.limits = limits
        self._outer = outer
        allowed = max(_ALWAYS_ALLOWED_BYTES, limits.ratio * packed_bytes)
        self._bytes_left = min(limits.unpacked_bytes, allowed)
        self._members_left = limits.members

    @property
    def bytes_left(self) -> int:
        """How many bytes may still be unpacked."""
        return min(self._bytes_left, self._outer.bytes_left) if self._outer else self._bytes_left

    @property
    def exhausted(self) -> bool:
        """Whether nothing more may come out."""
        outer = self._outer is not None and self._outer.exhausted
        return outer or self._bytes_left < 0 or self._members_left < 0

    def count_member(self) -> None:
        """Count a file, before it is read."""
        self._members_left -= 1
        if self._outer:
            self._outer.count_member()

    def take(self, unpacked_bytes: int) -> None:
        """Count bytes that were unpacked."""
        self._bytes_left -= unpacked_bytes
        if self._outer:
            self._outer.take(unpacked_bytes)

    def read(self, stream: _Stream, what: str, *, counted: bool = False) -> bytes:
        """All of a member.

        Args:
            stream: whose ``read(size)`` unpacks no more than it gives.
            what: the member, as an error names it.
            counted: the stream takes from this room itself.

        Raises:
            ParseError: it is larger than a member may be, or than what is left.
        """
        most = max(0, min(self.limits.member_bytes, self.bytes_left))
        content = _read_fully(stream, most + 1)
        if not counted:
            self.take(len(content))
        if len(content) > most:
            raise ParseError(
                f"{what} unpacks to more than {most:,} bytes, which are the most that are read",
                hint="unpack it yourself, and ingest what you need of it",
            )
        return content


def member_path(container: PurePath, name: str) -> PurePath:
    """Where a member stands: ``a.zip!/b.txt``, whatever ways upwards or to other disks its name holds.

    Example:
        >>> str(member_path(PurePath("a.zip"), "../../etc/passwd"))
        'a.zip!/etc/passwd'
    """
    return PurePath(f"{container}!/{'/'.join(_parts(name)) or 'unnamed'}")


def is_passed_over(name: str) -> bool:
    """Whether a member is hidden, as files and folders are whose names begin with a dot."""
    return any(part.startswith(".") or part == _RESOURCE_FORKS for part in _parts(name))


def numbered(entries: Iterable[Entry]) -> Iterable[Entry]:
    """The entries with names of their own: the second ``a.txt`` is ``a (2).txt``."""
    seen: dict[str, int] = {}
    for entry in entries:
        count = seen[entry.name] = seen.get(entry.name, 0) + 1
        if count == 1:
            yield entry
            continue
        path = PurePath(entry.name)
        yield Entry(str(path.with_name(f"{path.stem} ({count}){path.suffix}")), entry.content, entry.error)


def _parts(name: str) -> list[str]:
    clean = _CONTROL.sub("_", name).encode("utf-8", "replace").decode("utf-8").replace("\\", "/")
    parts = [part for part in clean.split("/") if part not in {"", ".", ".."}]
    return parts[1:] if len(parts) > 1 and _DRIVE.fullmatch(parts[0]) else parts


def _read_fully(stream: _Stream, most: int) -> bytes:
    parts = []
    while most > 0 and (part := stream.read(min(most, _MIB))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)

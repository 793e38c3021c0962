"""Tar archives and what gzip, bzip2 and xz packed: a tar archive's files, or the one file that was packed.

A packed tar archive is unpacked as it is read, never as a whole. Links and devices are passed over.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shlex
import tarfile
from typing import TYPE_CHECKING, Final, cast

from rag.parsers.decoding import decode_names
from rag.parsers.sniff import BZIP2_MARK, GZIP_MARK, XZ_MARK, begins_tar
from rag.parsers.unpacking import UNPACKING_DAMAGE, Entry
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath
    from typing import IO

    from rag.parsers.options import ParseOptions
    from rag.parsers.unpacking import Room

_BLOCK_BYTES = 512
_PACKED_TAR_SUFFIXES = (".tgz", ".tbz", ".tbz2", ".txz")

_DAMAGE: Final = (tarfile.TarError, *UNPACKING_DAMAGE)


def entries(content: bytes, path: PurePath, _options: ParseOptions, room: Room) -> Iterator[Entry]:
    """The files in it, each with its bytes or the reason why they cannot be had.

    Raises:
        ParseError: it is damaged; what came before the damage was given.
    """
    try:
        stream = _Counted(_opened(content), room)
        if begins_tar(stream.first):
            yield from _tar_entries(stream, path, room)
            return
        room.count_member()
        yield Entry(_inner_name(path), room.read(stream, str(path), counted=True))
    except _DAMAGE as error:
        raise ParseError(
            f"{path} is damaged: {str(error) or type(error).__name__}",
            hint=f"{_checker(content)} {shlex.quote(str(path))}",
        ) from error


class _Counted:
    """A stream that takes from the room what it unpacks, what a tar archive skips in it too.

    Attributes:
        first: its first block, which the next read gives again.
    """

    def __init__(self, stream: IO[bytes], room: Room) -> None:
        self._stream = stream
        self._room = room
        self.first = stream.read(_BLOCK_BYTES)
        self._ahead = self.first

    def read(self, size: int) -> bytes:
        """The next bytes; none once the room is used up."""
        if self._ahead:
            given, self._ahead = self._ahead[:size], self._ahead[size:]
            return given
        if self._room.exhausted:
            return b""
        part = self._stream.read(size)
        self._room.take(len(part))
        return part


def _opened(content: bytes) -> IO[bytes]:
    raw = io.BytesIO(content)
    if content.startswith(GZIP_MARK):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if content.startswith(BZIP2_MARK):
        return cast("IO[bytes]", bz2.BZ2File(raw))
    if content.startswith(XZ_MARK):
        return cast("IO[bytes]", lzma.LZMAFile(raw))
    return raw


def _tar_entries(stream: _Counted, path: PurePath, room: Room) -> Iterator[Entry]:
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", errors="surrogateescape") as archive:
        for info in archive:
            if not info.isreg():
                continue
            (name,) = decode_names([info.name.encode("utf-8", "surrogateescape")])
            room.count_member()
            member = archive.extractfile(info)
            if room.exhausted or member is None:
                yield Entry(name)
                return
            try:
                yield Entry(name, room.read(member, f"{path}!/{name}", counted=True))
            except ParseError as error:
                yield Entry(name, error=error)


def _inner_name(path: PurePath) -> str:
    if path.suffix.lower() in _PACKED_TAR_SUFFIXES:
        return path.stem + ".tar"
    return path.stem if path.suffix else path.name + ".unpacked"


def _checker(content: bytes) -> str:
    if content.startswith(GZIP_MARK):
        return "gzip -t"
    if content.startswith(BZIP2_MARK):
        return "bzip2 -t"
    return "xz -t" if content.startswith(XZ_MARK) else "tar -tf"

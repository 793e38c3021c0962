"""ZIP archives: the files in them, with names in whatever encoding they were written.

ZIP has one bit for "the name is UTF-8"; programs before it, and many after, wrote the machine's own encoding,
which for Chinese Windows is GBK. Such names are decoded together, for together they say more.
"""

from __future__ import annotations

import binascii
import io
import shlex
import struct
import zipfile
from typing import TYPE_CHECKING, Final

from rag.parsers.decoding import decode_names
from rag.parsers.unpacking import UNPACKING_DAMAGE, Entry
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath

    from rag.parsers.options import ParseOptions
    from rag.parsers.unpacking import Room

# Bits and numbers of PKWARE's APPNOTE: 4.4.4 (flags), 4.6.9 (Unicode path).
_ENCRYPTED, _UTF8_NAME = 0x1, 0x800
_UNICODE_PATH = 0x7075

# What zipfile lets through of a member that is not what the directory claims.
_DAMAGE: Final = (zipfile.BadZipFile, *UNPACKING_DAMAGE)


def entries(content: bytes, path: PurePath, options: ParseOptions, room: Room) -> Iterator[Entry]:
    """The archive's files, each with its bytes or the reason why they cannot be had.

    Raises:
        ParseError: the directory cannot be read.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (*_DAMAGE, NotImplementedError) as error:
        raise ParseError(
            f"{path} is damaged: its ZIP directory cannot be read ({error})",
            hint=f"zip -FF {shlex.quote(str(path))} --out mended.zip",
        ) from error
    with archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        for info, name in zip(files, _names(files), strict=True):
            room.count_member()
            if room.exhausted:
                yield Entry(name)
                return
            try:
                yield Entry(name, _read(archive, info, f"{path}!/{name}", options, room))
            except ParseError as error:
                yield Entry(name, error=error)


def _read(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, what: str, options: ParseOptions, room: Room
) -> bytes:
    if not info.flag_bits & _ENCRYPTED:
        try:
            with archive.open(info) as stream:
                return room.read(stream, what)
        except _DAMAGE as error:
            raise ParseError(
                f"{what} is damaged: {str(error) or type(error).__name__}",
                hint="get the archive again from where it came from",
            ) from error
        except NotImplementedError as error:
            raise ParseError(
                f"{what} is packed in a way that is not read ({error})",
                hint=f"7z x {shlex.quote(archive.filename or what.split('!', maxsplit=1)[0])}",
            ) from error
    for password in options.passwords:
        try:
            with archive.open(info, pwd=password.encode("utf-8")) as stream:
                return room.read(stream, what)
        # RuntimeError is zipfile's word for a wrong password; one in 256 passes and unpacks to nonsense.
        except (*_DAMAGE, RuntimeError):
            continue
    tried = f"none of {len(options.passwords)} passwords opens it" if options.passwords else "no password"
    raise ParseError(
        f"{what} is encrypted ({tried})",
        hint=f"give its password; or, for AES, unpack it: 7z x {shlex.quote(what.split('!', maxsplit=1)[0])}",
    )


def _names(files: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The names; those without a mark are decoded together."""
    # zipfile reads a name without the mark as code page 437, in which every byte is a character.
    unmarked = [info for info in files if not info.flag_bits & _UTF8_NAME]
    raw = [info.orig_filename.encode("cp437", "replace") for info in unmarked]
    decoded = dict(zip(map(id, unmarked), decode_names(raw), strict=True))
    return [_unicode_path(info) or decoded.get(id(info)) or info.filename for info in files]


def _unicode_path(info: zipfile.ZipInfo) -> str:
    """The name that Info-ZIP puts beside one in another encoding, or empty."""
    extra, position = info.extra, 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        field = extra[position + 4 : position + 4 + length]
        if kind == _UNICODE_PATH and len(field) > 5:  # noqa: PLR2004 (a version's byte, a checksum's four)
            checksum = struct.unpack_from("<I", field, 1)[0]
            if checksum == binascii.crc32(info.orig_filename.encode("cp437", "replace")):
                return field[5:].decode("utf-8", "replace")
        position += 4 + length
    return ""

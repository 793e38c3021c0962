"""The body of a response as it comes, unpacked no further than a limit: a few kB may be a bomb of gigabytes.

It reads no network and knows no content type.
"""

from __future__ import annotations

import zlib
from typing import Final

from stillroom.errors import ToolError

_PLAIN: Final = frozenset({"", "identity"})
_ZLIB: Final = frozenset({"gzip", "x-gzip", "deflate"})
# zlib and gzip are told apart by their headers; a bare deflate stream has none.
_EITHER_HEADER: Final = zlib.MAX_WBITS | 32
_NO_HEADER: Final = -zlib.MAX_WBITS
# What a server is asked to pack a page in at most.
ACCEPTED: Final = "gzip, deflate"


class Body:
    """What was received so far, unpacked.

    Args:
        encoding: the response's ``Content-Encoding``.
        limit_bytes: of the unpacked body; nothing is unpacked beyond.

    Raises:
        ToolError: the encoding is none that was asked for; from ``add``, the bytes are not of that encoding.
    """

    def __init__(self, encoding: str, limit_bytes: int) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in _PLAIN | _ZLIB:
            raise ToolError(f"the page comes packed as {encoding[:40]!r}; gzip or deflate were asked for")
        self._limit_bytes = limit_bytes
        self._content = bytearray()
        self._unpacking = zlib.decompressobj(_EITHER_HEADER)
        self._begun = False

    @property
    def content(self) -> bytes:
        """The unpacked bytes, at most as many as the limit."""
        return bytes(self._content[: self._limit_bytes])

    @property
    def cut(self) -> bool:
        """Whether there is more than the limit lets in, or the packed bytes end before their end."""
        return self.full or (self._begun and not self._unpacking.eof)

    @property
    def full(self) -> bool:
        """Whether nothing more is taken."""
        return len(self._content) > self._limit_bytes

    def add(self, data: bytes) -> None:
        """Take what was received; what is beyond the limit is dropped."""
        if not data or self.full:
            return
        # One byte more than the limit tells that there is more.
        room = self._limit_bytes + 1 - len(self._content)
        self._content += data[:room] if self._encoding in _PLAIN else self._unpacked(data, room)

    def _unpacked(self, data: bytes, room: int) -> bytes:
        """What the next bytes unpack to, at most ``room`` of it."""
        unpacked = self._member(data, room)
        # A gzip file may be several, one after the other.
        while self._unpacking.eof and (rest := self._unpacking.unused_data) and len(unpacked) < room:
            self._unpacking = zlib.decompressobj(_EITHER_HEADER)
            unpacked += self._member(rest, room - len(unpacked))
        return unpacked

    def _member(self, data: bytes, room: int) -> bytes:
        bare = self._encoding == "deflate" and not self._begun
        self._begun = True
        try:
            return self._unpacking.decompress(data, room)
        except zlib.error as error:
            if not bare:
                raise ToolError(f"the page is no {self._encoding}, as its server says it is") from error
        self._unpacking = zlib.decompressobj(_NO_HEADER)
        return self._member(data, room)

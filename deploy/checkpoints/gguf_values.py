"""A cursor over a GGUF header: numbers, strings and arrays, each checked against what the file can hold.

A damaged or hostile file ends in a WeightsError, not in a huge allocation or an endless loop: no length is
believed before it was compared with the bytes that are there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from deploy.checkpoints.byte_source import ByteSource

# The largest tokenizers in use (260,000 tokens, 510,000 merges) take about 16 MB.
MOST_HEADER_BYTES: Final = 64 * 1024 * 1024
# Lists with a number a layer are kept, vocabularies are not.
_MOST_KEPT_ITEMS: Final = 1024
_PIECE_BYTES: Final = 256 * 1024
_LENGTH_BYTES: Final = 8

# GGUF's value types: the specification in ggml, docs/gguf.md, "File Structure".
_SCALARS: Final = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_STRING: Final = 8
_ARRAY: Final = 9
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class ArrayLength:
    """What is kept of a long array, such as a vocabulary: how many items it has."""

    items: int

    def __len__(self) -> int:
        """The same as of a short array, which is kept as a tuple."""
        return self.items


class GgufCursor:
    """Reads a header from its start.

    Attributes:
        position_bytes: offset of the next byte in the file.
    """

    def __init__(self, source: ByteSource) -> None:
        self.position_bytes = 0
        self._source = source
        self._file_bytes = source.size_bytes()
        self._limit_bytes = min(self._file_bytes, MOST_HEADER_BYTES)
        self._piece = b""
        self._piece_start = 0

    def u32(self) -> int:
        """An unsigned number of 32 bits."""
        return int(self._number(_U32))

    def u64(self) -> int:
        """An unsigned number of 64 bits."""
        return int(self._number(_U64))

    def count(self, what: str, *, smallest_bytes: int) -> int:
        """A count of things that take at least so many bytes each, which must have room in the file."""
        count = self.u64()
        self._require(count * smallest_bytes, f"{count:,} {what}")
        return count

    def string(self, what: str) -> str:
        """A length and so many bytes, taken as UTF-8; what is not UTF-8 becomes replacement characters."""
        return self._take(self.count(f"bytes of {what}", smallest_bytes=1)).decode("utf-8", errors="replace")

    def value(self, key: str) -> object:
        """A value with its type in front: a number, bool or string; an array as a tuple, or its length."""
        kind = self.u32()
        return self._array(key) if kind == _ARRAY else self._scalar(kind, key)

    def _scalar(self, kind: int, key: str) -> object:
        if kind == _STRING:
            return self.string(key)
        return self._number(self._layout(kind, key))

    def _array(self, key: str) -> object:
        kind = self.u32()
        if kind == _STRING:
            count = self.count(f"strings of {key}", smallest_bytes=_LENGTH_BYTES)
            if count <= _MOST_KEPT_ITEMS:
                return tuple(self.string(key) for _ in range(count))
            self._skip_strings(count, key)
            return ArrayLength(count)
        layout = self._layout(kind, key)
        count = self.count(f"values of {key}", smallest_bytes=layout.size)
        if count <= _MOST_KEPT_ITEMS:
            return tuple(item for (item,) in layout.iter_unpack(self._take(count * layout.size)))
        self.position_bytes += count * layout.size
        return ArrayLength(count)

    def _layout(self, kind: int, key: str) -> struct.Struct:
        layout = _SCALARS.get(kind)
        if layout is None:
            # llama.cpp does not read arrays of arrays either (gguf.cpp).
            reason = "an array in an array" if kind == _ARRAY else f"a value of the unknown type {kind}"
            raise self.damaged(f"{key} holds {reason}")
        return layout

    def _skip_strings(self, count: int, key: str) -> None:
        """Go past strings without making them: a vocabulary has hundreds of thousands."""
        remaining = count
        while remaining:
            piece, start = self._piece_from(self.position_bytes, _LENGTH_BYTES)
            offset, last = self.position_bytes - start, len(piece) - _LENGTH_BYTES
            while remaining and offset <= last:
                offset += _LENGTH_BYTES + _U64.unpack_from(piece, offset)[0]
                remaining -= 1
            self.position_bytes = start + offset
            self._require(remaining * _LENGTH_BYTES, f"strings of {key}")

    def _number(self, layout: struct.Struct) -> int | float | bool:
        piece, start = self._piece_from(self.position_bytes, layout.size)
        value: int | float | bool = layout.unpack_from(piece, self.position_bytes - start)[0]
        self.position_bytes += layout.size
        return value

    def _take(self, length: int) -> bytes:
        piece, start = self._piece_from(self.position_bytes, length)
        offset = self.position_bytes - start
        self.position_bytes += length
        return piece[offset : offset + length]

    def _piece_from(self, position: int, length: int) -> tuple[bytes, int]:
        """A piece of the file that holds those bytes, and where it starts."""
        self._require(length, "a value")
        if position < self._piece_start or position + length > self._piece_start + len(self._piece):
            wanted = min(max(length, _PIECE_BYTES), self._limit_bytes - position)
            self._piece, self._piece_start = self._source.read(position, wanted), position
        return self._piece, self._piece_start

    def _require(self, length: int, what: str) -> None:
        """Return if the file, and what a header may be, reach that far from here."""
        if self.position_bytes + length <= self._limit_bytes:
            return
        if self._limit_bytes < self._file_bytes:
            raise self.damaged(f"{what} would make a header of more than {MOST_HEADER_BYTES:,} bytes")
        raise self.damaged(f"{what} do not fit into its {self._file_bytes:,} bytes")

    def damaged(self, reason: str) -> WeightsError:
        """The error of a header that cannot be right."""
        return WeightsError(
            f"{self._source.name} is no usable GGUF file: at byte {self.position_bytes:,}, {reason}",
            hint="fetch the file again; it is incomplete or damaged",
        )

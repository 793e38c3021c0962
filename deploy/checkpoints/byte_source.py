"""Where a checkpoint's header is read from: anything that gives bytes at an offset.

Readers of formats see only this; whether the bytes are on a disk or across the network is not theirs to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path


class ByteSource(Protocol):
    """A file of known length that is read in parts."""

    @property
    def name(self) -> str:
        """A path or URL, for messages."""

    def size_bytes(self) -> int:
        """The whole length.

        Raises:
            WeightsError: it cannot be found out.
        """

    def read(self, offset: int, length: int) -> bytes:
        """Exactly that many bytes from that offset.

        Raises:
            WeightsError: the file ends before, or cannot be read.
        """


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on this machine."""

    path: Path

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self.path)

    def size_bytes(self) -> int:
        """The file's length now."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise self._unreadable(error) from error

    def read(self, offset: int, length: int) -> bytes:
        """Exactly that many bytes; the file is opened for each call, so readers ask for large pieces."""
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise self._unreadable(error) from error
        if len(data) < length:
            raise ends_early(self.name, needed_bytes=offset + length, size_bytes=offset + len(data))
        return data

    def _unreadable(self, error: OSError) -> WeightsError:
        return WeightsError(f"cannot read {self.name}: {error.strerror or error}", hint="check the path")


def ends_early(name: str, *, needed_bytes: int, size_bytes: int) -> WeightsError:
    """The error of a file that is shorter than what is read from it."""
    return WeightsError(
        f"{name} ends after {size_bytes:,} bytes, and {needed_bytes:,} are needed: it is incomplete",
        hint="fetch the file again",
    )

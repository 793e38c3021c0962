"""A folder with a model's files: what any such folder offers, and one on this machine.

It lists what it holds and opens a file to read in parts. It knows no file's format.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from deploy.checkpoints.byte_source import LocalFile
from stillroom.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deploy.checkpoints.byte_source import ByteSource

# The index of a model with 163 shards has 9 MB; a hub's list of a large repository 1 MB.
MOST_DOCUMENT_BYTES: Final = 64 * 1024 * 1024


class ModelFolder(Protocol):
    """Files of one model, by their paths within the folder."""

    @property
    def name(self) -> str:
        """A path or address, for messages."""

    def sizes(self) -> Mapping[str, int] | None:
        """Every file with its length; None where the server has no list."""

    def open(self, path: str) -> ByteSource:
        """A file for reading in parts. Nothing is read yet."""

    def document(self, path: str) -> bytes | None:
        """A small file as a whole; None where there is none."""


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder on this machine; files one folder down belong to it."""

    path: Path

    @property
    def name(self) -> str:
        """The path as it was given."""
        return str(self.path)

    def sizes(self) -> Mapping[str, int]:
        """Files here and one folder down; links are followed, as a cache of the hub's is made of them."""
        found: dict[str, int] = {}
        try:
            for entry in os.scandir(self.path):
                if entry.is_file():
                    found[entry.name] = entry.stat().st_size
                elif entry.is_dir():
                    inner = (item for item in os.scandir(entry.path) if item.is_file())
                    found |= {f"{entry.name}/{item.name}": item.stat().st_size for item in inner}
        except OSError as error:
            raise WeightsError(
                f"cannot list {error.filename or self.path}: {error.strerror}", hint="check the path"
            ) from error
        return found

    def open(self, path: str) -> LocalFile:
        """A file by its path within the folder."""
        return LocalFile(self.path / path)

    def document(self, path: str) -> bytes | None:
        """A small file as a whole; None where there is none."""
        if not (self.path / path).is_file():
            return None
        file = self.open(path)
        size_bytes = file.size_bytes()
        if size_bytes > MOST_DOCUMENT_BYTES:
            raise WeightsError(
                f"{file.name} has {size_bytes:,} bytes, and at most {MOST_DOCUMENT_BYTES:,} are read",
                hint="check that it is what its name says",
            )
        return file.read(0, size_bytes)

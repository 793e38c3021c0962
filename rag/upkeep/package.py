"""The form of an exported library: a ZIP archive with a manifest, a SQLite file, and vectors by text hash.

It names the parts; writing them is `rag.upkeep.exporting`'s and reading them `rag.upkeep.importing`'s.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from pathlib import Path

FORM: Final = 1
MANIFEST_NAME: Final = "stillroom-library.json"
VECTORS_NAME: Final = "vectors.npy"
HASHES_NAME: Final = "vectors.sha256"
HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Exported:
    """What went into, or came out of, an exported file; ``vectors`` is 0 where they were left out."""

    path: str
    documents: int
    passages: int
    vectors: int
    bytes: int


class Manifest(BaseModel):
    """The first entry of an exported file, as anyone may have written it.

    Attributes:
        form: of the archive; a higher one was written by a newer Stillroom.
        fingerprint: of the indexes that the vectors come from.
        unpacked_bytes: of all other entries together.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    form: int
    library: str
    fingerprint: str
    documents: int
    passages: int
    vectors: int
    unpacked_bytes: int


def not_exported(source: Path, reason: str) -> LibraryError:
    """The error that says so, with why."""
    return LibraryError(f"{source} is no exported library: {reason}", hint="stillroom library export FILE")


def text_hash(text: str) -> bytes:
    """What a vector is kept under: SHA-256 of the text that was embedded, ``HASH_BYTES`` long."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

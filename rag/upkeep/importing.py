"""A library from an exported file, embedding nothing again where the vectors came along.

Nothing here trusts such a file: it may come from anyone. What it unpacks to is bounded, its SQLite file may
hold our own tables alone, and the library appears when all of it was found sound.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from rag.embedders.wrapped import WrappedEmbedder
from rag.store.database import DATABASE_NAME, open_database, translated_errors
from rag.store.writer import rebuild_indexes
from rag.upkeep.checking import check
from rag.upkeep.package import (
    FORM,
    HASH_BYTES,
    HASHES_NAME,
    MANIFEST_NAME,
    VECTORS_NAME,
    Exported,
    Manifest,
    not_exported,
    text_hash,
)
from stillroom.errors import LibraryDamagedError, LibraryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders import Embedder
    from rag.store.chroma_server import ChromaServer

_COPY_BYTES: Final = 1 << 20


def import_library(
    source: Path,
    directory: Path,
    embedder: Embedder,
    *,
    chroma: ChromaServer | None = None,
    on_indexed: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Make a library in ``directory`` from an exported file; it appears when its text is complete.

    Raises:
        LibraryError: there is a library already, or the file is no exported library.
        EnvironmentUnfitError: no space, or no permission.
    """
    if directory.exists():
        raise LibraryError(
            f"there is a library in {directory} already", hint="stillroom library import FILE --library NAME"
        )
    with translated_errors(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".import-") as folder:
            making = Path(folder) / "library"
            making.mkdir()
            manifest = _unpacked(source, making)
            known = _read_vectors(making, manifest, embedder)
            _require_sound(source, making)
            making.rename(directory)
    remembered = RememberedVectors(embedder, known) if known else embedder
    rebuild_indexes(directory, remembered, on_indexed=on_indexed, chroma=chroma)
    return Exported(
        str(source.absolute()), manifest.documents, manifest.passages, len(known), source.stat().st_size
    )


class RememberedVectors(WrappedEmbedder):
    """An embedder that has the vectors of many texts already; see `rag.embedders.Embedder`."""

    def __init__(self, model: Embedder, known: Mapping[bytes, NDArray[np.float32]]) -> None:
        super().__init__(model)
        self._known = known

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The known vectors, and the model's for the other texts."""
        import numpy as np

        hashes = [text_hash(text) for text in texts]
        unknown = [text for text, digest in zip(texts, hashes, strict=True) if digest not in self._known]
        fresh = dict(zip(map(text_hash, unknown), self._model.embed_documents(unknown), strict=True))
        return np.stack(
            [self._known[digest] if digest in self._known else fresh[digest] for digest in hashes]
        )


def _unpacked(source: Path, making: Path) -> Manifest:
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = Manifest.model_validate_json(archive.read(MANIFEST_NAME))
            if manifest.form > FORM:
                raise LibraryError(
                    f"{source} is an exported library of form {manifest.form}; form {FORM} is read here",
                    hint="pip install --upgrade stillroom",
                )
            room = min(manifest.unpacked_bytes, shutil.disk_usage(making).free)
            for name in (DATABASE_NAME, VECTORS_NAME, HASHES_NAME):
                if name in archive.namelist():
                    room -= _unpack(archive, name, making / name, room)
    except FileNotFoundError as error:
        raise LibraryError(f"there is no file {source}", hint="ls, then give its path") from error
    except IsADirectoryError as error:
        raise not_exported(source, "it is a folder") from error
    except KeyError as error:
        raise not_exported(source, f"it lacks {MANIFEST_NAME}") from error
    except ValidationError as error:
        raise not_exported(source, f"its {MANIFEST_NAME} is not one of ours") from error
    # What zipfile raises for archives that are cut off, changed, encrypted or of another kind.
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise not_exported(source, str(error)) from error
    if not (making / DATABASE_NAME).exists():
        raise not_exported(source, f"it lacks {DATABASE_NAME}")
    return manifest


def _unpack(archive: zipfile.ZipFile, name: str, target: Path, room: int) -> int:
    """The entry's bytes into a file, no more than there may be."""
    size = 0
    with archive.open(name) as entry, target.open("wb") as file:
        while piece := entry.read(_COPY_BYTES):
            size += len(piece)
            if size > room:
                raise zipfile.BadZipFile(f"{name} unpacks to more than was said or than the disk holds")
            file.write(piece)
    return size


def _read_vectors(making: Path, manifest: Manifest, embedder: Embedder) -> dict[bytes, NDArray[np.float32]]:
    """The vectors by text hash; none where another embedder made them or they are not what they should be."""
    import numpy as np

    vectors, hashes = making / VECTORS_NAME, making / HASHES_NAME
    try:
        if not manifest.fingerprint.startswith(f"{embedder.fingerprint}+") or not vectors.exists():
            return {}
        rows = np.load(vectors, allow_pickle=False)
        digests = hashes.read_bytes()
    except (ValueError, OSError, EOFError):
        return {}
    finally:
        vectors.unlink(missing_ok=True)
        hashes.unlink(missing_ok=True)
    count = len(digests) // HASH_BYTES
    if rows.dtype != np.float32 or rows.ndim != 2 or rows.shape[1] != embedder.dimensions:  # noqa: PLR2004
        return {}
    return {
        digests[HASH_BYTES * row : HASH_BYTES * (row + 1)]: rows[row]
        for row in range(min(count, len(rows)))
        if np.isfinite(rows[row]).all()
    }


def _require_sound(source: Path, making: Path) -> None:
    """Refuse a SQLite file that is damaged, or that holds triggers, views or tables of somebody else's."""
    try:
        with contextlib.closing(open_database(making)) as connection:
            if foreign := _schema(connection) - _own_schema(making.parent):
                raise not_exported(source, f"its SQLite file holds {', '.join(sorted(foreign))}")
            if wrong := [finding.message for finding in check(making) if finding.part == "truth"]:
                raise not_exported(source, wrong[0])
            # The indexes that it names are elsewhere.
            connection.execute("DELETE FROM meta WHERE key IN ('index_name', 'fingerprint')")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except LibraryDamagedError as error:
        raise not_exported(source, error.message) from error


def _own_schema(folder: Path) -> set[str]:
    with contextlib.closing(open_database(folder / "own")) as connection:
        return _schema(connection)


def _schema(connection: sqlite3.Connection) -> set[str]:
    return {str(sql) for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}

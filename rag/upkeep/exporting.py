"""A library as one file, to keep or to move: its text and its vectors.

Its SQLite file is a snapshot, taken while others read and write. With the vectors beside it nothing is
embedded again where it is imported.
"""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rag.store.database import DATABASE_NAME, open_database, translated_errors
from rag.store.indexes import searchable_text
from rag.store.records import (
    count_indexed_passages,
    count_passages,
    read_documents,
    read_indexed_passages,
    read_settled,
)
from rag.store.writer import open_current
from rag.upkeep.package import FORM, HASHES_NAME, MANIFEST_NAME, VECTORS_NAME, Exported, Manifest, text_hash
from stillroom.errors import LibraryDamagedError, LibraryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from rag.store.chroma_server import ChromaServer

_VECTORS_A_STEP: Final = 1_000


def export_library(
    directory: Path, target: Path, *, chroma: ChromaServer | None = None, vectors: bool = True
) -> Exported:
    """Write the library in ``directory`` into one file, which appears when it is complete.

    Raises:
        LibraryError: ``target`` exists already.
        LibraryDamagedError: the library cannot be read.
        EnvironmentUnfitError: no space, or no permission.
    """
    if target.exists():
        raise LibraryError(f"{target} exists already", hint=f"choose another name, or: rm {target}")
    with (
        translated_errors(directory),
        tempfile.TemporaryDirectory(dir=target.absolute().parent) as folder,
    ):
        making = Path(folder)
        with contextlib.closing(open_database(directory)) as connection:
            connection.execute("VACUUM INTO ?", (str(making / DATABASE_NAME),))
        # From here on only the snapshot is asked, so that its parts agree.
        with contextlib.closing(open_database(making)) as snapshot:
            documents, passages = count_passages(snapshot)
            kept = _write_vectors(snapshot, directory, making, chroma) if vectors and passages else 0
            fingerprint = read_settled(snapshot).fingerprint
            snapshot.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        names = [DATABASE_NAME, *([VECTORS_NAME, HASHES_NAME] if kept else [])]
        manifest = Manifest(
            form=FORM,
            library=directory.name,
            fingerprint=fingerprint,
            documents=documents,
            passages=passages,
            vectors=kept,
            unpacked_bytes=sum((making / name).stat().st_size for name in names),
        )
        packed = making / "packed"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MANIFEST_NAME, manifest.model_dump_json(indent=1))
            for name in names:
                archive.write(making / name, name)
        size = packed.stat().st_size
        packed.rename(target)
    return Exported(str(target.absolute()), documents, passages, kept, size)


def _write_vectors(
    snapshot: sqlite3.Connection, directory: Path, making: Path, chroma: ChromaServer | None
) -> int:
    """Each passage's vector under the hash of the text that it was made from; how many there are.

    None where the indexes cannot be opened, or have moved on from the snapshot: they are made again then.
    """
    import numpy as np

    try:
        indexes = open_current(snapshot, directory, chroma)
    except LibraryDamagedError:
        return 0
    passages = count_indexed_passages(snapshot)
    rows: NDArray[np.float32] | None = None
    written = 0
    with contextlib.closing(indexes), (making / HASHES_NAME).open("wb") as hashes:
        for texts in _texts_by_id(snapshot):
            found = indexes.vectors.vectors(list(texts))
            for identity, vector in found.items():
                if rows is None:
                    shape = (passages, len(vector))
                    rows = np.lib.format.open_memmap(making / VECTORS_NAME, "w+", np.float32, shape)
                rows[written] = vector
                hashes.write(text_hash(texts[identity]))
                written += 1
    if rows is not None:
        rows.flush()  # type: ignore[attr-defined]  # a memory map, which its annotation hides
    return written


def _texts_by_id(snapshot: sqlite3.Connection) -> Iterator[dict[str, str]]:
    """What each passage was embedded as, some at a time."""
    texts: dict[str, str] = {}
    for document in read_documents(snapshot):
        for passage in read_indexed_passages(snapshot, document.id):
            texts[passage.id] = searchable_text(passage)
        if len(texts) >= _VECTORS_A_STEP:
            yield texts
            texts = {}
    if texts:
        yield texts

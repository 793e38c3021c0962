"""Vectors of texts seen before, in a SQLite file keyed by the embedder's fingerprint and the text's hash.

It makes a rebuild, a renamed file and a resumed ingest cheap. It is only a cache: a damaged file is thrown
away and an unwritable one is done without, so neither is an error. It holds hashes and vectors, no text.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders import Embedder

# Texts embedded between two commits: a killed process loses at most this much work.
_TEXTS_A_BATCH = 32

_DDL = """
CREATE TABLE IF NOT EXISTS vectors (
    fingerprint TEXT NOT NULL, text_hash BLOB NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (fingerprint, text_hash)
) WITHOUT ROWID
"""


class VectorCache:
    """A file of vectors, safe to share between threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._using = threading.Lock()

    def read(self, fingerprint: str, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that are there, as float32 bytes, by text hash."""
        found: dict[bytes, bytes] = {}

        def look_up(connection: sqlite3.Connection) -> None:
            for text_hash in hashes:
                row = connection.execute(
                    "SELECT vector FROM vectors WHERE fingerprint = ? AND text_hash = ?",
                    (fingerprint, text_hash),
                ).fetchone()
                if row is not None:
                    found[text_hash] = row[0]

        self._attempt(look_up)
        return found

    def write(self, fingerprint: str, vectors: Mapping[bytes, bytes]) -> None:
        """Keep vectors for later."""

        def keep(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                    [(fingerprint, text_hash, vector) for text_hash, vector in vectors.items()],
                )

        self._attempt(keep)

    def _attempt(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run ``work`` on the open file; what fails leaves the cache as if it were empty."""
        with self._using:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA synchronous = NORMAL")
                    connection.execute(_DDL)
                    work(connection)
            except (sqlite3.OperationalError, OSError):
                # Locked for long, full or read-only: do without.
                return
            except sqlite3.DatabaseError:
                self._path.unlink(missing_ok=True)


class CachedEmbedder:
    """An embedder that asks the model only for texts that the cache does not know; see `Embedder`."""

    def __init__(self, model: Embedder, cache: VectorCache) -> None:
        self._model = model
        self._cache = cache
        self.name = model.name
        self.dimensions = model.dimensions
        self.max_tokens = model.max_tokens
        self.fingerprint = model.fingerprint

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`; each distinct text is embedded once."""
        import numpy as np

        keys = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in texts]
        known = {
            key: vector
            for key, vector in self._cache.read(self.fingerprint, keys).items()
            if len(vector) == self.dimensions * np.dtype(np.float32).itemsize
        }
        unknown = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        for batch in _batches(unknown):
            vectors = self._model.embed_documents(list(batch.values()))
            fresh = {key: vector.tobytes() for key, vector in zip(batch, vectors, strict=True)}
            self._cache.write(self.fingerprint, fresh)
            known.update(fresh)
        rows = b"".join(known[key] for key in keys)
        return np.frombuffer(rows, dtype=np.float32).reshape(len(keys), self.dimensions)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`; questions are not kept."""
        return self._model.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """See `rag.embedders.Embedder`."""
        return self._model.count_tokens(text)


def _batches(texts: Mapping[bytes, str]) -> Iterator[dict[bytes, str]]:
    keys = list(texts)
    for first in range(0, len(keys), _TEXTS_A_BATCH):
        yield {key: texts[key] for key in keys[first : first + _TEXTS_A_BATCH]}

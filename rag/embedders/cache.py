"""Vectors of texts seen before, in a SQLite file keyed by the embedder's fingerprint and the text's hash.

It makes a rebuild, a renamed file and a resumed ingest cheap. It is only a cache: a damaged file is thrown
away and an unwritable one is done without, so neither is an error; what was not used for longest goes when it
grows too large. It holds hashes and vectors, no text.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from rag.embedders.wrapped import WrappedEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders import Embedder

# Texts embedded between two commits: a killed process loses at most this much work. A GPU has too little to
# do with fewer at once: an H200 embeds 2,500 passages a second by 128, and 3,200 by 512.
_TEXTS_A_BATCH = 128

# Raised when the table changes: a file of another version is begun anew.
_SCHEMA_VERSION = 2
# Not WITHOUT ROWID: there a row beyond a quarter of a page takes a page of its own besides.
_DDL = """
CREATE TABLE vectors (key BLOB PRIMARY KEY, used_s INTEGER NOT NULL, vector BLOB NOT NULL)
"""

# Half a million passages of the bundled embedder, with what SQLite needs around them.
_MOST_BYTES = 1 << 30
# What goes when there are more, the least recently used first; so that it is not done at each write.
_EVICTED_SHARE = 0.25
# Uses are noted to the hour: a search that finds its vectors here need not write.
_NOTED_S = 3600
# Keys of one statement; SQLite takes 32,766 variables since 3.32, and far fewer before.
_KEYS_A_STATEMENT = 900


class VectorCache:
    """A file of vectors, safe to share between threads and processes.

    Args:
        path: the file; it may be deleted at any time.
        most_bytes: beyond this, the vectors that were not used for longest go.
    """

    def __init__(self, path: Path, *, most_bytes: int = _MOST_BYTES) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._using = threading.Lock()

    def read(self, fingerprint: str, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that are there, as float32 bytes, by text hash."""
        found: dict[bytes, bytes] = {}
        wanted = {_key(fingerprint, text_hash): text_hash for text_hash in hashes}
        keys = list(wanted)

        def look_up(connection: sqlite3.Connection) -> None:
            now_s = int(time.time())
            stale: list[tuple[int, bytes]] = []
            for first in range(0, len(keys), _KEYS_A_STATEMENT):
                some = keys[first : first + _KEYS_A_STATEMENT]
                marks = ", ".join("?" * len(some))
                statement = f"SELECT key, vector, used_s FROM vectors WHERE key IN ({marks})"  # noqa: S608
                for key, vector, used_s in connection.execute(statement, some):
                    found[wanted[key]] = vector
                    if now_s - used_s > _NOTED_S:
                        stale.append((now_s, key))
            with connection:
                connection.executemany("UPDATE vectors SET used_s = ? WHERE key = ?", stale)

        if keys:
            self._attempt(look_up)
        return found

    def write(self, fingerprint: str, vectors: Mapping[bytes, bytes]) -> None:
        """Keep vectors for later."""

        def keep(connection: sqlite3.Connection) -> None:
            now_s = int(time.time())
            rows = [(_key(fingerprint, text_hash), now_s, vector) for text_hash, vector in vectors.items()]
            with connection:
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
                if _held_bytes(connection) > self._most_bytes:
                    _evict(connection)

        self._attempt(keep)

    def _attempt(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run ``work`` on the open file; what fails leaves the cache as if it were empty."""
        with self._using:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as connection:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("PRAGMA synchronous = NORMAL")
                    _prepare(connection)
                    work(connection)
            except (sqlite3.OperationalError, OSError):
                # Locked for long, full or read-only: do without.
                return
            except sqlite3.DatabaseError:
                self._path.unlink(missing_ok=True)


def _prepare(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == _SCHEMA_VERSION:
        return
    with connection:
        connection.execute("DROP TABLE IF EXISTS vectors")
        connection.execute(_DDL)
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _held_bytes(connection: sqlite3.Connection) -> int:
    """What the file holds; room that was freed counts as free, for it is used again."""
    pages, free, page_bytes = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page_bytes)


def _evict(connection: sqlite3.Connection) -> None:
    (count,) = connection.execute("SELECT COUNT(*) FROM vectors").fetchone()
    connection.execute(
        "DELETE FROM vectors WHERE key IN (SELECT key FROM vectors ORDER BY used_s LIMIT ?)",
        (int(count * _EVICTED_SHARE) + 1,),
    )


def _key(fingerprint: str, text_hash: bytes) -> bytes:
    return hashlib.sha256(fingerprint.encode() + b"\0" + text_hash).digest()


class CachedEmbedder(WrappedEmbedder):
    """An embedder that asks the model only for texts that the cache does not know; see `Embedder`."""

    def __init__(self, model: Embedder, cache: VectorCache) -> None:
        super().__init__(model)
        self._cache = cache

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


def _batches(texts: Mapping[bytes, str]) -> Iterator[dict[bytes, str]]:
    keys = list(texts)
    for first in range(0, len(keys), _TEXTS_A_BATCH):
        yield {key: texts[key] for key in keys[first : first + _TEXTS_A_BATCH]}

"""The dense index: vectors of passages in Chroma, by passage id.

It holds nothing that the library's own file does not determine. It embeds nothing itself, and it is opened by
one writing process at a time; readers open it again when the library's generation changes, because Chroma
does not show one process's searches what another process wrote.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, cast

from rag.store.database import index_error

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from chromadb.api.client import Client
    from numpy.typing import NDArray

_COLLECTION = "passages"
# The metadata by which a search is narrowed.
_DOCUMENT = "document"

# Chroma refuses more than its SQLite's bound parameters allow: 5,461 rows in version 1.5.
_BATCH = 5_000

# Clients of one path share an open database that the last of them closes, and Chroma counts them without a
# lock (version 1.5): a search that opens the index while an ingest in another thread closes it would fail.
_sharing = threading.Lock()


class VectorIndex:
    """A Chroma collection in cosine space.

    Raises:
        LibraryDamagedError: Chroma cannot open or create it; the message carries Chroma's own.
        EnvironmentUnfitError: no space.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with _sharing, self._translated():
            self._client, name = self._connect()
            # No embedding function: Chroma's default would fetch a model from the network.
            self._collection = self._client.get_or_create_collection(
                name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )

    def upsert(self, ids: Sequence[str], vectors: NDArray[np.float32], documents: Sequence[str]) -> None:
        """Put vectors under ids, whether they were there before or not.

        Args:
            ids: of passages.
            vectors: a row an id.
            documents: the id of each passage's document, by which a search is narrowed.
        """
        with self._translated():
            for first in range(0, len(ids), _BATCH):
                last = first + _BATCH
                self._collection.upsert(
                    ids=list(ids[first:last]),
                    embeddings=vectors[first:last],
                    metadatas=[{_DOCUMENT: document} for document in documents[first:last]],
                )

    def delete(self, ids: Sequence[str]) -> None:
        """Remove ids; unknown ones are passed over."""
        with self._translated():
            for first in range(0, len(ids), _BATCH):
                self._collection.delete(ids=list(ids[first : first + _BATCH]))

    def search(
        self, vector: NDArray[np.float32], limit: int, documents: Collection[str] | None = None
    ) -> dict[str, float]:
        """The nearest passage ids, best first, with their cosine similarity, -1 to 1.

        Args:
            vector: of the question.
            limit: how many at most.
            documents: ids of the only documents to look into; None for all.
        """
        if documents is not None and not documents:
            return {}
        within: Any = None if documents is None else {_DOCUMENT: {"$in": sorted(documents)}}
        with self._translated():
            found = self._collection.query(
                query_embeddings=vector[None, :], n_results=limit, where=within, include=["distances"]
            )
        distances = found["distances"] or [[]]
        return {
            identity: 1.0 - distance for identity, distance in zip(found["ids"][0], distances[0], strict=True)
        }

    def vectors(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those ids that are there."""
        found: dict[str, NDArray[np.float32]] = {}
        with self._translated():
            for first in range(0, len(ids), _BATCH):
                got = self._collection.get(ids=list(ids[first : first + _BATCH]), include=["embeddings"])
                found.update(zip(got["ids"], cast("Any", got["embeddings"]), strict=True))
        return found

    def ids(self) -> Iterator[str]:
        """Every passage id, in no order."""
        seen = 0
        while True:
            with self._translated():
                ids = self._collection.get(limit=_BATCH, offset=seen, include=[])["ids"]
            yield from ids
            if len(ids) < _BATCH:
                return
            seen += len(ids)

    def count(self) -> int:
        """How many vectors there are."""
        with self._translated():
            return self._collection.count()

    def close(self) -> None:
        """Let go of the files."""
        with _sharing:
            self._client.close()

    def _connect(self) -> tuple[Client, str]:
        """Chroma, and the collection's name in it."""
        import chromadb
        from chromadb.config import Settings

        client = chromadb.PersistentClient(self._directory.as_posix(), Settings(anonymized_telemetry=False))
        # ``close`` is the concrete class's alone.
        return cast("Client", client), _COLLECTION

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        from chromadb.errors import ChromaError

        try:
            yield
        # Chroma's Rust side reports unreadable segments as RuntimeError or ValueError. Where it cannot open
        # its database at all, its own cleaning up fails in turn (version 1.5): AttributeError.
        except (ChromaError, RuntimeError, ValueError, AttributeError, OSError) as error:
            raise index_error("vector", self._directory, error) from error

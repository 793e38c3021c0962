"""Derive both indexes again from the stored text, beside the old ones, and swap them in one commit.

Used when the embedder or the chunker changed and when an index is damaged. Documents are cut again, so the
passages too are renewed. Readers see the old passages with the old indexes until the commit. Nothing here
reads a document's file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.passages.chunker import cut_passages
from rag.store.changes import put_passages, remove_passages
from rag.store.database import transaction
from rag.store.generations import mark_indexed, use_indexes
from rag.store.indexes import Indexes, index_directory, index_fingerprint, new_index_name
from rag.store.records import (
    read_documents,
    read_indexed_passages,
    read_sections,
    read_stale,
    read_text,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from rag.document import Passage
    from rag.embedders import Embedder
    from rag.store.chroma_server import ChromaServer

# Passages put into the indexes at once: an index commit costs about as much as embedding one passage.
_PASSAGES_A_BATCH = 256


def derive_indexes(
    connection: sqlite3.Connection,
    library: Path,
    embedder: Embedder,
    *,
    on_indexed: Callable[[int], None],
    chroma: ChromaServer | None = None,
) -> Indexes:
    """Fill a new pair of indexes from the truth and make it the current one.

    The whole of it is one transaction: a process that dies leaves the old state, and a folder that the next
    writer deletes.

    Args:
        connection: a writing connection to the truth.
        library: the library's directory.
        embedder: makes the vectors, and counts the tokens by which documents are cut again.
        on_indexed: called with the number of passages indexed since the last call.
        chroma: the server that holds the vectors, if one does.
    """
    name = new_index_name()
    indexes = Indexes(index_directory(library, name), chroma)
    try:
        with transaction(connection, library):
            _fill(connection, indexes, embedder, on_indexed)
            documents = [document.id for document in read_documents(connection)]
            mark_indexed(connection, documents, read_stale(connection))
            use_indexes(connection, name, index_fingerprint(embedder))
    except BaseException:
        indexes.close()
        raise
    return indexes


def _fill(
    connection: sqlite3.Connection,
    indexes: Indexes,
    embedder: Embedder,
    on_indexed: Callable[[int], None],
) -> None:
    batch: list[Passage] = []
    for document in read_documents(connection):
        _cut_again(connection, document.id, embedder)
        batch.extend(read_indexed_passages(connection, document.id))
        if len(batch) >= _PASSAGES_A_BATCH:
            indexes.put(batch, embedder)
            on_indexed(len(batch))
            batch = []
    indexes.put(batch, embedder)
    on_indexed(len(batch))


def _cut_again(connection: sqlite3.Connection, document_id: str, embedder: Embedder) -> None:
    text = read_text(connection, document_id)
    cuts = cut_passages(text, read_sections(connection, document_id), embedder.count_tokens)
    remove_passages(connection, document_id)
    put_passages(connection, document_id, text, cuts)

"""The pair of derived indexes, dense and lexical, and how they follow the truth.

A folder of ``indexes/`` holds one pair. It is filled from the library's file, checked against it by counting,
and replaced by a new folder when it is damaged: no index is ever repaired in place. Nothing here writes
documents, takes the lock or ranks anything.
"""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING

from rag.passages.chunker import CHUNKER_VERSION
from rag.store.chroma_server import ChromaServer, delete_collection, open_vectors
from rag.store.database import transaction
from rag.store.generations import mark_indexed
from rag.store.records import (
    count_indexed_passages,
    read_indexed_passages,
    read_pending,
    read_stale,
)
from rag.store.words import WordIndex, Words
from rag.tokens import TOKENS_VERSION

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rag.document import Passage
    from rag.embedders import Embedder

_INDEXES = "indexes"

# Passages put into the indexes at once. Each commit of the word index takes 0.1 s, however few they are.
_PASSAGES_A_STEP = 512


class Indexes:
    """One folder with a vector index and a word index over the same passages.

    Args:
        directory: the folder.
        chroma: where the vectors are instead, if they are on a server.

    Raises:
        LibraryDamagedError: one of them cannot be opened.
    """

    def __init__(self, directory: Path, chroma: ChromaServer | None = None) -> None:
        self.words = WordIndex(directory / "words")
        self.vectors = open_vectors(directory / "vectors", chroma)

    def put(self, passages: Sequence[Passage], embedder: Embedder) -> None:
        """Index passages; doing it twice changes nothing."""
        texts = [searchable_text(passage) for passage in passages]
        ids = [passage.id for passage in passages]
        if ids:
            documents = [passage.document_id for passage in passages]
            self.vectors.upsert(ids, embedder.embed_documents(texts), documents)
        self.words.replace((), map(words_of, passages))

    def delete(self, passage_ids: Sequence[str]) -> None:
        """Forget passages; doing it twice changes nothing."""
        if passage_ids:
            self.vectors.delete(passage_ids)
            self.words.replace(passage_ids, ())

    def counts(self) -> tuple[int, int]:
        """How many vectors and how many entries of words there are."""
        return self.vectors.count(), self.words.count()

    def close(self) -> None:
        """Let go of the files."""
        self.vectors.close()


def searchable_text(passage: Passage) -> str:
    """What a passage is found by: its document's title, the headings above it, and its own text.

    A passage seldom repeats what its chapter is about; the title and the headings say it.
    """
    above = [
        part
        for part in (passage.document_title, *passage.heading, passage.header)
        if part and part not in passage.text
    ]
    return "\n".join([*dict.fromkeys(above), passage.text])


def words_of(passage: Passage) -> Words:
    """The same, by where it stands: a word of the passage itself counts more than one of its headings."""
    headings = "\n".join([*passage.heading, passage.header])
    return Words(passage.id, passage.document_id, passage.document_title, headings, passage.text)


def index_fingerprint(embedder: Embedder) -> str:
    """What an index was made with; indexes of another fingerprint must not be searched or added to."""
    return f"{embedder.fingerprint}+chunker-{CHUNKER_VERSION}+terms-{TOKENS_VERSION}"


def index_directory(library: Path, name: str) -> Path:
    """The folder of the pair of indexes with that name."""
    return library / _INDEXES / name


def new_index_name() -> str:
    """A name that no folder had before: an open client of a deleted folder cannot be mistaken for it."""
    return secrets.token_hex(6)


def remove_abandoned(library: Path, keep: str, chroma: ChromaServer | None = None) -> None:
    """Delete the folders that a crash, or a swap, left behind, and what a server holds for them."""
    parent = library / _INDEXES
    if parent.is_dir():
        for folder in parent.iterdir():
            if folder.name != keep:
                if chroma is not None:
                    delete_collection(folder, chroma)
                # A reader of the old folder may still hold files open; the next writer tries again.
                shutil.rmtree(folder, ignore_errors=True)


def agree(connection: sqlite3.Connection, indexes: Indexes) -> bool:
    """Whether truth and indexes hold as many passages, with nothing left to follow."""
    if read_pending(connection) or read_stale(connection):
        return False
    passages = count_indexed_passages(connection)
    return indexes.counts() == (passages, passages)


def follow(
    connection: sqlite3.Connection,
    library: Path,
    indexes: Indexes,
    embedder: Embedder,
    *,
    on_indexed: Callable[[int], None],
) -> None:
    """Bring the indexes to where the truth is: after an ingest's batch, and after a crash, alike.

    Every step may be repeated, so a process that dies in between loses only the steps themselves.

    Args:
        connection: a writing connection to the truth.
        library: the library's directory.
        indexes: those that the truth names as current.
        embedder: the one whose fingerprint they carry.
        on_indexed: called with the number of passages indexed since the last call.
    """
    pending, stale = read_pending(connection), read_stale(connection)
    if not pending and not stale:
        return
    indexes.delete(stale)
    passages = [passage for document in pending for passage in read_indexed_passages(connection, document)]
    for first in range(0, len(passages), _PASSAGES_A_STEP):
        step = passages[first : first + _PASSAGES_A_STEP]
        indexes.put(step, embedder)
        on_indexed(len(step))
    with transaction(connection, library):
        mark_indexed(connection, pending, stale)

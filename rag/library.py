"""The private library as the other rooms see it: its documents and passages, and indexes to search them.

It reads. Writing is `rag.ingesting`'s, searching `rag.retrieval`'s. The truth is a SQLite file in the
library's directory; the indexes beside it are derived from it, opened at the first search, and opened again
when another process has written.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rag.store import records
from rag.store.database import open_database, translated_errors
from rag.store.filters import matching_documents
from rag.store.indexes import Indexes, agree, index_directory
from rag.store.writer import check_fingerprint, open_current, writing
from stillroom.errors import LibraryBusyError, LibraryDamagedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from rag.document import Document, Passage
    from rag.embedders import Embedder
    from rag.passages.placed import PlacedSection
    from rag.store.chroma_server import ChromaServer
    from rag.store.filters import Filter
    from rag.store.records import Failure


@dataclass(frozen=True, slots=True)
class LibraryCounts:
    """How much the library holds.

    Attributes:
        passages: those that repeat an earlier one of their document are in neither index.
        vectors: as many as ``words``, unless a writer is at work just now.
    """

    documents: int
    passages: int
    vectors: int
    words: int


class Library:
    """An open library; use it as a context manager, from any number of threads.

    Example:
        >>> with Library.open(directory, embedder=embedder) as library:  # doctest: +SKIP
        ...     [document.title for document in library.documents()]
    """

    def __init__(
        self,
        directory: Path,
        embedder: Embedder,
        connection: sqlite3.Connection,
        chroma: ChromaServer | None = None,
    ) -> None:
        self.directory = directory
        self.embedder = embedder
        self.chroma = chroma
        self._connection = connection
        self._indexes: Indexes | None = None
        self._opened_generation = -1
        self._agreed_index = ""
        # Indexes are closed and opened again under a search of another thread otherwise.
        self._searching = threading.RLock()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        embedder: Embedder,
        for_rebuild: bool = False,
        chroma: ChromaServer | None = None,
    ) -> Self:
        """Open the library in ``directory``, created where there is none, and finish what a crash left.

        Args:
            directory: holds everything of the library.
            embedder: must be the one that the library was indexed with.
            for_rebuild: the caller is about to rebuild it: accept any embedder, mend nothing.
            chroma: the server that holds the vectors, if one does.

        Raises:
            LibraryOutdatedError: it was indexed with another embedder or version.
            LibraryError: it was written by a newer Stillroom.
            LibraryDamagedError: its file cannot be read.
            EnvironmentUnfitError: no permission or no space.
        """
        library = cls(directory.absolute(), embedder, open_database(directory.absolute()), chroma)
        if not for_rebuild:
            try:
                library._check_and_mend()
            except BaseException:
                library.close()
                raise
        return library

    def documents(self) -> tuple[Document, ...]:
        """All documents, by path."""
        with translated_errors(self.directory):
            return records.read_documents(self._connection)

    def document(self, document_id: str) -> Document:
        """One document.

        Raises:
            LibraryError: the library has no such document.
        """
        with translated_errors(self.directory):
            return records.read_document(self._connection, document_id)

    def document_text(self, document_id: str) -> str:
        """The stored text of a document, into which its passages' offsets point.

        Raises:
            LibraryError: the library has no such document.
        """
        with translated_errors(self.directory):
            return records.read_text(self._connection, document_id)

    def text_bytes(self, document_ids: Sequence[str]) -> dict[str, int]:
        """How many bytes each document's stored text takes in UTF-8; unknown documents are left out."""
        with translated_errors(self.directory):
            return records.read_text_bytes(self._connection, document_ids)

    def passages(self, document_id: str) -> tuple[Passage, ...]:
        """A document's passages, in reading order; none for an unknown document."""
        with translated_errors(self.directory):
            return records.read_passages(self._connection, document_id)

    def passage(self, passage_id: str) -> Passage:
        """One passage.

        Raises:
            LibraryError: the library has no such passage.
        """
        with translated_errors(self.directory):
            return records.read_passage(self._connection, passage_id)

    def find_passages(self, passage_ids: Sequence[str]) -> tuple[Passage, ...]:
        """Those of the passages that are still there, in the order asked for."""
        with translated_errors(self.directory):
            return tuple(records.find_passages(self._connection, passage_ids))

    def passage_languages(self, passage_ids: Sequence[str]) -> dict[str, str]:
        """The language of each passage's document, ``en`` or ``zh``; unknown passages are left out."""
        with translated_errors(self.directory):
            return records.read_languages(self._connection, passage_ids)

    def sources(self) -> tuple[str, ...]:
        """The absolute paths that were given to ingest."""
        with translated_errors(self.directory):
            return records.read_sources(self._connection)

    def notes(self, document_id: str) -> tuple[str, ...]:
        """What a person should know of how a document was read: pages without text, text from pictures."""
        with translated_errors(self.directory):
            return records.read_notes(self._connection, document_id)

    def sections(self, document_id: str) -> tuple[PlacedSection, ...]:
        """Where a document's sections lie in its text, in reading order; none for an unknown document."""
        with translated_errors(self.directory):
            return records.read_sections(self._connection, document_id)

    def failures(self) -> tuple[Failure, ...]:
        """The files that could not be read, by path."""
        with translated_errors(self.directory):
            return records.read_failures(self._connection)

    def matching(self, wanted: Filter) -> frozenset[str] | None:
        """Ids of the documents that a filter lets through; None where it lets all through."""
        with translated_errors(self.directory):
            return matching_documents(self._connection, wanted)

    def counts(self) -> LibraryCounts:
        """How much the library and its indexes hold."""
        with translated_errors(self.directory):
            documents, passages = records.count_passages(self._connection)
        if not self._settled().index_name:
            return LibraryCounts(documents, passages, vectors=0, words=0)
        with self.searching() as indexes:
            vectors, words = indexes.counts()
        return LibraryCounts(documents, passages, vectors, words)

    @property
    def generation(self) -> int:
        """A number that counts up with every change that a reader should notice, whoever made it."""
        return self._settled().generation

    @property
    def empty(self) -> bool:
        """Whether nothing was ingested yet, or nothing is left."""
        with translated_errors(self.directory):
            return not records.has_passages(self._connection)

    @contextlib.contextmanager
    def searching(self) -> Iterator[Indexes]:
        """The current indexes, for the time of a search.

        Raises:
            LibraryOutdatedError: another process has indexed the library with another embedder meanwhile.
            LibraryDamagedError: they cannot be opened, and another process holds the lock to mend them.
        """
        with self._searching:
            settled = self._settled()
            if self._indexes is None or settled.generation != self._opened_generation:
                check_fingerprint(settled.fingerprint, self.embedder, library=self.directory)
                self._close_indexes()
                self._indexes = self._opened_indexes(settled.index_name)
                # As read before opening: what is committed meanwhile is noticed by the next search.
                self._opened_generation = settled.generation
            yield self._indexes

    def close(self) -> None:
        """Let go of the files."""
        with self._searching:
            self._close_indexes()
            self._connection.close()

    def __enter__(self) -> Self:
        """The library itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the files."""
        self.close()

    def _settled(self) -> records.Settled:
        with translated_errors(self.directory):
            return records.read_settled(self._connection)

    def _check_and_mend(self) -> None:
        """Cheap looks only: the indexes are not opened unless something is plainly wrong."""
        settled = self._settled()
        check_fingerprint(settled.fingerprint, self.embedder, library=self.directory)
        with translated_errors(self.directory):
            left_over = records.read_pending(self._connection) or records.read_stale(self._connection)
        folder = index_directory(self.directory, settled.index_name)
        if left_over or (settled.index_name and not folder.is_dir()):
            self._mend()

    def _opened_indexes(self, name: str) -> Indexes:
        """The current indexes, mended first where they do not agree with the truth and nobody writes.

        Indexes that agreed once are not counted again after each batch that a writer adds: Chroma takes
        seconds to count 100,000 vectors on a busy machine.
        """
        if name == self._agreed_index:
            with contextlib.suppress(LibraryDamagedError):
                return open_current(self._connection, self.directory, self.chroma)
        indexes = self._agreeing_indexes()
        self._agreed_index = name
        return indexes

    def _agreeing_indexes(self) -> Indexes:
        with contextlib.suppress(LibraryDamagedError):
            indexes = open_current(self._connection, self.directory, self.chroma)
            with contextlib.ExitStack() as unless_they_agree:
                unless_they_agree.callback(indexes.close)
                if agree(self._connection, indexes):
                    unless_they_agree.pop_all()
                    return indexes
        self._mend()
        return open_current(self._connection, self.directory, self.chroma)

    def _mend(self) -> None:
        # A live writer holds the lock: what looks left over is its work in progress.
        with contextlib.suppress(LibraryBusyError), writing(self.directory, self.embedder, self.chroma):
            pass

    def _close_indexes(self) -> None:
        if self._indexes is not None:
            self._indexes.close()
            self._indexes = None

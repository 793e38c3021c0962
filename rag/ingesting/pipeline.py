"""From files to documents that are ready to be stored, with their vectors: reading, cutting and embedding.

Readers work in processes of their own, cutting in a thread and embedding in another, each some way ahead of
the next, so that the embedder, which takes nearly all of the time, is never without work. Nothing here
stores anything.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.document import Passage
from rag.embedders.wrapped import WrappedEmbedder
from rag.ingesting.ahead import Ahead
from rag.language import detect_language
from rag.parsers import parser_version
from rag.passages.chunker import cut_passages, join_sections
from rag.store.changes import StoredDocument, StoredFile
from rag.store.indexes import searchable_text

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.embedders import Embedder
    from rag.ingesting.pool import ReaderPool
    from rag.ingesting.reading import FileRead, ReadDocument, ReadJob

# Texts embedded at once: the cache of vectors is written after each, and progress is told (32 take the
# bundled embedder some seconds on two cores).
_TEXTS_A_STEP = 32

# Files that wait between two steps: they hold text, and each may be large.
_FILES_AHEAD = 64


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file that was read, and what is to be stored of it.

    Attributes:
        texts: what its passages are embedded as, but for documents that the library has already.
    """

    read: FileRead
    documents: tuple[tuple[StoredFile, StoredDocument], ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """So many texts were embedded: a sign of progress.

    Attributes:
        path: of the last file that they are from.
    """

    texts: int
    path: str


class PreparedVectors(WrappedEmbedder):
    """An embedder that was asked already: it knows the vectors of texts that were embedded ahead.

    Any other text it gives to the model; see `rag.embedders.Embedder`.

    Args:
        model: the embedder itself.
    """

    def __init__(self, model: Embedder) -> None:
        super().__init__(model)
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._using = threading.Lock()
        self.seconds = 0.0

    def prepare(self, texts: Sequence[str]) -> None:
        """Embed texts now that will be asked for later."""
        vectors = self._embed(texts)
        self._vectors.update(zip(texts, vectors, strict=True))

    def knows(self, text: str) -> bool:
        """Whether the vector of a text is there."""
        return text in self._vectors

    def forget(self, texts: Sequence[str]) -> None:
        """Drop vectors that are stored now."""
        for text in texts:
            self._vectors.pop(text, None)

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        import numpy as np

        found = {text: vector for text in texts if (vector := self._vectors.get(text)) is not None}
        if missing := [text for text in dict.fromkeys(texts) if text not in found]:
            found |= dict(zip(missing, self._embed(missing), strict=True))
        return np.stack([found[text] for text in texts])

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._using:
            started = time.monotonic()
            vectors = self._model.embed_documents(texts)
            self.seconds += time.monotonic() - started
        return vectors


@dataclass(slots=True)
class Pipeline:
    """The steps from jobs to prepared files.

    Attributes:
        pool: reads.
        embedder: counts tokens, and embeds ahead.
        metadata: what a person says of all files.
        stored: ids of documents that the library has; their text is not embedded again.
        stop: set to end after the step that is at work.
    """

    pool: ReaderPool
    embedder: PreparedVectors
    metadata: Mapping[str, tuple[str, ...]]
    stored: Container[str]
    stop: threading.Event
    _left: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self, jobs: Sequence[ReadJob]) -> Iterator[Ahead[Prepared | Embedded]]:
        """What comes out, in the order in which it is ready; everything is ended at the end of the block."""
        cut = Ahead(self._cut(jobs), most=_FILES_AHEAD)
        try:
            embedded = Ahead(self._embed(cut), most=_FILES_AHEAD)
            try:
                yield embedded
            finally:
                self._left.set()
                self.pool.close()
                embedded.close()
        finally:
            cut.close()

    def _cut(self, jobs: Sequence[ReadJob]) -> Iterator[Prepared]:
        wanted = (job for job in jobs if not self.stop.is_set())
        for read in self.pool.read(wanted, stop=self.stop):
            if self._is_over():
                return
            documents = tuple(
                stored_pair(document, read, self.metadata, self.embedder.count_tokens)
                for document in read.documents
            )
            texts = [
                text
                for file, document in documents
                if document.id not in self.stored
                for text in searchable_texts(file, document)
            ]
            yield Prepared(read, documents, tuple(texts))

    def _embed(self, prepared: Ahead[Prepared]) -> Iterator[Prepared | Embedded]:
        for batch in _batches(prepared):
            texts = list(dict.fromkeys(text for one in batch for text in one.texts))
            for first in range(0, len(texts), _TEXTS_A_STEP):
                if self._is_over():
                    # What is embedded by now stands in the cache of vectors.
                    return
                step = texts[first : first + _TEXTS_A_STEP]
                self.embedder.prepare(step)
                yield Embedded(len(step), batch[-1].read.path)
            yield from batch

    def _is_over(self) -> bool:
        return self.stop.is_set() or self._left.is_set()


def stored_pair(
    found: ReadDocument,
    read: FileRead,
    metadata: Mapping[str, tuple[str, ...]],
    count_tokens: Callable[[str], int],
) -> tuple[StoredFile, StoredDocument]:
    """A document that was read, as it is stored."""
    parsed = found.parsed
    text, sections = join_sections(parsed.sections)
    return stored_file(read, metadata, found.path, found.content_hash), StoredDocument(
        title=parsed.title,
        format=parsed.format,
        parser_version=parser_version(parsed.format),
        language=detect_language(text),
        text=text,
        sections=sections,
        cuts=cut_passages(text, sections, count_tokens),
        metadata=parsed.metadata,
        notes=parsed.notes,
    )


def stored_file(
    read: FileRead,
    metadata: Mapping[str, tuple[str, ...]],
    path: str = "",
    content_hash: str = "",
) -> StoredFile:
    """The file that was read, or the member of it at ``path``, as it is stored."""
    stamp = read.stamp
    path = path or read.path
    return StoredFile(
        path=path,
        content_hash=content_hash or read.content_hash,
        bytes=stamp.size_bytes if stamp else 0,
        modified_ns=stamp.mtime_ns if stamp else 0,
        changed_ns=stamp.ctime_ns if stamp and read.settled else 0,
        container=read.path if path != read.path else None,
        metadata=metadata,
    )


def searchable_texts(file: StoredFile, document: StoredDocument) -> list[str]:
    """What the document's passages will be embedded as, once it is stored."""
    return [
        searchable_text(
            Passage(
                id="",
                document_id="",
                document_title=document.title,
                path=file.path,
                text=document.text[cut.start : cut.end],
                start=cut.start,
                end=cut.end,
                page=cut.page,
                line=cut.line,
                heading=cut.heading,
                header=cut.header,
            )
        )
        for cut in document.cuts
    ]


def _batches(items: Ahead[Prepared]) -> Iterator[list[Prepared]]:
    """Files together that make a step for the embedder, or whatever there is when no more is ready."""
    batch: list[Prepared] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item.texts)
        if size >= _TEXTS_A_STEP or not items.ready:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch

"""Bring files into the library: parse, cut, store, index; only what changed, and what was deleted too.

A file's identity is its path, and its content's is the SHA-256 of its bytes. Each batch is committed to the
truth first and to the indexes after that, so a process that dies at any instant leaves nothing that the next
open cannot finish. A file that fails is reported, keeps what the library had of it, and stops no other.
Nothing here knows how a format is parsed or how an index works.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rag.ingesting.walk import find_files
from rag.language import detect_language
from rag.parsers import MAX_FILE_BYTES, parse_document, parser_version
from rag.passages.chunker import cut_passages, join_sections
from rag.store.changes import (
    StoredDocument,
    StoredFile,
    add_source,
    put_failure,
    put_file,
    remove_file,
)
from rag.store.database import transaction
from rag.store.records import read_files
from rag.store.writer import Writer, rebuild_indexes, writing
from stillroom.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rag.embedders import Embedder
    from rag.ingesting.walk import Found
    from rag.library import Library
    from rag.store.records import KnownFile

# Passages committed before the indexes follow. More make fewer index commits; fewer make less to finish
# after a crash (32 passages take the bundled embedder about 5 s on two cores).
_PASSAGES_A_BATCH = 32

Step = Literal["reading", "unchanged", "failed", "indexing"]


@dataclass(frozen=True, slots=True)
class IngestProgress:
    """How far an ingest is.

    Attributes:
        step: a file is being read, was found unchanged, has failed, or its batch is being indexed.
        path: the file; for ``indexing`` the last one of the batch.
        files_done: files that were looked at, of ``files_total``.
        passages: passages indexed so far.
    """

    step: Step
    path: str
    files_done: int
    files_total: int
    passages: int


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that was not ingested, why, and what to do about it."""

    path: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did: numbers of files, the files that failed, passages indexed, seconds taken."""

    added: int
    replaced: int
    unchanged: int
    removed: int
    failed: tuple[FailedFile, ...]
    passages: int
    seconds: float


def ingest(
    library: Library,
    paths: Sequence[Path],
    *,
    on_progress: Callable[[IngestProgress], None] = lambda _: None,
) -> IngestReport:
    """Bring the library to what stands at and below ``paths`` now.

    Documents of files that were deleted below an ingested directory are removed; a named path that does not
    exist is a failed file, and its documents are kept (a disk may only be unplugged).

    Raises:
        LibraryBusyError: another process writes.
        LibraryOutdatedError: the library was indexed with another embedder or version.
        EnvironmentUnfitError: no space or no permission in the library's directory.
    """
    started = time.monotonic()
    found = find_files(paths)
    with writing(library.directory, library.embedder, library.chroma) as writer:
        run = _Run(writer, library.embedder, read_files(writer.connection), len(found.files), on_progress)
        run.failed.extend(FailedFile(str(path), reason) for path, reason in found.unreadable)
        run.remove_deleted(found)
        for path in found.files:
            run.take(path)
        run.flush(str(found.files[-1]) if found.files else "")
        with transaction(writer.connection, library.directory):
            for path, reason in found.unreadable:
                put_failure(writer.connection, str(path), reason, "")
            for path in filter(Path.exists, paths):
                add_source(writer.connection, str(path.absolute()))
    return IngestReport(
        added=run.added,
        replaced=run.replaced,
        unchanged=run.unchanged,
        removed=run.removed,
        failed=tuple(run.failed),
        passages=run.passages,
        seconds=time.monotonic() - started,
    )


def rebuild(
    library: Library,
    *,
    on_progress: Callable[[IngestProgress], None] = lambda _: None,
) -> int:
    """Cut and index all stored text again with the library's embedder; the number of passages.

    No file is read. Searches use the old indexes until the new ones are complete.

    Raises:
        LibraryBusyError: another process writes.
    """
    documents = library.documents()
    done = 0

    def report(passages: int) -> None:
        nonlocal done
        done += passages
        on_progress(IngestProgress("indexing", "", 0, len(documents), done))

    rebuild_indexes(library.directory, library.embedder, on_indexed=report, chroma=library.chroma)
    return done


@dataclass(slots=True)
class _Run:
    """One ingest under way: what it has counted, and the batch that the indexes do not have yet."""

    writer: Writer
    embedder: Embedder
    known: Mapping[str, KnownFile]
    files_total: int
    on_progress: Callable[[IngestProgress], None]
    failed: list[FailedFile] = field(default_factory=list)
    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    passages: int = 0
    files_done: int = 0
    batched: int = 0

    def take(self, path: Path) -> None:
        """Store one file if it is new or changed; index the batch when it is full."""
        self.report("reading", str(path))
        try:
            content = _read(path)
            stored = self._changed(path, content)
        except ParseError as error:
            self.files_done += 1
            self.failed.append(FailedFile(str(path), error.message, error.hint))
            with transaction(self.writer.connection, self.writer.directory):
                put_failure(self.writer.connection, str(path), error.message, error.hint)
            self.report("failed", str(path))
            return
        self.files_done += 1
        if stored is None:
            self.unchanged += 1
            self.report("unchanged", str(path))
            return
        file, document = stored
        with transaction(self.writer.connection, self.writer.directory):
            again = put_file(self.writer.connection, file, document)
        if file.path in self.known:
            self.replaced += 1
        else:
            self.added += 1
        self.batched += len(document.cuts)
        for orphan in again:
            self.take(Path(orphan))
        if self.batched >= _PASSAGES_A_BATCH:
            self.flush(str(path))

    def remove_deleted(self, found: Found) -> None:
        """Remove documents whose files are gone."""
        for path in found.deleted(map(Path, self.known)):
            with transaction(self.writer.connection, self.writer.directory):
                remove_file(self.writer.connection, str(path))
            self.removed += 1

    def flush(self, path: str) -> None:
        """Let the indexes follow the truth."""
        if self.batched:
            self.report("indexing", path)

        def indexed(passages: int) -> None:
            self.passages += passages
            self.report("indexing", path)

        self.writer.follow(indexed)
        self.batched = 0

    def report(self, step: Step, path: str) -> None:
        """Tell the caller how far it is."""
        self.on_progress(IngestProgress(step, path, self.files_done, self.files_total, self.passages))

    def _changed(self, path: Path, content: bytes) -> tuple[StoredFile, StoredDocument] | None:
        """The file and document to store, or None where the library has them as they are."""
        content_hash = hashlib.sha256(content).hexdigest()
        known = self.known.get(str(path))
        same_bytes = known is not None and known.content_hash == content_hash
        if known and same_bytes and known.parser_version == parser_version(known.format):
            return None
        parsed = parse_document(content, path)
        text, sections = join_sections(parsed.sections)
        file = StoredFile(str(path), content_hash, len(content), path.stat().st_mtime_ns)
        return file, StoredDocument(
            title=parsed.title,
            format=parsed.format,
            parser_version=parser_version(parsed.format),
            language=detect_language(text),
            text=text,
            sections=sections,
            cuts=cut_passages(text, sections, self.embedder.count_tokens),
            metadata=parsed.metadata,
            notes=parsed.notes,
        )


def _read(path: Path) -> bytes:
    try:
        str(path).encode("utf-8")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ParseError(
                f"{path} has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read", hint="split it into parts"
            )
        return path.read_bytes()
    except UnicodeEncodeError as error:
        raise ParseError(f"the name of {path!r} is not valid UTF-8", hint="rename the file") from error
    except OSError as error:
        raise ParseError(f"{path} cannot be read: {error.strerror or error}", hint=f"ls -l {path}") from error

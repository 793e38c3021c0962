"""What an ingest writes: prepared files into the truth, batch by batch, the indexes after them.

A batch is one transaction, and the vectors of its passages are known before it begins: a process that dies
at any instant leaves next to nothing to finish. It knows no parsers, no threads and no walk.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rag.ingesting.pipeline import stored_file
from rag.ingesting.plan import container_path, titled_by_name
from rag.ingesting.reading import FailedFile, ReadJob
from rag.ingesting.report import Note
from rag.store.changes import (
    forget_failures_below,
    put_container,
    put_copy,
    put_failure,
    put_file,
    remove_file,
    rename_file,
    set_metadata,
    touch_file,
)
from rag.store.database import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.ingesting.pipeline import Prepared, PreparedVectors
    from rag.ingesting.reading import FileRead
    from rag.ingesting.report import Meter, Step
    from rag.store.changes import StoredDocument, StoredFile
    from rag.store.records import KnownFile
    from rag.store.writer import Writer


@dataclass(slots=True)
class Counts:
    """What was done so far; see `rag.ingesting.report.IngestReport`."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    renamed: int = 0
    duplicates: int = 0
    passages: int = 0


@dataclass(slots=True)
class Storing:
    """One ingest's writing.

    Attributes:
        known: what the library held when the ingest began, by path.
        missing: paths of it that are gone from where they were, and may turn up under another name.
        metadata: what a person says of all files.
        again: files that have to be read once more, since what they were taken for did not hold.
        heirs: those among them that are as they were, but whose document's text was another file's.
        counted: files that were counted already, in whatever way.
        by_hash: paths by their content's hash, once that is asked for.
        renames: from the new path of a file that is read anew to the old one, whose metadata it keeps.
    """

    writer: Writer
    vectors: PreparedVectors
    known: dict[str, KnownFile]
    missing: dict[str, KnownFile]
    metadata: Mapping[str, tuple[str, ...]]
    meter: Meter
    sizes: Mapping[str, int]
    counts: Counts = field(default_factory=Counts)
    failed: list[FailedFile] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    again: dict[str, ReadJob] = field(default_factory=dict)
    heirs: set[str] = field(default_factory=set)
    renames: dict[str, str] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    by_hash: dict[str, list[str]] = field(default_factory=dict)

    def store(self, batch: Sequence[Prepared]) -> None:
        """Commit files and let the indexes follow."""
        if not batch:
            return
        if any(prepared.documents for prepared in batch):
            # Opened before they have anything to follow, and while the next batch is embedded.
            _ = self.writer.indexes
        with transaction(self.writer.connection, self.writer.directory):
            for prepared in batch:
                self._put(prepared)
        last = batch[-1].read.path

        def indexed(passages: int) -> None:
            self.counts.passages += passages
            self.meter.tell("indexing", last)

        self.writer.follow(indexed)
        self.vectors.forget([text for prepared in batch for text in prepared.texts])

    def keep(self, paths: Sequence[str]) -> None:
        """Files that are as they were: only what a person says of them now is new."""
        self.counts.unchanged += len(paths)
        self.counted.update(paths)
        if not self.metadata:
            return
        wanted = frozenset(paths)
        with transaction(self.writer.connection, self.writer.directory):
            for path in self.known:
                if container_path(path) in wanted:
                    set_metadata(self.writer.connection, path, self.metadata)

    def remove(self, paths: Sequence[str]) -> None:
        """Forget files that are wanted no longer; one with the same text may have to be read again."""
        with transaction(self.writer.connection, self.writer.directory):
            for path in paths:
                self._remove(path)
                self.missing.pop(path, None)
        self.writer.follow(lambda _: None)

    def _remove(self, path: str) -> None:
        self.counts.removed += 1
        self._inherit(remove_file(self.writer.connection, path))
        for member in self._members(path):
            self.known.pop(member, None)
        self.known.pop(path, None)

    def _put(self, prepared: Prepared) -> None:
        read = prepared.read
        if read.known:
            self._put_known(read)
        elif not read.documents and not read.container:
            self._fail(read)
        else:
            self._put_read(prepared)

    def _fail(self, read: FileRead) -> None:
        for failure in read.failed:
            put_failure(self.writer.connection, failure.path, failure.reason, failure.hint)
        self.failed.extend(read.failed)
        self._done(read, "failed")

    def _put_read(self, prepared: Prepared) -> None:
        """A file with its documents: its own, those of its members, or both."""
        connection, read = self.writer.connection, prepared.read
        forget_failures_below(connection, read.path)
        own = [file.path for file, _ in prepared.documents]
        if read.container and read.path not in own:
            put_container(connection, stored_file(read, self.metadata))
        for file, document in prepared.documents:
            self._put_document(file, document)
        for failure in read.failed:
            put_failure(connection, failure.path, failure.reason, failure.hint)
        self.failed.extend(read.failed)
        kept = {*own, *(failure.path for failure in read.failed)}
        for member in self._members(read.path):
            if member not in kept:
                self._remove(member)
        self._done(read)

    def _put_document(self, file: StoredFile, document: StoredDocument) -> None:
        connection = self.writer.connection
        held = self.known.get(file.path)
        if held and (held.content_hash, held.document_id, held.parser_version) == (
            file.content_hash,
            document.id,
            document.parser_version,
        ):
            touch_file(connection, file.path, modified_ns=file.modified_ns, changed_ns=file.changed_ns)
            set_metadata(connection, file.path, self.metadata)
            self.counts.unchanged += 1
            return
        row = connection.execute("SELECT path FROM documents WHERE id = ?", (document.id,)).fetchone()
        elsewhere = row is not None and row[0] != file.path
        old = self.renames.pop(file.path, "")
        given = self._given(old) if old else {}
        if old:
            self._inherit(remove_file(connection, old))
        self._inherit(put_file(connection, file, document))
        set_metadata(connection, file.path, given)
        self.notes.extend(Note(file.path, note) for note in document.notes)
        if file.path in self.heirs:
            # The file itself is as it was.
            self.heirs.discard(file.path)
            self.counts.unchanged += container_path(file.path) not in self.counted
        elif old:
            self.counts.renamed += 1
        elif elsewhere:
            self.counts.duplicates += 1
        elif file.path in self.known:
            self.counts.replaced += 1
        else:
            self.counts.added += 1

    def _put_known(self, read: FileRead) -> None:
        """A file whose bytes the library knows: its own, a renamed one's, or another's that it equals."""
        connection = self.writer.connection
        mine = self.known.get(read.path)
        if mine and mine.content_hash == read.content_hash:
            file = stored_file(read, self.metadata)
            for path in (read.path, *self._members(read.path)):
                touch_file(connection, path, modified_ns=file.modified_ns, changed_ns=file.changed_ns)
                set_metadata(connection, path, self.metadata)
            self.counts.unchanged += 1
            self._done(read, "unchanged")
        elif origin := self._origin(read):
            self._rename(origin, read)
        elif identity := self._identity(read):
            self._inherit(put_copy(connection, stored_file(read, self.metadata), identity))
            self.counts.duplicates += 1
            self._done(read, "unchanged")
        else:
            self._ask_again(read.path)

    def _origin(self, read: FileRead) -> KnownFile | None:
        """A file that is gone and had these bytes."""
        return next(
            (self.missing[path] for path in self._with_hash(read.content_hash) if path in self.missing), None
        )

    def _rename(self, origin: KnownFile, read: FileRead) -> None:
        del self.missing[origin.path]
        if titled_by_name(origin):
            # Its title, and with it what its passages are found by, came from the name that it had.
            self.renames[read.path] = origin.path
            self._ask_again(read.path)
            return
        connection, file = self.writer.connection, stored_file(read, self.metadata)
        if read.path in self.known:
            self._inherit(remove_file(connection, read.path))
        rename_file(
            connection, origin.path, read.path, modified_ns=file.modified_ns, changed_ns=file.changed_ns
        )
        set_metadata(connection, read.path, self.metadata)
        self.counts.renamed += 1
        self._done(read, "unchanged")

    def _given(self, path: str) -> dict[str, tuple[str, ...]]:
        """What a person said of a file, unless it is said anew."""
        given: dict[str, tuple[str, ...]] = {}
        for key, value in self.writer.connection.execute(
            "SELECT key, value FROM file_metadata WHERE path = ?", (path,)
        ):
            given[key] = (*given.get(key, ()), value)
        return {key: values for key, values in given.items() if key not in self.metadata}

    def _identity(self, read: FileRead) -> str:
        """The document of a file with these bytes that is no container; empty where there is none."""
        for path in self._with_hash(read.content_hash):
            row = self.writer.connection.execute(
                "SELECT document_id, content_hash FROM files WHERE path = ?", (path,)
            ).fetchone()
            if row and row[0] and row[1] == read.content_hash and not self._members(path):
                identity: str = row[0]
                return identity
        return ""

    def _with_hash(self, content_hash: str) -> list[str]:
        """Paths that had these bytes when the ingest began; many files may be renamed or copied at once."""
        if not self.by_hash:
            for file in (*self.known.values(), *self.missing.values()):
                self.by_hash.setdefault(file.content_hash, []).append(file.path)
        return self.by_hash.get(content_hash, [])

    def _inherit(self, heirs: Sequence[str]) -> None:
        """Have files read whose document's text had been read from a file that no longer holds it."""
        for path in heirs:
            self.heirs.add(path)
            if path in self.known:
                self.known[path] = replace(self.known[path], content_hash="")
            self._ask_again(container_path(path))

    def _ask_again(self, path: str) -> None:
        """Have a file read, and parsed whatever its hash is."""
        self.again[path] = ReadJob(path, self.sizes.get(path, 0))

    def _members(self, path: str) -> list[str]:
        rows = self.writer.connection.execute("SELECT path FROM files WHERE container = ?", (path,))
        return [member for (member,) in rows]

    def _done(self, read: FileRead, step: Step | None = None) -> None:
        self.counted.add(read.path)
        self.meter.finish(1, self.sizes.get(read.path, 0))
        if step:
            self.meter.tell(step, read.path)

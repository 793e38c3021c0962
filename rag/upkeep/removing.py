"""Take documents out of a library, say something of them, or delete the library; files on disk stay."""

from __future__ import annotations

import fnmatch
import shutil
from typing import TYPE_CHECKING

from rag.store.changes import remove_file, remove_source, set_metadata
from rag.store.chroma_server import ChromaServer, delete_collection
from rag.store.database import DATABASE_NAME, require_library, transaction, translated_errors
from rag.store.indexes import index_directory
from rag.store.records import KnownFile, read_files
from rag.store.write_lock import write_lock
from rag.store.writer import writing
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rag.library import Library


def remove_documents(library: Library, targets: Sequence[str]) -> tuple[str, ...]:
    """Forget files and the documents that are left without one; the paths that were forgotten.

    Args:
        library: to take them out of.
        targets: each a document's id, a file's path or the end of it, a folder, or a shell pattern such as
            ``*.pdf``.

    Raises:
        LibraryError: a target names nothing that the library has; nothing is removed then.
        LibraryBusyError: another process writes.
    """
    with writing(library.directory, library.embedder, library.chroma) as writer:
        paths = _named(writer.connection, targets)
        with transaction(writer.connection, library.directory):
            for path in paths:
                remove_file(writer.connection, path)
            for target in targets:
                remove_source(writer.connection, target)
        writer.follow(lambda _: None)
    return paths


def describe_documents(
    library: Library, targets: Sequence[str], metadata: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Say something of files, in place of what was said under the same keys; the paths that were meant.

    Raises:
        LibraryError: a target names nothing that the library has; nothing is changed then.
        LibraryBusyError: another process writes.
    """
    with writing(library.directory, library.embedder, library.chroma) as writer:
        paths = _named(writer.connection, targets)
        with transaction(writer.connection, library.directory):
            for path in paths:
                set_metadata(writer.connection, path, metadata)
    return paths


def delete_library(directory: Path, *, chroma: ChromaServer | None = None) -> None:
    """Delete a library with its indexes, on the server too.

    Raises:
        LibraryError: there is none.
        LibraryBusyError: another process writes.
    """
    require_library(directory)
    with write_lock(directory), translated_errors(directory):
        indexes = index_directory(directory, "")
        if chroma is not None and indexes.is_dir():
            for folder in indexes.iterdir():
                delete_collection(folder, chroma)
        # The text goes first: without it, what is left over is no library.
        for path in directory.glob(f"{DATABASE_NAME}*"):
            path.unlink()
    with translated_errors(directory):
        shutil.rmtree(directory)


def _named(connection: sqlite3.Connection, targets: Sequence[str]) -> tuple[str, ...]:
    """The files that the targets mean, each once."""
    known = read_files(connection)
    paths: dict[str, None] = {}
    for target in targets:
        found = [path for path, file in known.items() if _is_meant(file, target)]
        if not found:
            raise LibraryError(
                f"the library has no document {target!r}; an id, a path or a pattern like '*.pdf' names one",
                hint="stillroom sources",
            )
        paths.update(dict.fromkeys(found))
    return tuple(paths)


def _is_meant(file: KnownFile, target: str) -> bool:
    if target in {file.document_id, file.path} or file.path.startswith(target.rstrip("/") + "/"):
        return True
    if file.path.endswith(f"/{target}"):
        return True
    pattern = target if target.startswith("/") else f"*/{target}"
    return any(sign in target for sign in "*?[") and fnmatch.fnmatchcase(file.path, pattern)

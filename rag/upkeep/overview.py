"""How much a library holds and takes, from its file alone: no embedder, no index is opened."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.store.database import DATABASE_NAME, open_database, require_library, translated_errors
from rag.store.records import read_settled, read_sources
from stillroom.errors import EnvironmentUnfitError, LibraryError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Overview:
    """A library in figures.

    Attributes:
        files: that hold its documents; more than ``documents`` where a text is in several.
        failures: files that the last ingest of theirs could not read.
        fingerprint: what its indexes were made with; empty before the first ingest.
        formats: documents by format.
        languages: documents by language.
        sources: the paths that were given to ingest.
        bytes_on_disk: by part: ``text``, ``indexes`` and ``other``.
        trouble: why it cannot be read, in which case the other figures say nothing; else empty.
    """

    name: str
    directory: str
    documents: int
    files: int
    passages: int
    characters: int
    failures: int
    fingerprint: str
    formats: Mapping[str, int]
    languages: Mapping[str, int]
    sources: tuple[str, ...]
    bytes_on_disk: Mapping[str, int]
    trouble: str = ""


def find_libraries(libraries: Path) -> tuple[Path, ...]:
    """The folders that hold a library, by name."""
    if not libraries.is_dir():
        return ()
    return tuple(sorted(folder for folder in libraries.iterdir() if (folder / DATABASE_NAME).is_file()))


def overviews(libraries: Path) -> tuple[Overview, ...]:
    """Every library in figures; one that cannot be read says so and hides no other."""
    return tuple(overview_or_trouble(directory) for directory in find_libraries(libraries))


def overview_or_trouble(directory: Path) -> Overview:
    """The library in ``directory`` in figures, or why it cannot be read."""
    try:
        return overview(directory)
    except (LibraryError, EnvironmentUnfitError) as error:
        return _unreadable(directory, error.message)


def _unreadable(directory: Path, trouble: str) -> Overview:
    return Overview(
        name=directory.name,
        directory=str(directory),
        documents=0,
        files=0,
        passages=0,
        characters=0,
        failures=0,
        fingerprint="",
        formats={},
        languages={},
        sources=(),
        bytes_on_disk=_bytes_by_part(directory),
        trouble=trouble,
    )


def overview(directory: Path) -> Overview:
    """The library in ``directory``, in figures.

    Raises:
        LibraryError: there is none, or a newer Stillroom wrote it.
        LibraryDamagedError: its file cannot be read.
    """
    require_library(directory)
    with contextlib.closing(open_database(directory)) as connection, translated_errors(directory):
        documents, characters = _row(
            connection, "SELECT count(*), coalesce(sum(length(text)), 0) FROM documents"
        )
        (passages,) = _row(connection, "SELECT count(*) FROM passages")
        (files,) = _row(connection, "SELECT count(*) FROM files WHERE document_id IS NOT NULL")
        (failures,) = _row(connection, "SELECT count(*) FROM failures")
        by_format = connection.execute("SELECT format, count(*) FROM documents GROUP BY 1 ORDER BY 2 DESC, 1")
        by_language = connection.execute("SELECT language, count(*) FROM documents GROUP BY 1 ORDER BY 1")
        return Overview(
            name=directory.name,
            directory=str(directory),
            documents=documents,
            files=files,
            passages=passages,
            characters=characters,
            failures=failures,
            fingerprint=read_settled(connection).fingerprint,
            formats=dict(by_format.fetchall()),
            languages=dict(by_language.fetchall()),
            sources=read_sources(connection),
            bytes_on_disk=_bytes_by_part(directory),
        )


def _row(connection: sqlite3.Connection, query: str) -> tuple[int, ...]:
    row: tuple[int, ...] = connection.execute(query).fetchone()
    return row


def _bytes_by_part(directory: Path) -> dict[str, int]:
    sizes = {"text": 0, "indexes": 0, "other": 0}
    for path in directory.rglob("*"):
        # A writer may remove one meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                top = path.relative_to(directory).parts[0]
                part = "text" if top.startswith(DATABASE_NAME) else top if top == "indexes" else "other"
                sizes[part] += path.stat().st_size
    return sizes

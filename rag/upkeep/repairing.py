"""Mend a library: make its indexes again from the text, and save what a damaged SQLite file still gives.

Nothing is deleted before its replacement is complete; a damaged file is put aside, never removed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.store.database import DATABASE_NAME, open_database, transaction, translated_errors
from rag.store.tables import SCHEMA_VERSION
from rag.store.write_lock import write_lock
from rag.store.writer import rebuild_indexes
from rag.upkeep.checking import Finding, check
from stillroom.errors import LibraryDamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rag.embedders import Embedder
    from rag.store.chroma_server import ChromaServer

# Parents before the rows that point at them.
_TABLES = ("meta", "sources", "documents", "files", "file_metadata", "failures", "sections")
# What SQLite keeps beside its file until it is folded in.
_BESIDE = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair found and did.

    Attributes:
        findings: what was wrong before.
        saved: documents that a damaged SQLite file still gave; None where it was sound.
        put_aside: where the damaged file is now; empty where it was sound.
        indexed: passages put into new indexes.
    """

    findings: tuple[Finding, ...]
    saved: int | None = None
    put_aside: str = ""
    indexed: int = 0


def repair(
    directory: Path,
    embedder: Embedder,
    *,
    chroma: ChromaServer | None = None,
    on_indexed: Callable[[int], None] = lambda _: None,
) -> Repair:
    """Look at everything, and make again what is wrong and can be made again.

    Raises:
        LibraryBusyError: another process writes.
        LibraryDamagedError: the SQLite file gives no document at all; it is where it was.
    """
    try:
        findings = check(directory, chroma=chroma)
        damaged = any(finding.part == "truth" for finding in findings)
    except LibraryDamagedError as error:
        findings, damaged = (Finding("truth", error.message),), True
    if not findings:
        return Repair(())
    saved, put_aside = _save(directory) if damaged else (None, "")
    indexed = 0

    def count(passages: int) -> None:
        nonlocal indexed
        indexed += passages
        on_indexed(passages)

    rebuild_indexes(directory, embedder, on_indexed=count, chroma=chroma)
    return Repair(findings, saved, put_aside, indexed)


def _save(directory: Path) -> tuple[int, str]:
    """Copy every row that can still be read into a new file, and put the damaged one aside."""
    broken = directory / DATABASE_NAME
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    aside = directory / f"{DATABASE_NAME}.damaged-{stamp}"
    making = directory / "saved"
    with write_lock(directory), translated_errors(directory):
        shutil.rmtree(making, ignore_errors=True)
        with contextlib.closing(open_database(making)) as fresh:
            with transaction(fresh, making):
                saved = _copy(broken, fresh)
            # Fold everything into the one file that is moved.
            fresh.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not saved:
            shutil.rmtree(making)
            raise LibraryDamagedError(
                f"the library file {broken} gives no document any more",
                hint=f"mv {directory} {directory}.damaged, then: "
                f"stillroom ingest PATH --library {directory.name}",
            )
        broken.rename(aside)
        for suffix in _BESIDE:
            (directory / f"{DATABASE_NAME}{suffix}").unlink(missing_ok=True)
        (making / DATABASE_NAME).rename(broken)
        shutil.rmtree(making)
    return saved, aside.name


def _copy(broken: Path, fresh: sqlite3.Connection) -> int:
    """Rows of the damaged file, each that can be read and fits; the number of documents.

    Passages are left out: they are cut again from the text.
    """
    with contextlib.closing(sqlite3.connect(f"file:{broken}?mode=ro", uri=True)) as old:
        if _form(old) != SCHEMA_VERSION:
            return 0
        for table in _TABLES:
            for row in _readable_rows(old, table):
                marks = ", ".join("?" * len(row))
                with contextlib.suppress(sqlite3.IntegrityError):
                    fresh.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608
    # The indexes that it names hold what was lost, too.
    fresh.execute("DELETE FROM meta WHERE key IN ('index_name', 'fingerprint')")
    fresh.execute("DELETE FROM documents WHERE path NOT IN (SELECT path FROM files)")
    (saved,) = fresh.execute("SELECT count(*) FROM documents").fetchone()
    return int(saved)


def _form(old: sqlite3.Connection) -> int:
    try:
        (version,) = old.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError:
        return 0
    return int(version)


def _readable_rows(old: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    """The table's rows from both of its ends: a damaged page between them hides only its own."""
    key = {"meta": "key", "sections": "document_id, position", "documents": "rowid"}.get(table, "path")
    seen: set[tuple[object, ...]] = set()
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{column.strip()} {direction}" for column in key.split(","))
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in old.execute(f"SELECT * FROM {table} ORDER BY {order}"):  # noqa: S608 (our own names)
                if row[:2] not in seen:
                    seen.add(row[:2])
                    yield row

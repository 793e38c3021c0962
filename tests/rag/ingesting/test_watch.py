"""Watching: the library follows what happens to files, as the real file system tells it."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.ingesting.watch import watch
from rag.library import Library
from rag.store.write_lock import write_lock
from stillroom.errors import LibraryBusyError
from tests.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rag.embedders import Embedder
    from rag.ingesting.report import IngestReport
    from stillroom.errors import StillroomError


@dataclass
class Seen:
    """What a watch has told so far."""

    reports: list[IngestReport] = field(default_factory=list)
    errors: list[StillroomError] = field(default_factory=list)

    def sums(self) -> dict[str, int]:
        """The counts of all reports together that are not nought."""
        names = ("added", "replaced", "removed", "renamed", "duplicates")
        sums = {name: sum(getattr(report, name) for report in self.reports) for name in names}
        return {name: count for name, count in sums.items() if count}

    def reach(self, **wanted: int) -> bool:
        """Whether the sums come to be these, and no others."""
        return wait_until(lambda: self.sums() == wanted)


@contextlib.contextmanager
def watching(library: Library, *paths: Path) -> Iterator[Seen]:
    """A watch in a thread, ended at the end of the block."""
    seen = Seen()
    stop = threading.Event()
    thread = threading.Thread(
        target=watch,
        args=(library, paths),
        kwargs={"stop": stop, "on_report": seen.reports.append, "on_error": seen.errors.append},
    )
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(timeout=120)
        assert not thread.is_alive()


def titles(directory: Path, embedder: Embedder) -> set[str]:
    with Library.open(directory, embedder=embedder) as library:
        return {document.title for document in library.documents()}


def test_it_follows_what_is_written_renamed_and_deleted(
    library: Library, folder: Path, embedder: Embedder
) -> None:
    with watching(library, folder) as seen:
        assert seen.reach(added=2)
        (folder / "new").mkdir()
        (folder / "new" / "a.md").write_text("# Sparse\n\nSparse attention skips tokens.\n")
        assert seen.reach(added=3)
        (folder / "new" / "a.md").write_text("# Rotary\n\nRotary embeddings turn pairs.\n")
        assert seen.reach(added=3, replaced=1)
        (folder / "new" / "a.md").rename(folder / "b.md")
        assert seen.reach(added=3, replaced=1, renamed=1)
        (folder / "b.md").unlink()
        assert seen.reach(added=3, replaced=1, renamed=1, removed=1)
    assert seen.errors == []
    assert titles(library.directory, embedder) == {"Attention", "知识蒸馏"}


def test_a_burst_is_taken_together_and_scratch_files_never(library: Library, folder: Path) -> None:
    with watching(library, folder) as seen:
        assert seen.reach(added=2)
        # However slowly they are written here, the watch does not write before they all are.
        with locked(library.directory):
            for number in range(20):
                (folder / f"{number}.md~").write_text("scratch")
                (folder / f".{number}.md.swp").write_text("scratch")
                # As editors save: beside, then over it.
                (folder / f"{number}.tmp").write_text(f"# Title {number}\n\nText {number}.\n")
                (folder / f"{number}.tmp").rename(folder / f"{number}.md")
        assert seen.reach(added=22)
    assert len(seen.reports) <= 4
    assert all(report.failed == () for report in seen.reports)


def test_others_may_write_between_two_changes(library: Library, folder: Path) -> None:
    with watching(library, folder) as seen:
        assert seen.reach(added=2)
        # Whoever wants the lock gets it, and while it is held the watch waits.
        with locked(library.directory):
            (folder / "c.md").write_text("# Sparse\n\nSparse attention skips tokens.\n")
            assert not wait_until(lambda: seen.sums() != {"added": 2}, seconds=2)
        assert seen.reach(added=3)
    assert seen.errors == []


def test_a_folder_that_is_not_there_is_waited_for(library: Library, folder: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    folder.rename(away)
    with watching(library, folder) as seen:
        assert wait_until(lambda: len(seen.reports) == 1)
        away.rename(folder)
        assert seen.reach(added=2)
        folder.rename(away)
        away.rename(folder)
        (folder / "c.md").write_text("# Sparse\n\nSparse attention skips tokens.\n")
        assert seen.reach(added=3)


def test_a_change_of_an_ignore_file_is_followed(library: Library, folder: Path) -> None:
    with watching(library, folder) as seen:
        assert seen.reach(added=2)
        (folder / ".stillroomignore").write_text("attention.md\n")
        assert seen.reach(added=2, removed=1)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the library's lock, once the watch lets go of it."""
    with contextlib.ExitStack() as held:

        def taken() -> bool:
            try:
                held.enter_context(write_lock(directory))
            except LibraryBusyError:
                return False
            return True

        assert wait_until(taken)
        yield

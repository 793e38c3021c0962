"""A dry run: what an ingest would do, told without a lock, an embedder or a byte written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.ingesting.ingest import ingest
from rag.ingesting.preview import preview

if TYPE_CHECKING:
    from pathlib import Path

    from rag.library import Library


def names(paths: list[str]) -> list[str]:
    return [path.rpartition("/")[2] for path in paths]


def test_without_a_library_every_file_would_be_added_and_none_is_made(tmp_path: Path, folder: Path) -> None:
    (folder / "empty.txt").write_bytes(b"")
    found = preview(tmp_path / "nowhere", [folder])
    assert names(found.added) == ["attention.md", "蒸馏.txt"]
    assert [failed.path for failed in found.failed] == [str(folder / "empty.txt")]
    assert not (tmp_path / "nowhere").exists()


def test_it_tells_what_the_ingest_after_it_then_does(library: Library, folder: Path) -> None:
    (folder / "old.md").write_text("# Old\n\nAn old text.\n")
    (folder / "gone.md").write_text("# Gone\n\nA text that goes.\n")
    ingest(library, [folder])
    (folder / "old.md").rename(folder / "new.md")
    (folder / "gone.md").unlink()
    (folder / "attention.md").write_text("# Sparse\n\nSparse attention skips tokens.\n")
    (folder / "copy.txt").write_bytes((folder / "蒸馏.txt").read_bytes())
    (folder / "added.md").write_text("# Added\n\nA text that comes.\n")
    (folder / "ignored.log").write_text("ignored")
    (folder / ".stillroomignore").write_text("*.log\n")
    before = (library.directory / "library.sqlite3").read_bytes()

    found = preview(library.directory, [folder])

    assert (library.directory / "library.sqlite3").read_bytes() == before
    assert names(found.added) == ["added.md"]
    assert names(found.replaced) == ["attention.md"]
    assert names(found.duplicates) == ["copy.txt"]
    assert names(found.removed) == ["gone.md"]
    assert names(found.ignored) == ["ignored.log"]
    assert found.renamed == [(str(folder / "old.md"), str(folder / "new.md"))]
    report = ingest(library, [folder])
    assert (report.added, report.replaced, report.duplicates, report.removed, report.renamed) == (
        1,
        1,
        1,
        1,
        1,
    )
    assert report.unchanged == len(found.unchanged) == 1

"""Ingest: only what changed is done, what was deleted goes, and one bad file stops no other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rag.ingesting.ingest import IngestProgress, ingest
from rag.ingesting.report import Meter
from rag.parsers import MAX_FILE_BYTES
from rag.retrieval.retrieve import retrieve

if TYPE_CHECKING:
    from rag.library import Library


def titles(library: Library) -> list[str]:
    return [document.title for document in library.documents()]


def assert_indexes_agree(library: Library) -> None:
    counts = library.counts()
    assert counts.passages == counts.vectors == counts.words


def test_a_second_ingest_changes_nothing(library: Library, folder: Path) -> None:
    first = ingest(library, [folder])
    second = ingest(library, [folder])
    assert (first.added, first.unchanged, first.passages) == (2, 0, 2)
    assert (second.added, second.unchanged, second.passages) == (0, 2, 0)


def test_a_changed_file_is_replaced_whole(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    before = library.documents()[0].id
    (folder / "attention.md").write_text("# Sparse\n\nSparse attention skips tokens.\n", encoding="utf-8")
    report = ingest(library, [folder])
    assert (report.replaced, report.unchanged) == (1, 1)
    assert library.documents()[0].id != before
    assert titles(library) == ["Sparse", "知识蒸馏"]
    assert all("Grouped" not in hit.passage.text for hit in retrieve(library, "grouped-query attention"))
    assert_indexes_agree(library)


def test_a_deleted_file_is_removed(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    (folder / "attention.md").unlink()
    report = ingest(library, [folder])
    assert (report.removed, report.unchanged) == (1, 1)
    assert titles(library) == ["知识蒸馏"]
    assert_indexes_agree(library)


def test_a_hidden_file_that_was_named_itself_outlives_an_ingest_of_its_folder(
    library: Library, folder: Path
) -> None:
    (folder / ".notes.txt").write_text("Hidden notes")
    ingest(library, [folder / ".notes.txt"])
    assert ingest(library, [folder]).removed == 0
    assert "Hidden notes" in titles(library)


def test_a_link_whose_target_is_away_keeps_its_document(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk.txt").write_text("Far away")
    (folder / "link.txt").symlink_to(tmp_path / "disk.txt")
    ingest(library, [folder])
    (tmp_path / "disk.txt").unlink()
    report = ingest(library, [folder])
    assert (report.removed, len(report.failed)) == (0, 1)
    assert "Far away" in titles(library)


def test_ingesting_one_folder_leaves_the_others_documents(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    ingest(library, [folder])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.txt").write_text("Another text.")
    assert ingest(library, [elsewhere]).removed == 0
    assert len(titles(library)) == 3
    assert library.sources() == (str(folder), str(elsewhere))


def test_a_path_that_is_gone_keeps_its_documents(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    folder.rename(folder.with_name("unplugged"))
    report = ingest(library, [folder])
    assert report.removed == 0
    assert report.failed[0].reason == "it does not exist"
    assert len(titles(library)) == 2


def test_a_bad_file_is_reported_and_the_others_go_on(library: Library, folder: Path) -> None:
    (folder / "a-broken.pdf").write_bytes(b"%PDF-1.7 cut")
    (folder / "empty.txt").write_bytes(b"")
    report = ingest(library, [folder])
    assert report.added == 2
    assert [failed.path.rpartition("/")[2] for failed in report.failed] == ["a-broken.pdf", "empty.txt"]
    assert all(failed.reason and failed.hint for failed in report.failed)


def test_a_file_that_breaks_keeps_what_the_library_had(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    (folder / "attention.md").write_bytes(b"")
    report = ingest(library, [folder])
    assert len(report.failed) == 1
    assert "Attention" in titles(library)


def test_hidden_files_and_folders_are_passed_over(library: Library, folder: Path) -> None:
    (folder / ".secret.txt").write_text("hidden")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.txt").write_text("hidden")
    assert ingest(library, [folder]).added == 2


def test_links_in_a_circle_end(library: Library, folder: Path) -> None:
    (folder / "again").symlink_to(folder, target_is_directory=True)
    (folder / "copy.md").symlink_to(folder / "attention.md")
    (folder / "nowhere.md").symlink_to(folder / "missing.md")
    report = ingest(library, [folder])
    assert report.added == 2
    assert [failed.reason for failed in report.failed] == ["it is a link to nothing"]


def test_the_same_content_at_two_paths_is_found_once(library: Library, folder: Path) -> None:
    (folder / "copy.md").write_bytes((folder / "attention.md").read_bytes())
    ingest(library, [folder])
    texts = [hit.passage.text for hit in retrieve(library, "grouped-query attention")]
    assert len(texts) == len(set(texts))
    (folder / "attention.md").unlink()
    ingest(library, [folder])
    assert retrieve(library, "grouped-query attention")[0].passage.path == str(folder / "copy.md")


def test_a_file_that_is_too_large_is_refused_unread(library: Library, folder: Path) -> None:
    with (folder / "large.txt").open("wb") as large:
        large.truncate(MAX_FILE_BYTES + 1)
    report = ingest(library, [folder])
    assert "67,108,865 bytes; at most 67,108,864" in report.failed[0].reason


def test_a_file_that_cannot_be_read_is_reported(library: Library, folder: Path) -> None:
    # A link to itself: nobody can read that, not even root, whom permissions do not stop.
    (folder / "loop.txt").symlink_to("loop.txt")
    report = ingest(library, [folder])
    assert report.failed[0].path.endswith("loop.txt")
    assert "cannot be read: Too many levels" in report.failed[0].reason
    assert report.added == 2


def test_progress_counts_files_up_to_the_total(library: Library, folder: Path) -> None:
    seen: list[IngestProgress] = []
    ingest(library, [folder], on_progress=seen.append)
    assert {progress.files_total for progress in seen} == {2}
    assert {progress.step for progress in seen} == {"embedding", "indexing"}
    done = [(progress.files_done, progress.passages) for progress in seen]
    assert done == sorted(done)
    assert done[-1] == (2, 2)


def test_the_time_left_is_told_by_the_bytes_that_are_left() -> None:
    seen: list[IngestProgress] = []
    now = [0.0]
    meter = Meter(4, 1_000, seen.append, clock=lambda: now[0])
    meter.skip(1, 200)
    now[0] = 10.0
    meter.tell("embedding", "a")
    meter.passages = 50
    meter.finish(1, 200)
    meter.tell("indexing", "a")
    assert [progress.seconds_left for progress in seen] == [None, 30.0]
    assert seen[-1].passages_per_s == 5.0


def test_a_name_that_cannot_be_shown_is_one_failed_file(library: Library, folder: Path) -> None:
    (folder / "red\x1b[31m.txt").write_text("red")
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.txt")).write_text("bad")
    report = ingest(library, [folder])
    assert report.added == 2
    assert {Path(failure.path).name for failure in report.failed} == {"red\\x1b[31m.txt", "bad\\udcff.txt"}
    assert [failure.path for failure in library.failures()] == [failure.path for failure in report.failed]

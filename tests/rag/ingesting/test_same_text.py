"""Files that move, are copied or hold the same text: it is read and stored once, with all its paths."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from rag.ingesting.ingest import IngestOptions, ingest
from rag.retrieval.retrieve import retrieve

if TYPE_CHECKING:
    from pathlib import Path

    from rag.ingesting.report import IngestReport
    from rag.library import Library

TEXT = "# Attention\n\nGrouped-query attention shares keys and values among heads.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one document that has a title of its own."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.md").write_text(TEXT)
    return folder


def counted(report: IngestReport) -> dict[str, int]:
    """The counts that are not nought."""
    names = ("added", "replaced", "unchanged", "removed", "renamed", "duplicates")
    return {name: count for name in names if (count := getattr(report, name))}


def paths(library: Library) -> list[tuple[str, ...]]:
    documents = library.documents()
    return [
        tuple(path.rpartition("/")[2] for path in (document.path, *document.other_paths))
        for document in documents
    ]


def assert_indexes_agree(library: Library) -> None:
    counts = library.counts()
    assert counts.passages == counts.vectors == counts.words


def test_a_renamed_file_keeps_its_document_and_what_was_said_of_it(library: Library, folder: Path) -> None:
    ingest(library, [folder], options=IngestOptions(metadata={"tag": ("kept",)}))
    before = library.documents()[0].id
    (folder / "deeper").mkdir()
    (folder / "a.md").rename(folder / "deeper" / "b.md")
    report = ingest(library, [folder])
    assert counted(report) == {"renamed": 1}
    assert report.embed_seconds == 0
    (document,) = library.documents()
    assert (document.id, document.path) == (before, str(folder / "deeper" / "b.md"))
    assert document.metadata["tag"] == ("kept",)
    assert_indexes_agree(library)


def test_a_renamed_file_whose_title_was_its_name_gets_a_new_title(library: Library, folder: Path) -> None:
    (folder / "old-name.txt").write_text("A line of text, and no title.\nAnother line.\n")
    ingest(library, [folder], options=IngestOptions(metadata={"tag": ("kept",)}))
    (folder / "old-name.txt").rename(folder / "new-name.txt")
    assert counted(ingest(library, [folder])) == {"renamed": 1, "unchanged": 1}
    (document,) = [one for one in library.documents() if one.format == "text"]
    assert (document.title, document.metadata["tag"]) == ("new-name", ("kept",))
    assert retrieve(library, "new-name")[0].passage.document_title == "new-name"
    assert_indexes_agree(library)


def test_a_folder_that_is_renamed_is_renamed_files(library: Library, folder: Path) -> None:
    for name in ("x", "y", "z"):
        (folder / "old").mkdir(exist_ok=True)
        (folder / "old" / f"{name}.md").write_text(f"# Title {name}\n\nText of {name}.\n")
    ingest(library, [folder])
    (folder / "old").rename(folder / "new")
    assert counted(ingest(library, [folder])) == {"renamed": 3, "unchanged": 1}
    assert_indexes_agree(library)


def test_a_copy_is_one_more_path_of_the_same_document(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    (folder / "copy.md").write_text(TEXT)
    report = ingest(library, [folder])
    assert counted(report) == {"unchanged": 1, "duplicates": 1}
    assert report.passages == 0
    assert paths(library) == [("a.md", "copy.md")]


def test_the_same_text_in_other_bytes_is_stored_once(library: Library, folder: Path) -> None:
    (folder / "crlf.md").write_bytes(TEXT.replace("\n", "\r\n").encode() + b"\n\n")
    (folder / "utf16.md").write_bytes(TEXT.encode("utf-16"))
    report = ingest(library, [folder])
    assert counted(report) == {"added": 1, "duplicates": 2}
    assert library.counts().documents == 1
    assert_indexes_agree(library)


def test_when_the_file_that_was_read_goes_the_other_takes_its_place(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    # Other bytes and other line numbers, so that it has to be read again.
    (folder / "spaced.md").write_text(TEXT.replace("\n\n", "\n\n\n\n\n"))
    ingest(library, [folder])
    (folder / "a.md").unlink()
    assert counted(ingest(library, [folder])) == {"removed": 1, "unchanged": 1}
    assert paths(library) == [("spaced.md",)]
    (hit,) = retrieve(library, "grouped-query attention")
    (document,) = library.documents()
    assert library.document_text(document.id) == (folder / "spaced.md").read_text().rstrip("\n") + "\n"
    assert hit.passage.path == str(folder / "spaced.md")
    assert_indexes_agree(library)


def test_when_the_file_that_was_read_changes_the_other_keeps_the_text(library: Library, folder: Path) -> None:
    (folder / "copy.md").write_text(TEXT)
    ingest(library, [folder])
    read_from = library.documents()[0].path
    (folder / read_from).write_text("# Sparse\n\nSparse attention skips tokens.\n")
    assert counted(ingest(library, [folder])) == {"replaced": 1, "unchanged": 1}
    assert sorted(document.title for document in library.documents()) == ["Attention", "Sparse"]
    assert_indexes_agree(library)


def test_two_files_that_swap_names_are_two_replaced_files(library: Library, folder: Path) -> None:
    (folder / "b.md").write_text("# Sparse\n\nSparse attention skips tokens.\n")
    ingest(library, [folder])
    (folder / "a.md").rename(folder / "c")
    (folder / "b.md").rename(folder / "a.md")
    (folder / "c").rename(folder / "b.md")
    ingest(library, [folder])
    titles = {document.path.rpartition("/")[2]: document.title for document in library.documents()}
    assert titles == {"a.md": "Sparse", "b.md": "Attention"}
    assert_indexes_agree(library)


def test_a_file_is_recognized_as_unchanged_without_being_read_once_its_times_prove_it(
    library: Library, folder: Path
) -> None:
    ingest(library, [folder])
    first = ingest(library, [folder])
    assert counted(first) == {"unchanged": 1}


def test_a_change_that_keeps_size_and_time_is_seen(library: Library, folder: Path) -> None:
    import os

    ingest(library, [folder])
    stamp = (folder / "a.md").stat()
    (folder / "a.md").write_text(TEXT.replace("Grouped", "Grooped"))
    os.utime(folder / "a.md", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert counted(ingest(library, [folder])) == {"replaced": 1}


def test_tags_reach_files_that_are_unchanged(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    ingest(library, [folder], options=IngestOptions(metadata={"tag": ("late",), "year": ("2026",)}))
    assert library.documents()[0].metadata["tag"] == ("late",)
    assert library.documents()[0].metadata["year"] == ("2026",)


def archive(path: Path, **members: str) -> None:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, text in members.items():
            zipped.writestr(f"{name}.md", text)


def test_an_archives_members_are_documents_that_follow_it(library: Library, folder: Path) -> None:
    archive(folder / "z.zip", one="# One\n\nThe first member.\n", two="# Two\n\nThe second member.\n")
    assert counted(ingest(library, [folder])) == {"added": 3}
    assert counted(ingest(library, [folder]))["unchanged"] == 2
    archive(folder / "z.zip", one="# One\n\nThe first member.\n", three="# Three\n\nThe third member.\n")
    assert counted(ingest(library, [folder])) == {"added": 1, "unchanged": 2, "removed": 1}
    assert retrieve(library, "third member")[0].passage.path == str(folder / "z.zip!" / "three.md")
    (folder / "z.zip").rename(folder / "y.zip")
    assert counted(ingest(library, [folder])) == {"renamed": 1, "unchanged": 1}
    assert tuple(document.path.removeprefix(f"{folder}/") for document in library.documents()[1:]) == (
        "y.zip!/one.md",
        "y.zip!/three.md",
    )
    (folder / "y.zip").unlink()
    ingest(library, [folder])
    assert paths(library) == [("a.md",)]
    assert_indexes_agree(library)


def test_a_member_that_fails_is_listed_each_time_and_the_others_stay(library: Library, folder: Path) -> None:
    archive(folder / "z.zip", good="# Good\n\nText.\n", empty="")
    first, second = ingest(library, [folder]), ingest(library, [folder])
    assert [failed.path for failed in first.failed] == [str(folder / "z.zip!" / "empty.md")]
    assert second.failed == first.failed
    assert counted(second) == {"unchanged": 2}
    (folder / "z.zip").unlink()
    assert ingest(library, [folder]).failed == ()
    assert library.failures() == ()


def test_a_file_that_is_ignored_from_now_on_leaves_the_library(library: Library, folder: Path) -> None:
    (folder / "b.md").write_text("# Draft\n\nA draft.\n")
    ingest(library, [folder])
    (folder / ".stillroomignore").write_text("b.md\n")
    assert counted(ingest(library, [folder])) == {"removed": 1, "unchanged": 1}
    assert counted(ingest(library, [folder], options=IngestOptions(ignoring=False)))["added"] == 1


def test_a_library_among_the_documents_is_passed_over(library: Library, folder: Path) -> None:
    report = ingest(library, [folder.parent])
    assert (report.added, report.failed) == (1, ())

"""The truth's changes: one document for each text, whichever files hold it, and nothing lost when they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.document import Section
from rag.passages.chunker import cut_passages, join_sections
from rag.store.changes import (
    StoredDocument,
    StoredFile,
    put_container,
    put_failure,
    put_file,
    remove_file,
    rename_file,
    set_metadata,
)
from rag.store.records import (
    count_indexed_passages,
    read_documents,
    read_failures,
    read_files,
    read_indexed_passages,
    read_passages,
    read_pending,
    read_stale,
)

if TYPE_CHECKING:
    import sqlite3

    from rag.document import Document, SectionKind

TEA = "Green tea is steamed. Black tea is oxidized."


def document(text: str, *, kind: SectionKind = "prose", page: int | None = None) -> StoredDocument:
    joined, sections = join_sections([Section(text, page=page, kind=kind)])
    cuts = cut_passages(joined, sections, lambda piece: len(piece.split()))
    return StoredDocument("Tea", "text", 1, "en", joined, sections, cuts)


def file(path: str, content_hash: str = "", *, container: str | None = None) -> StoredFile:
    return StoredFile(path, content_hash or f"hash of {path}", 10, 1_800_000_000_000_000_000, container)


def only(truth: sqlite3.Connection) -> Document:
    (found,) = read_documents(truth)
    return found


def test_the_same_text_in_two_files_is_one_document_with_both_paths(truth: sqlite3.Connection) -> None:
    put_file(truth, file("/a.txt"), document(TEA))
    put_file(truth, file("/b.docx"), document("Green tea is\nsteamed.  Black tea is oxidized."))
    assert (only(truth).path, only(truth).other_paths) == ("/a.txt", ("/b.docx",))
    assert only(truth).modified == "2027-01-15T08:00:00+00:00"


def test_program_code_that_differs_in_indentation_is_two_documents(truth: sqlite3.Connection) -> None:
    put_file(truth, file("/a.py"), document("if a:\n    b()\nc()\n", kind="code"))
    put_file(truth, file("/b.py"), document("if a:\n    b()\n    c()\n", kind="code"))
    assert len(read_documents(truth)) == 2


def test_a_document_goes_with_its_last_file_and_leaves_its_passages_stale(truth: sqlite3.Connection) -> None:
    put_file(truth, file("/a.txt"), document(TEA))
    put_file(truth, file("/b.txt"), document(TEA))
    passages = {passage.id for passage in read_passages(truth, only(truth).id)}
    assert remove_file(truth, "/b.txt") == ()
    assert only(truth).other_paths == ()
    assert remove_file(truth, "/a.txt") == ()
    assert read_documents(truth) == ()
    assert read_files(truth) == {}
    assert set(read_stale(truth)) == passages


def test_a_copy_with_the_same_bytes_takes_the_place_of_a_file_that_is_gone(
    truth: sqlite3.Connection,
) -> None:
    put_file(truth, file("/a.txt", "same"), document(TEA))
    put_file(truth, file("/b.txt", "same"), document(TEA))
    assert remove_file(truth, "/a.txt") == ()
    assert (only(truth).path, only(truth).content_hash) == ("/b.txt", "same")


def test_a_copy_in_another_form_is_read_again_when_the_first_file_is_gone(truth: sqlite3.Connection) -> None:
    put_file(truth, file("/a.pdf"), document(TEA, page=1))
    put_file(truth, file("/b.txt"), document(TEA))
    assert remove_file(truth, "/a.pdf") == ("/b.txt",)
    # Cut off here, the next ingest would still see that the file is to be read.
    assert read_files(truth)["/b.txt"].content_hash == ""

    put_file(truth, file("/b.txt"), document(TEA))
    assert only(truth).path == "/b.txt"
    assert [passage.page for passage in read_passages(truth, only(truth).id)] == [None]
    assert read_pending(truth) == (only(truth).id,)


def test_a_changed_file_leaves_its_old_text_to_the_others_that_hold_it(truth: sqlite3.Connection) -> None:
    put_file(truth, file("/a.txt", "same"), document(TEA))
    put_file(truth, file("/b.txt", "same"), document(TEA))
    put_file(truth, file("/a.txt", "other"), document("Coffee is roasted."))
    assert {found.path for found in read_documents(truth)} == {"/a.txt", "/b.txt"}
    assert {path: known.content_hash for path, known in read_files(truth).items()} == {
        "/a.txt": "other",
        "/b.txt": "same",
    }


def test_what_a_person_said_of_a_file_outlives_a_change_of_its_text(truth: sqlite3.Connection) -> None:
    tagged = StoredFile("/a.txt", "1", metadata={"tag": ("tea", "drink")})
    put_file(truth, tagged, document(TEA))
    put_file(truth, file("/a.txt", "2"), document("Coffee is roasted."))
    assert only(truth).metadata == {"tag": ("drink", "tea")}
    set_metadata(truth, "/a.txt", {"tag": ["coffee"]})
    assert only(truth).metadata == {"tag": ("coffee",)}


def test_a_renamed_file_keeps_its_document_and_what_was_said_of_it(truth: sqlite3.Connection) -> None:
    put_file(truth, StoredFile("/a.txt", "1", metadata={"tag": ("tea",)}), document(TEA))
    before = only(truth)
    rename_file(truth, "/a.txt", "/b.txt", modified_ns=0)
    assert (only(truth).id, only(truth).path, only(truth).metadata) == (before.id, "/b.txt", before.metadata)
    assert list(read_files(truth)) == ["/b.txt"]
    assert read_stale(truth) == ()


def test_what_an_archive_held_goes_and_moves_with_it(truth: sqlite3.Connection) -> None:
    put_container(truth, file("/a.zip"))
    put_file(truth, file("/a.zip!/tea.txt", container="/a.zip"), document(TEA))
    rename_file(truth, "/a.zip", "/b.zip", modified_ns=5)
    assert only(truth).path == "/b.zip!/tea.txt"
    assert read_files(truth)["/b.zip!/tea.txt"].container == "/b.zip"
    remove_file(truth, "/b.zip")
    assert read_documents(truth) == ()
    assert read_files(truth) == {}


def test_a_failure_is_remembered_until_the_file_can_be_read(truth: sqlite3.Connection) -> None:
    put_failure(truth, "/a.txt", "it is damaged", "mend it")
    assert [(failure.path, failure.reason) for failure in read_failures(truth)] == [
        ("/a.txt", "it is damaged")
    ]
    put_file(truth, file("/a.txt"), document(TEA))
    assert read_failures(truth) == ()


def test_words_that_a_document_repeats_are_indexed_once(truth: sqlite3.Connection) -> None:
    rows = "\n".join(["| 0 | 0 | 0 |"] * 300)
    put_file(truth, file("/zeros.csv"), document(rows, kind="table"))
    found = read_passages(truth, only(truth).id)
    indexed = read_indexed_passages(truth, only(truth).id)
    assert len(found) > 2
    assert len({passage.text for passage in indexed}) == len(indexed) < len(found)
    assert count_indexed_passages(truth) == len(indexed)

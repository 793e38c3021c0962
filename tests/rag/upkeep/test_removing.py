"""Documents leave a library by id, path, folder or pattern; what is said of them finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rag.ingesting.ingest import ingest
from rag.retrieval.retrieve import retrieve
from rag.store.filters import parse_filter
from rag.store.write_lock import write_lock
from rag.upkeep.checking import check
from rag.upkeep.overview import find_libraries, overview, overviews
from rag.upkeep.removing import delete_library, describe_documents, remove_documents
from stillroom.errors import LibraryBusyError, LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from rag.library import Library


@pytest.mark.parametrize("target", ["attention.md", "*.md", "{folder}/attention.md", "{id}"])
def test_a_document_that_was_removed_is_found_no_more(library: Library, folder: Path, target: str) -> None:
    ingest(library, [folder])
    (identity,) = [each.id for each in library.documents() if each.format == "markdown"]
    name = target.format(folder=folder, id=identity)
    assert remove_documents(library, [name]) == (str(folder / "attention.md"),)
    assert all(hit.passage.document_id != identity for hit in retrieve(library, "attention"))
    assert check(library.directory) == ()
    assert (folder / "attention.md").exists()


def test_a_folder_names_all_that_is_below_it(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    assert len(remove_documents(library, [str(folder)])) == 2
    assert library.empty
    assert library.sources() == ()


def test_a_target_that_is_not_there_removes_nothing_else_either(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    with pytest.raises(LibraryError, match="no document 'nope'"):
        remove_documents(library, ["*.md", "nope"])
    assert len(library.documents()) == 2


def test_what_is_said_of_a_document_finds_it(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    describe_documents(library, ["*.txt"], {"tag": ["蒸馏", "draft"]})
    found = library.matching(parse_filter(where=["tag=draft"]))
    assert found is not None
    assert [library.document(identity).metadata["tag"] for identity in found] == [("draft", "蒸馏")]


def test_an_overview_counts_what_is_there(library: Library, folder: Path) -> None:
    (folder / "copy.md").write_bytes((folder / "attention.md").read_bytes())
    (folder / "empty.txt").touch()
    ingest(library, [folder])
    held = overview(library.directory)
    assert (held.documents, held.files, held.passages, held.failures) == (2, 3, 2, 1)
    assert (held.formats, held.languages) == ({"markdown": 1, "text": 1}, {"en": 1, "zh": 1})
    assert held.sources == (str(folder),)
    assert held.bytes_on_disk["text"] > 0
    assert find_libraries(library.directory.parent) == (library.directory,)


def test_a_deleted_library_is_gone_and_one_in_use_is_not_deleted(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    with write_lock(library.directory), pytest.raises(LibraryBusyError):
        delete_library(library.directory)
    library.close()
    delete_library(library.directory)
    assert not library.directory.exists()
    with pytest.raises(LibraryError, match="there is no library in"):
        delete_library(library.directory)


def test_a_damaged_library_hides_no_other_and_can_be_deleted(library: Library, folder: Path) -> None:
    ingest(library, [folder])
    broken = library.directory.parent / "broken"
    broken.mkdir()
    (broken / "library.sqlite3").write_bytes(b"not a database at all" * 500)
    first, second = sorted(overviews(library.directory.parent), key=lambda held: held.name)
    assert "is damaged" in first.trouble
    assert (second.trouble, second.documents) == ("", 2)
    delete_library(broken)
    assert not broken.exists()

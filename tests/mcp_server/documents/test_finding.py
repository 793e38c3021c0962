"""Documents by id, title or file name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcp_server.documents.finding import file_name, find_document
from rag.library import Library
from stillroom.errors import LibraryEmptyError, LibraryError

if TYPE_CHECKING:
    from pathlib import Path

    from agents.services import Services
    from rag.embedders import Embedder


@pytest.mark.parametrize("name", ["水库管理手册", "手册.md", "marlow VALVE", "valve.md"])
def test_a_title_or_file_name_that_one_document_has_finds_it(shelf: Services, name: str) -> None:
    found = find_document(shelf.library(), name)
    assert find_document(shelf.library(), found.id) == found
    assert file_name(found) in {"手册.md", "valve.md"}


def test_a_title_that_two_documents_have_is_refused_with_their_ids(shelf: Services) -> None:
    with pytest.raises(LibraryError, match="2 documents of the library") as caught:
        find_document(shelf.library(), "Yearly report")
    both = [one.id for one in shelf.library().documents() if one.title == "Yearly report"]
    assert all(identity in caught.value.message for identity in both)


@pytest.mark.parametrize("name", ["nothing", "../../etc/passwd", "x" * 5_000, "\x00", "' OR 1=1 --"])
def test_a_name_that_no_document_has_is_refused_with_some_that_are_there(shelf: Services, name: str) -> None:
    with pytest.raises(LibraryError, match=r"has no document .*; it has .*67 in all") as caught:
        find_document(shelf.library(), name)
    assert caught.value.hint == "list_sources shows ids, titles and paths"
    assert len(caught.value.message) < 1_000


def test_nothing_is_found_in_an_empty_library_and_the_command_is_named(
    tmp_path: Path, shelf: Services
) -> None:
    embedder: Embedder = shelf.library().embedder
    with (
        Library.open(tmp_path / "empty", embedder=embedder) as library,
        pytest.raises(LibraryEmptyError, match="is empty") as caught,
    ):
        find_document(library, "x")
    assert caught.value.hint == "stillroom ingest PATH --library empty"

"""The list of documents is read once, and again when somebody has written to the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_server.documents.listing import documents_of
from rag.ingesting.ingest import ingest
from tests.mcp_server.serving import open_library

if TYPE_CHECKING:
    from pathlib import Path


def test_a_list_is_kept_until_another_process_writes(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("The first text is about pumps.")
    with open_library(tmp_path / "library") as library:
        assert documents_of(library) == ()
        with open_library(tmp_path / "library") as other:
            ingest(other, [texts])
        first = documents_of(library)
        assert [document.title for document in first] == ["a"]
        assert documents_of(library) is first

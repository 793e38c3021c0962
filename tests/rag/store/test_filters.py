"""Filters: which documents a search may look at, and that both indexes keep to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rag.document import Section
from rag.passages.chunker import cut_passages, join_sections
from rag.store.changes import StoredDocument, StoredFile, put_file
from rag.store.filters import Filter, matching_documents, parse_filter
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    import sqlite3

DAY_NS = 86_400 * 10**9


@pytest.fixture
def shelf(truth: sqlite3.Connection) -> sqlite3.Connection:
    """Three documents that differ in everything a filter may ask for."""
    for path, language, text, metadata, tags, day in (
        ("/home/li/tax/2025.pdf", "en", "Income.", {"author": "Li Wei", "date": "2025-04-01"}, ("tax",), 0),
        ("/home/li/tax/收入.docx", "zh", "收入。", {"author": "李伟"}, ("tax", "draft"), 20_000),
        ("/home/li/notes.md", "en", "Notes [1]?", {}, (), 20_100),
    ):
        joined, sections = join_sections([Section(text)])
        document = StoredDocument(
            title=path.rsplit("/", maxsplit=1)[-1],
            format="text",
            parser_version=1,
            language=language,
            text=joined,
            sections=sections,
            cuts=cut_passages(joined, sections, len),
            metadata=metadata,
        )
        put_file(truth, StoredFile(path, path, 1, day * DAY_NS, metadata={"tag": tags}), document)
    return truth


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"where": ["tag=tax"]}, {"2025.pdf", "收入.docx"}),
        ({"where": ["tag=TAX", "tag=draft"]}, {"收入.docx"}),
        ({"where": ["tag!=draft"]}, {"2025.pdf", "notes.md"}),
        ({"where": ["author=li*"]}, {"2025.pdf"}),
        ({"where": ["author = 李伟"]}, {"收入.docx"}),
        ({"where": ["title=NOTES.md"]}, {"notes.md"}),
        ({"where": ["tag=t?x"]}, set()),
        ({"where": ["x' OR 1=1 --=y"]}, None),
        ({"paths": ["*.pdf", "notes.*"]}, {"2025.pdf", "notes.md"}),
        ({"paths": ["tax/*"]}, {"2025.pdf", "收入.docx"}),
        ({"paths": ["/home/li/*.md"]}, {"notes.md"}),
        ({"after": "2024-10-04"}, {"2025.pdf", "notes.md", "收入.docx"}),
        ({"after": "2024-10-04", "before": "2024-12-31"}, {"收入.docx"}),
        ({"languages": ["zh"]}, {"收入.docx"}),
        ({"languages": ["en"], "where": ["tag=tax"]}, {"2025.pdf"}),
    ],
)
def test_a_filter_lets_through_what_it_names(
    shelf: sqlite3.Connection, asked: dict[str, Any], expected: set[str] | None
) -> None:
    if expected is None:
        with pytest.raises(LibraryError, match="is no condition"):
            parse_filter(**asked)
        return
    found = matching_documents(shelf, parse_filter(**asked))
    assert found is not None
    titles = dict(shelf.execute("SELECT id, title FROM documents"))
    assert {titles[identity] for identity in found} == expected


def test_an_empty_filter_lets_everything_through(shelf: sqlite3.Connection) -> None:
    assert matching_documents(shelf, Filter()) is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"where": ["tag"]}, "'tag' is no condition: it needs KEY=VALUE"),
        ({"after": "yesterday"}, "'yesterday' is no day"),
        ({"before": "2026-13-01"}, "'2026-13-01' is no day"),
        ({"languages": ["fr"]}, "documents are in 'en' or 'zh', not 'fr'"),
    ],
)
def test_a_filter_that_cannot_be_read_is_named(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(LibraryError, match=message):
        parse_filter(**asked)

"""The lexical index: terms of passages in Tantivy, ranked by BM25, by passage id.

Terms come ready from `rag.tokens`, joined by spaces, so that Chinese and English are cut the same way here
and in every other comparison. It holds nothing that the library's own file does not determine.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rag.store.database import index_error
from rag.tokens import content_terms, index_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import tantivy

# Tantivy's writer asks for at least 15 MB a thread; passages arrive in small batches, so one thread does.
_WRITER_BYTES = 50_000_000


class WordIndex:
    """A Tantivy index with two text fields: ``id``, stored whole, and ``terms``, with frequencies.

    There is no integer field: Python's integers reach Tantivy as signed ones and kill the writer of an
    unsigned field. There are no positions: nothing here searches phrases.

    Raises:
        LibraryDamagedError: Tantivy cannot open or create it; the message carries Tantivy's own.
        EnvironmentUnfitError: no space.
    """

    def __init__(self, directory: Path) -> None:
        import tantivy

        self._directory = directory
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
        self._schema = builder.build()
        with self._translated():
            directory.mkdir(parents=True, exist_ok=True)
            self._index = tantivy.Index(self._schema, path=directory.as_posix())

    def replace(self, stale: Iterable[str], passages: Iterable[tuple[str, str]]) -> None:
        """In one commit, remove ``stale`` ids and put ``(id, text)`` pairs over what their ids held."""
        import tantivy

        with self._translated():
            writer = self._index.writer(heap_size=_WRITER_BYTES, num_threads=1)
            for identity in stale:
                writer.delete_documents_by_term("id", identity)
            for identity, text in passages:
                writer.delete_documents_by_term("id", identity)
                writer.add_document(tantivy.Document(id=identity, terms=" ".join(index_terms(text))))
            writer.commit()
            # Without this, merging goes on in threads that outlive the write lock.
            writer.wait_merging_threads()
            self._index.reload()

    def search(self, query: str, limit: int) -> dict[str, float]:
        """The passage ids that share a term with the query, best first, with their BM25 score."""
        import tantivy

        # Sorted, so that equal questions add their scores in equal order.
        terms = sorted(set(content_terms(query)))
        if not terms:
            return {}
        clauses = [(tantivy.Occur.Should, self._term(term)) for term in terms]
        with self._translated():
            searcher = self._index.searcher()
            found = searcher.search(tantivy.Query.boolean_query(clauses), limit=limit, count=False)
            return {searcher.doc(address)["id"][0]: score for score, address in found.hits}

    def count(self) -> int:
        """How many passages there are."""
        with self._translated():
            return self._index.searcher().num_docs

    def _term(self, term: str) -> tantivy.Query:
        import tantivy

        return tantivy.Query.term_query(self._schema, "terms", term, "freq")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        # The binding raises ValueError for nearly all of Tantivy's errors.
        except (ValueError, RuntimeError, OSError) as error:
            raise index_error("word", self._directory, error) from error

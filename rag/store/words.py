"""The lexical index: terms of passages in Tantivy, ranked by BM25, by passage id.

Terms come ready from `rag.tokens`, joined by spaces, so that Chinese and English are cut the same way here
and in every other comparison. It holds nothing that the library's own file does not determine.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.store.database import index_error
from rag.tokens import index_terms, query_terms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    import tantivy

# Tantivy's writer asks for at least 15 MB a thread; passages arrive in small batches, so one thread does.
_WRITER_BYTES = 50_000_000

# How much a term counts by where it stands. Measured on 2,000 questions each of SQuAD 2.0 and CMRC 2018,
# words alone, R@1 en and zh: one field for all .830 and .981; title at 0 .832 and .980, at 0.25 .832 and
# .982, at 0.5 .831 and .985, at 1 .831 and .987, at 2 .825 and .985.
_BOOSTS = {"title": 0.5, "headings": 0.5, "body": 1.0}

# Up to here Tantivy is given the documents as terms; a longer list costs more than reading on past the hits
# of other documents, since it then lets most of the library through or is a large part of it.
_MOST_DOCUMENT_TERMS = 2_000


@dataclass(frozen=True, slots=True)
class Words:
    """What a passage is found by.

    Attributes:
        id: the passage's.
        document_id: its document's, by which a search is narrowed.
        title: the document's.
        headings: those above the passage, and the head of its table.
        body: its own text.
    """

    id: str
    document_id: str
    title: str
    headings: str
    body: str


class WordIndex:
    """A Tantivy index with the ids of passage and document, and the terms of title, headings and body.

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
        for name in ("id", "document"):
            builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
        for name in _BOOSTS:
            builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
        self._schema = builder.build()
        with self._translated():
            directory.mkdir(parents=True, exist_ok=True)
            self._index = tantivy.Index(self._schema, path=directory.as_posix())

    def replace(self, stale: Iterable[str], passages: Iterable[Words]) -> None:
        """In one commit, remove ``stale`` ids and put passages over what their ids held."""
        import tantivy

        with self._translated():
            writer = self._index.writer(heap_size=_WRITER_BYTES, num_threads=1)
            for identity in stale:
                writer.delete_documents_by_term("id", identity)
            for words in passages:
                writer.delete_documents_by_term("id", words.id)
                terms = {name: " ".join(index_terms(getattr(words, name))) for name in _BOOSTS}
                writer.add_document(tantivy.Document(id=words.id, document=words.document_id, **terms))
            writer.commit()
            # Without this, merging goes on in threads that outlive the write lock.
            writer.wait_merging_threads()
            self._index.reload()

    def search(self, query: str, limit: int, documents: Collection[str] | None = None) -> dict[str, float]:
        """The passage ids that share a term with the query, best first, with their BM25 score.

        Args:
            query: a person's text; it is cut into terms and never read as a query language.
            limit: how many at most.
            documents: ids of the only documents to look into; None for all. Scores are the same as without.
        """
        # Sorted, so that equal questions add their scores in equal order.
        terms = sorted(set(query_terms(query)))
        if not terms or limit < 1 or (documents is not None and not documents):
            return {}
        with self._translated():
            if documents is None:
                return dict(self._hits(self._any_of(terms), limit))
            if len(documents) <= _MOST_DOCUMENT_TERMS:
                return dict(self._hits(self._within(self._any_of(terms), documents), limit))
            return self._past_others(self._any_of(terms), limit, documents)

    def ids(self) -> Iterator[str]:
        """Every passage id, in no order."""
        import tantivy

        with self._translated():
            searcher = self._index.searcher()
            everything = searcher.search(tantivy.Query.all_query(), limit=max(1, searcher.num_docs))
            for _, address in everything.hits:
                yield searcher.doc(address)["id"][0]

    def weights(self, terms: Collection[str]) -> dict[str, float]:
        """Each term's inverse document frequency, as BM25 counts it: high for terms that few passages have.

        Of a term's three fields the one counts that has it most often.
        """
        with self._translated():
            searcher = self._index.searcher()
            passages = searcher.num_docs
            known = {term: max(searcher.doc_freq(name, term) for name in _BOOSTS) for term in terms}
        # A removed passage is counted until its segment is merged, so a frequency may exceed the number.
        return {
            term: math.log(1.0 + max(0.5, passages - frequency + 0.5) / (frequency + 0.5))
            for term, frequency in known.items()
        }

    def count(self) -> int:
        """How many passages there are."""
        with self._translated():
            return self._index.searcher().num_docs

    def _hits(self, query: tantivy.Query, limit: int) -> Iterator[tuple[str, float]]:
        searcher = self._index.searcher()
        for score, address in searcher.search(query, limit=limit, count=False).hits:
            yield searcher.doc(address)["id"][0], score

    def _past_others(self, query: tantivy.Query, limit: int, documents: Collection[str]) -> dict[str, float]:
        """The best of many documents' passages: reads on, twice as far each time, until there are enough."""
        searcher = self._index.searcher()
        wanted, seen, step = {}, 0, 2 * limit
        while True:
            hits = searcher.search(query, limit=step, offset=seen, count=False).hits
            for score, address in hits:
                stored = searcher.doc(address)
                if stored["document"][0] in documents:
                    wanted[stored["id"][0]] = score
                    if len(wanted) == limit:
                        return wanted
            if len(hits) < step:
                return wanted
            seen, step = seen + step, 2 * step

    def _any_of(self, terms: Iterable[str]) -> tantivy.Query:
        import tantivy

        return tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Should, self._term(name, term, boost))
                for term in terms
                for name, boost in _BOOSTS.items()
            ]
        )

    def _within(self, query: tantivy.Query, documents: Iterable[str]) -> tantivy.Query:
        import tantivy

        those = tantivy.Query.term_set_query(self._schema, "document", list(documents))
        # Which documents are looked into says nothing of how good a hit is.
        clauses = [
            (tantivy.Occur.Must, query),
            (tantivy.Occur.Must, tantivy.Query.const_score_query(those, 0.0)),
        ]
        return tantivy.Query.boolean_query(clauses)

    def _term(self, name: str, term: str, boost: float) -> tantivy.Query:
        import tantivy

        query = tantivy.Query.term_query(self._schema, name, term, "freq")
        return query if boost == 1.0 else tantivy.Query.boost_query(query, boost)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        # The binding raises ValueError for nearly all of Tantivy's errors.
        except (ValueError, RuntimeError, OSError) as error:
            raise index_error("word", self._directory, error) from error

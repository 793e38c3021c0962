"""The tools that search, read and answer from the private library.

The module does not know how passages are found, how an answer is made, or who calls it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agents.toolkit.library_results import (
    DocumentPage,
    FoundPassage,
    LibraryAnswer,
    SearchResults,
    Source,
    Sources,
)

if TYPE_CHECKING:
    from agents.services import Services
    from rag.document import Citation, Document, Hit, Passage

# A page of a document, with its head, stays within a tool's text limit of 8,000 characters.
PAGE_CHARACTERS = 6_000
# Three lines of a terminal: enough to recognise the place, short enough to check by eye.
QUOTE_CHARACTERS = 300
# A source takes about 150 characters of text, so a page of them stays within the text limit.
SOURCES_PER_PAGE = 40

Query = Annotated[str, Field(min_length=1, max_length=1_000)]


@dataclass(frozen=True, slots=True)
class LibraryTools:
    """The functions; each method's signature is a tool's schema and its docstring the description."""

    services: Services

    def search_library(self, query: Query, limit: Annotated[int, Field(ge=1, le=10)] = 5) -> SearchResults:
        """Find passages in the user's private library, by meaning and by words.

        Use it for facts that the user's own documents may hold. Works in English and Chinese.

        Args:
            query: what to look for: a question or key words, in the documents' language.
            limit: how many passages at most.
        """
        from rag.retrieval.retrieve import retrieve

        options = self.services.retrieval()
        hits = retrieve(self.services.library(), query, limit=limit, options=options)
        return SearchResults(
            query=query,
            passages=tuple(_found(marker, hit) for marker, hit in enumerate(hits, 1)),
            citations=tuple(cite(marker, hit.passage, query) for marker, hit in enumerate(hits, 1)),
        )

    def ask_library(self, question: Query) -> LibraryAnswer:
        """Answer a question from the user's private library, with quotes that were checked.

        Refuses where the library holds no evidence. Without a model it gives the documents' own sentences.

        Args:
            question: one question, in English or Chinese.
        """
        from rag.answering.answer import answer

        services = self.services
        made = answer(
            question, services.library(), endpoint=services.endpoint(), options=services.retrieval()
        )
        return LibraryAnswer(question, made.kind, made.text, made.citations, made.dropped, made.notice)

    def read_document(
        self,
        document_id: Annotated[str, Field(min_length=1, max_length=200)],
        start: Annotated[int, Field(ge=0)] = 0,
        max_characters: Annotated[int, Field(ge=100, le=PAGE_CHARACTERS)] = PAGE_CHARACTERS,
    ) -> DocumentPage:
        """Read a document of the library, a page at a time.

        Args:
            document_id: as search_library and list_sources give it.
            start: offset of the first character; next_start of the page before.
            max_characters: length of the page.
        """
        library = self.services.library()
        document = library.document(document_id)
        text = library.document_text(document_id)
        end = start + max_characters
        return DocumentPage(
            document_id=document.id,
            title=document.title,
            path=document.path,
            start=min(start, len(text)),
            characters=len(text),
            next_start=end if end < len(text) else None,
            text=text[start:end],
        )

    def list_sources(self, start: Annotated[int, Field(ge=0)] = 0) -> Sources:
        """List the documents in the user's private library.

        Args:
            start: how many documents to skip; next_start of the page before.
        """
        documents = tuple(self.services.library().documents())
        end = start + SOURCES_PER_PAGE
        return Sources(
            sources=tuple(_source(document) for document in documents[start:end]),
            total=len(documents),
            next_start=end if end < len(documents) else None,
        )


def cite(marker: int, passage: Passage, query: str) -> Citation:
    """A citation whose quote is the passage's own sentence that covers most of the query's terms.

    Example: the passage "A is b. The cache grows." cited for "cache" quotes "The cache grows."
    """
    from rag.answering.quotes import citation
    from rag.passages.sentences import split_sentences
    from rag.tokens import content_terms, coverage

    terms = frozenset(content_terms(query))
    spans = split_sentences(passage.text) or ((0, len(passage.text)),)
    # max keeps the first of equals: without a shared term the quote is the passage's first sentence.
    start, end = max(spans, key=lambda span: coverage(terms, passage.text[span[0] : span[1]]))
    return citation(marker, passage, start, min(end, start + QUOTE_CHARACTERS))


def _found(marker: int, hit: Hit) -> FoundPassage:
    passage = hit.passage
    return FoundPassage(
        marker=marker,
        document_id=passage.document_id,
        document_title=passage.document_title,
        path=passage.path,
        locator=passage.locator,
        score=round(hit.score, 4),
        text=passage.text,
    )


def _source(document: Document) -> Source:
    return Source(
        document_id=document.id,
        title=document.title,
        path=document.path,
        format=document.format,
        language=document.language,
        characters=document.characters,
        passages=document.passages,
    )

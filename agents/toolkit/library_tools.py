"""The tools that search, read and answer from the private library.

The module does not know how passages are found, how an answer is made, or who calls it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from agents.call_context import current_call
from agents.toolkit.library_results import (
    DocumentPage,
    FoundPassage,
    LibraryAnswer,
    SearchResults,
    Source,
    Sources,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agents.services import Services
    from rag.answering.events import AnswerEvent
    from rag.answering.followup import Turn
    from rag.document import Citation, Document, Hit, Passage
    from rag.library import Library
    from rag.retrieval.options import RetrievalOptions

# A page of a document, with its head, stays within a tool's text limit of 8,000 characters.
PAGE_CHARACTERS = 6_000
# Three lines of a terminal: enough to recognise the place, short enough to check by eye.
QUOTE_CHARACTERS = 300
# A source takes about 150 characters of text, so a page of them stays within the text limit.
SOURCES_PER_PAGE = 40
# A page or so of a book; and a paragraph that is cut is read from a little further back.
_AROUND_CHARACTERS = 2_000
_PARAGRAPH_WITHIN = 400

Query = Annotated[str, Field(min_length=1, max_length=1_000)]
Name = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class LibraryTools:
    """The functions; each method's signature is a tool's schema and its docstring the description."""

    services: Services

    def search_library(
        self,
        query: Query,
        limit: Annotated[int, Field(ge=1, le=10)] = 5,
        path: Name = "",
        language: Literal["en", "zh"] | None = None,
    ) -> SearchResults:
        """Find passages in the user's private library, by meaning and by words.

        Use it for facts that the user's own documents may hold. Works in English and Chinese.

        Args:
            query: what to look for: a question or key words, in the documents' language.
            limit: how many passages at most.
            path: only in files such as *.pdf or reports/*.
            language: only in documents of this language.
        """
        from rag.retrieval.retrieve import search

        options = _only(self.services.retrieval(), path.strip(), language)
        found = search(self.services.library(), query, options, limit=limit)
        return SearchResults(
            query=query,
            passages=tuple(_found(marker, hit) for marker, hit in enumerate(found.hits, 1)),
            citations=tuple(cite(marker, hit.passage, query) for marker, hit in enumerate(found.hits, 1)),
            notes=found.notes,
        )

    def ask_library(self, question: Query) -> LibraryAnswer:
        """Answer a question from the user's private library, with quotes that were checked.

        Refuses where the library holds no evidence. Without a model it gives the documents' own sentences.

        Args:
            question: one question, in English or Chinese.
        """
        return self.answer(question)

    def answer(
        self,
        question: str,
        *,
        path: str = "",
        language: Literal["en", "zh"] | None = None,
        history: Sequence[Turn] = (),
    ) -> LibraryAnswer:
        """What ``ask_library`` gives, for callers who say more than a small model would.

        Args:
            question: in English or Chinese.
            path: as in ``search_library``; so is the language.
            language: of the documents.
            history: the turns that the question may lean on, oldest first.

        Raises:
            StillroomError: the library cannot be read, or the model fails.
        """
        from rag.answering.answer import answer_events, final_answer

        services = self.services
        writing = answer_events(
            question,
            services.library(),
            endpoint=services.endpoint(),
            history=history,
            options=_only(services.retrieval(), path.strip(), language),
        )
        with closing(writing):  # ends the request to the model where nobody waits for it
            made = final_answer(_while_wanted(writing))
        return LibraryAnswer(
            question, made.kind, made.text, made.citations, made.dropped, made.notice, made.standalone
        )

    def read_document(
        self,
        document_id: Id,
        start: Annotated[int, Field(ge=0)] = 0,
        max_characters: Annotated[int, Field(ge=100, le=PAGE_CHARACTERS)] = PAGE_CHARACTERS,
    ) -> DocumentPage:
        """Read a document of the library, a page at a time.

        Args:
            document_id: as search_library and list_sources give it.
            start: offset of the first character; next_start of the page before.
            max_characters: length of the page.
        """
        return _page(self.services.library(), document_id, start, start + max_characters)

    def read_around(self, id: Id, start: Annotated[int, Field(ge=0)] | None = None) -> DocumentPage:  # noqa: A002
        """Read what stands before and after a passage that search_library found.

        Args:
            id: a document_id, with start; or a passage_id alone.
            start: where the passage starts in the document.
        """
        library = self.services.library()
        if start is None:
            passage = library.passage(id)
            document_id, start, end = passage.document_id, passage.start, passage.end
        else:
            document_id, end = id, start
        text = library.document_text(document_id)
        begin = paragraph_start(text, max(0, min(start, len(text)) - _AROUND_CHARACTERS))
        return _page(library, document_id, begin, min(end + _AROUND_CHARACTERS, begin + PAGE_CHARACTERS))

    def list_sources(self, start: Annotated[int, Field(ge=0)] = 0, name: Name = "") -> Sources:
        """List the documents in the user's private library.

        Args:
            start: how many documents to skip; next_start of the page before.
            name: only those with this in their title or path.
        """
        wanted = name.strip().casefold()
        documents = [found for found in self.services.library().documents() if is_named(found, wanted)]
        end = start + SOURCES_PER_PAGE
        return Sources(
            sources=tuple(_source(document) for document in documents[start:end]),
            total=len(documents),
            next_start=end if end < len(documents) else None,
            name=name.strip(),
        )


def _only(options: RetrievalOptions, path: str, language: str | None) -> RetrievalOptions:
    """The same search, in files of that path and in that language alone."""
    narrowed = replace(
        options.only,
        paths=(path,) if path else options.only.paths,
        languages=(language,) if language else options.only.languages,
    )
    return replace(options, only=narrowed)


def _page(library: Library, document_id: str, start: int, end: int) -> DocumentPage:
    document = library.document(document_id)
    text = library.document_text(document_id)
    return DocumentPage(
        document_id=document.id,
        title=document.title,
        path=document.path,
        start=min(start, len(text)),
        characters=len(text),
        next_start=end if end < len(text) else None,
        text=text[start:end],
    )


def paragraph_start(text: str, start: int) -> int:
    """Where the paragraph begins that ``start`` lies in, if that is near; else ``start`` itself."""
    found = text.rfind("\n\n", max(0, start - _PARAGRAPH_WITHIN), start)
    if found >= 0:
        return found + len("\n\n")
    return 0 if start <= _PARAGRAPH_WITHIN else start


def is_named(document: Document, wanted: str) -> bool:
    """Whether the document has that, casefolded, in its title or in one of its paths; any has nothing."""
    names = (document.title, document.path, *document.other_paths)
    return not wanted or any(wanted in name.casefold() for name in names)


def _while_wanted(events: Iterable[AnswerEvent]) -> Iterator[AnswerEvent]:
    """The events, as long as somebody waits for the last one, who is told how far the answer is."""
    from rag.answering.events import Kept, Retrieved

    call = current_call()
    kept = 0
    for event in events:
        call.check()
        match event:
            case Retrieved(_, hits):
                call.progress(f"reads {len(hits)} passages", None)
            case Kept():
                kept += 1
                call.progress(f"sentences with a checked quote: {kept}", None)
        yield event


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
        passage_id=passage.id,
        start=passage.start,
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

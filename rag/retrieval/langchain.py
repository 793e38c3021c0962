"""The library as a LangChain retriever: its search inside any chain.

A thin coat over `rag.retrieval.retrieve`, which it does not change. It is imported only by whoever uses it:
LangChain takes a second to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from rag.library import Library  # noqa: TC001 (pydantic reads the annotation when it makes the class)
from rag.retrieval.options import RetrievalOptions
from rag.retrieval.retrieve import retrieve

if TYPE_CHECKING:
    from langchain_core.callbacks import CallbackManagerForRetrieverRun

    from rag.document import Hit


class LibraryRetriever(BaseRetriever):
    """Finds passages of an open library, as LangChain's documents, best first.

    A document's metadata has ``document_id``, ``passage_id``, ``title``, ``path``, ``locator``, ``page``,
    ``start`` and ``end`` (offsets into the document's stored text), ``score`` and ``language``.

    Attributes:
        library: an open library, which stays the caller's to close.
        limit: passages to give.
        options: how to search: `rag.retrieval.options.RetrievalOptions`.

    Example:
        >>> chain = LibraryRetriever(library=library) | join | prompt | model  # doctest: +SKIP
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    library: Library
    limit: int = Field(default=6, ge=1)
    # Pydantic would take the dataclass apart and look for what only type checkers import.
    options: Any = Field(default_factory=RetrievalOptions)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager  # nothing here has steps that a callback could follow
        return [
            Document(page_content=hit.passage.text, metadata=_metadata(hit), id=hit.passage.id)
            for hit in retrieve(self.library, query, limit=self.limit, options=self.options)
        ]


def _metadata(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "document_id": passage.document_id,
        "passage_id": passage.id,
        "title": passage.document_title,
        "path": passage.path,
        "locator": passage.locator,
        "page": passage.page,
        "start": passage.start,
        "end": passage.end,
        "score": hit.score,
        "language": hit.language,
    }

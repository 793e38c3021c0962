"""The peer of bench/retrieval.py: LangChain's EnsembleRetriever over BM25Retriever and Chroma, as it comes.

Its packages are the extra ``bench``; in this repository's environment:

    .venv/bin/uv pip install --python .venv/bin/python -c requirements/constraints.txt '.[bench]'

They are given whole documents, title and text: those of the sets are paragraphs and sections. The vectors are
the library's own embedder's.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from rag.evaluation.measurement import Found, FoundPassage, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.evaluation.question_set import SetDocument
    from rag.evaluation.stages import RecallingEmbedder

INSTALL = "pip install -c requirements/constraints.txt '.[bench]'"


def ensemble(
    documents: Sequence[SetDocument], embedder: RecallingEmbedder, *, results: int | None = None
) -> Stage:
    """The retriever as a stage.

    Args:
        documents: what it searches.
        embedder: makes its vectors; one that it remembers is charged as it is to the library's stages.
        results: how many either side gives; None for its default, which is 4.
    """
    try:
        from langchain_chroma import Chroma
        from langchain_classic.retrievers import EnsembleRetriever
        from langchain_community.retrievers import BM25Retriever
    except ImportError as error:
        sys.exit(
            f"the peer needs {error.name}, which is not installed; {INSTALL}, or leave it out: --no-peer"
        )

    texts = [f"{document.title}\n{document.text}" for document in documents]
    labels = [{"id": document.id} for document in documents]
    wanted = {} if results is None else {"k": results}
    words = BM25Retriever.from_texts(texts, labels, **wanted)
    # A name of its own: Chroma's clients in memory share one database within a process.
    store = Chroma(f"peer-{id(documents)}-{results}", _Embeddings(embedder))
    store.add_texts(texts, labels)
    vectors = store.as_retriever(search_kwargs=wanted)
    both = EnsembleRetriever(retrievers=[words, vectors])

    def ask(question: str) -> Found:
        embedder.recalled_seconds = 0.0
        started = time.perf_counter()
        found = both.invoke(question)
        seconds = time.perf_counter() - started + embedder.recalled_seconds
        return Found(
            tuple(FoundPassage((each.metadata["id"],), each.page_content) for each in found), seconds
        )

    return ask


class _Embeddings:
    """An embedder as LangChain calls one; it asks for these two methods and for no base class."""

    def __init__(self, embedder: RecallingEmbedder) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The vectors of documents."""
        vectors: Any = self._embedder.embed_documents(texts).tolist()
        return list(vectors)

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        vector: list[float] = self._embedder.embed_query(text).tolist()
        return vector

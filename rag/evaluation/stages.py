"""The library's own stages of search, as the evaluation asks them: words, vectors, both fused, reranked.

Each runs the code that `stillroom search` runs. A question's vector is computed once, by the stage that asks
for it first; the others are charged the time that it took, because a person who searched by them would have
waited for it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from rag.embedders.wrapped import WrappedEmbedder
from rag.evaluation.measurement import Found, FoundPassage
from rag.retrieval.options import RetrievalOptions
from rag.retrieval.retrieve import ranked
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.document import Passage
    from rag.embedders import Embedder
    from rag.evaluation.measurement import Stage
    from rag.library import Library

StageName = Literal["lexical", "dense", "hybrid", "reranked"]
STAGE_NAMES: tuple[StageName, ...] = get_args(StageName)

# A document counts at the rank of its first passage, and metrics look at ten documents: long documents put
# several passages before the next document.
_PASSAGES = 64
_DEFAULT = RetrievalOptions()


class RecallingEmbedder(WrappedEmbedder):
    """An embedder that remembers the last question's vector and what it cost; see `rag.embedders.Embedder`.

    Attributes:
        recalled_seconds: what recalled vectors took when they were computed, since it was last set to 0.
    """

    def __init__(self, model: Embedder) -> None:
        super().__init__(model)
        self.recalled_seconds = 0.0
        self._last: tuple[str, NDArray[np.float32], float] | None = None

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`; computed anew only where it is not the last one."""
        if self._last is not None and self._last[0] == text:
            self.recalled_seconds += self._last[2]
            return self._last[1]
        started = time.perf_counter()
        vector = self._model.embed_query(text)
        self._last = (text, vector, time.perf_counter() - started)
        return vector


def check_reranker(names: Sequence[StageName], options: RetrievalOptions) -> None:
    """Refuse ``reranked`` without a reranker, before anything is embedded.

    Raises:
        LibraryError: none is named.
    """
    if "reranked" in names and options.reranker is None:
        raise LibraryError(
            "the stage 'reranked' needs a reranker, and none is named",
            hint="STILLROOM_RERANKER=BAAI/bge-reranker-v2-m3",
        )


def library_stages(
    library: Library,
    names: Sequence[StageName],
    documents_of: Callable[[Passage], Iterable[str]],
    *,
    options: RetrievalOptions = _DEFAULT,
) -> dict[str, Stage]:
    """Stages of a library, by name.

    Args:
        library: its embedder is replaced by one that remembers the last question's vector.
        names: which ones, in the order in which they shall be asked.
        documents_of: the ids by which the questions know a passage's document.
        options: how a search is made, as for `stillroom search`; ``reranked`` needs its reranker.

    Raises:
        LibraryError: ``reranked`` is asked for without a reranker.
    """
    check_reranker(names, options)
    recalling = RecallingEmbedder(library.embedder)
    library.embedder = recalling

    def stage(name: StageName) -> Stage:
        def ask(question: str) -> Found:
            recalling.recalled_seconds = 0.0
            started = time.perf_counter()
            passages = _ranked(library, question, name, options)
            seconds = time.perf_counter() - started + recalling.recalled_seconds
            found = [FoundPassage(tuple(documents_of(passage)), passage.text) for passage in passages]
            return Found(tuple(found), seconds)

        return ask

    return {name: stage(name) for name in names}


def _ranked(
    library: Library, question: str, name: StageName, options: RetrievalOptions
) -> tuple[Passage, ...]:
    if name == "reranked":
        # What is shown beyond those would be judged as well.
        return ranked(library, question, limit=options.reranked, options=options)
    return ranked(library, question, stage=name, limit=_PASSAGES, options=replace(options, reranker=None))

"""Find the passages that answer a question: by meaning, by words, and both blended.

It ranks what the library has. It writes nothing, asks no model but the embedder, and judges no answer.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rag.document import Hit
from rag.retrieval.fusion import fuse
from rag.store.indexes import searchable_text
from rag.tokens import content_terms, coverage
from stillroom.errors import LibraryEmptyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rag.document import Passage
    from rag.library import Library

# Candidates taken from each search before blending: enough that what one search ranks low and the other
# high is seen by both, and that copies of the same text do not crowd others out.
_CANDIDATES_PER_HIT = 8
_FEWEST_CANDIDATES = 50


def retrieve(library: Library, query: str, *, limit: int = 8) -> tuple[Hit, ...]:
    """The best passages for ``query``, best first, at most ``limit``, each text once.

    ``coverage`` of a hit counts terms of its document's title and of its headings as well as its own.

    Raises:
        LibraryEmptyError: nothing was ingested yet.
        LibraryOutdatedError: another process has indexed it with another embedder meanwhile.
        LibraryDamagedError: an index cannot be opened and another process holds the lock to mend it.
    """
    if library.empty:
        raise LibraryEmptyError(
            f"the library {library.directory} is empty",
            hint=f"stillroom ingest PATH --library {library.directory.name}",
        )
    if not query.strip() or limit < 1:
        return ()
    candidates = max(_FEWEST_CANDIDATES, _CANDIDATES_PER_HIT * limit)
    vector = library.embedder.embed_query(query)
    with library.searching() as indexes:
        dense = indexes.vectors.search(vector, candidates)
        lexical = indexes.words.search(query, candidates)
    fused = fuse(dense, lexical)
    terms = frozenset(content_terms(query))
    return tuple(
        Hit(
            passage=passage,
            score=fused[passage.id],
            dense_score=dense.get(passage.id, 0.0),
            lexical_score=lexical.get(passage.id, 0.0),
            coverage=coverage(terms, searchable_text(passage)),
        )
        for passage in itertools.islice(_distinct(library, list(fused), limit), limit)
    )


def _distinct(library: Library, ranked: Sequence[str], step: int) -> Iterator[Passage]:
    """Passages in order, each text once: the same file at two paths is one answer."""
    seen: set[str] = set()
    # No more are read than are needed: most candidates are never shown.
    for first in range(0, len(ranked), step):
        for passage in library.find_passages(ranked[first : first + step]):
            if passage.text not in seen:
                seen.add(passage.text)
                yield passage

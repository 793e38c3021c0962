"""Find the passages that answer a question: by meaning, by words, and both blended.

It ranks what the library has, and says how. It writes nothing and judges no answer. A model widens the
question, and a reranker looks at the first passages again, only where the options name one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rag.document import Hit
from rag.language import detect_language
from rag.retrieval.candidates import Candidates, Stopwatch, Wanted, find_candidates, middle
from rag.retrieval.options import RetrievalOptions, SearchResult
from rag.retrieval.trust import passage_terms
from rag.store.indexes import searchable_text
from rag.tokens import content_terms
from stillroom.errors import LibraryEmptyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rag.document import Passage
    from rag.library import Library
    from rag.retrieval.expansion import Expanded
    from rag.retrieval.options import Stage

# Candidates taken from each search before blending, whatever is shown of them: a side is scaled by its range,
# so that fewer or more would rank the first ones differently. What one search ranks low and the other high is
# seen by both.
_CANDIDATES: Final = 64
_DEFAULT: Final = RetrievalOptions()
_NOTHING_MATCHES: Final = "no document of the library passes the filter"


def retrieve(
    library: Library, query: str, *, limit: int = 8, options: RetrievalOptions = _DEFAULT
) -> tuple[Hit, ...]:
    """The best passages for ``query``, best first, at most ``limit``, each text once; see `search`."""
    return search(library, query, options, limit=limit).hits


def search(
    library: Library, query: str, options: RetrievalOptions = _DEFAULT, *, limit: int = 8
) -> SearchResult:
    """The best passages for ``query``, at most ``limit``, each text once, and how they were found.

    ``coverage`` of a hit counts terms of its document's title and of its headings as well as its own.

    Raises:
        LibraryEmptyError: nothing was ingested yet.
        LibraryOutdatedError: another process has indexed it with another embedder meanwhile.
        LibraryDamagedError: an index cannot be opened and another process holds the lock to mend it.

    Example:
        >>> search(library, "what is a KV cache?", limit=3).hits[0].passage.locator  # doctest: +SKIP
        'line 12'
    """
    watch = Stopwatch()
    ranking = _rank(library, query, options, limit, watch)
    if ranking is None:
        return SearchResult(())
    with watch.step("read") as counts:
        hits = _hits(query, ranking)
        counts.append(len(hits))
    return SearchResult(
        hits=hits,
        stages=tuple(watch.reports),
        notes=ranking.notes,
        queries=ranking.queries,
        lexical_trust=round(ranking.candidates.trust, 4),
    )


def ranked(
    library: Library,
    query: str,
    *,
    stage: Stage = "hybrid",
    limit: int = 64,
    options: RetrievalOptions = _DEFAULT,
) -> tuple[Passage, ...]:
    """The passages that `search` would find, without what it says of each: for measuring.

    Raises:
        LibraryEmptyError: nothing was ingested yet.
    """
    ranking = _rank(library, query, replace(options, stage=stage), limit, Stopwatch())
    return ranking.passages if ranking else ()


@dataclass(frozen=True, slots=True)
class _Ranking:
    """The passages that are shown, best first, and what they were chosen from."""

    passages: tuple[Passage, ...]
    candidates: Candidates
    judged: Mapping[str, float]
    notes: tuple[str, ...]
    queries: tuple[str, ...]


def _rank(
    library: Library, query: str, options: RetrievalOptions, limit: int, watch: Stopwatch
) -> _Ranking | None:
    """The best passages, at most ``limit``; None for a question that asks nothing."""
    if library.empty:
        raise LibraryEmptyError(
            f"the library {library.directory} is empty",
            hint=f"stillroom ingest PATH --library {library.directory.name}",
        )
    if not query.strip() or limit < 1:
        return None
    documents = _allowed(library, options, watch)
    if documents is not None and not documents:
        return _Ranking((), Candidates({}, {}, {}, 0.0), {}, (_NOTHING_MATCHES,), ())
    expanded = _expanded(query, options, watch)
    wanted = _wanted(library, query, expanded, options, watch)
    read = max(limit, options.reranked) if options.reranker else limit
    candidates = find_candidates(
        library,
        wanted,
        options,
        limit=max(_CANDIDATES, read),
        documents=documents,
        watch=watch,
    )
    passages = tuple(itertools.islice(_distinct(library, list(candidates.fused), read), read))
    judged = _judged(query, passages, options, watch)
    if judged:
        # Stable: what the reranker holds equal stays in the order of the fusion.
        passages = tuple(sorted(passages, key=lambda passage: -judged[passage.id]))
    return _Ranking(passages[:limit], candidates, judged, expanded.notes, expanded.texts)


def _allowed(library: Library, options: RetrievalOptions, watch: Stopwatch) -> frozenset[str] | None:
    if not options.only:
        return None
    with watch.step("filter") as counts:
        documents = library.matching(options.only)
        counts.append(len(documents or ()))
    return documents


def _expanded(query: str, options: RetrievalOptions, watch: Stopwatch) -> Expanded:
    from rag.retrieval.expansion import Expanded, expand

    if options.expansion is None:
        return Expanded()
    with watch.step("expand") as counts:
        expanded = expand(query, options.expansion, options.endpoint)
        counts.append(len(expanded.texts))
    return expanded


def _wanted(
    library: Library, query: str, expanded: Expanded, options: RetrievalOptions, watch: Stopwatch
) -> list[Wanted]:
    """The texts to search for, the question first, with their vectors."""
    texts = [query, *expanded.queries]
    if options.stage == "lexical":
        return [Wanted(text, None) for text in texts]
    with watch.step("embed") as counts:
        vectors = [library.embedder.embed_query(text) for text in texts]
        if expanded.passage:
            # The mean of both, as in "Precise Zero-Shot Dense Retrieval without Relevance Labels" by Gao, Ma,
            # Lin and Callan, 2023.
            imagined = library.embedder.embed_documents([expanded.passage])[0]
            vectors[0] = middle(vectors[0], imagined)
        counts.append(len(texts) + bool(expanded.passage))
    return [Wanted(text, vector) for text, vector in zip(texts, vectors, strict=True)]


def _judged(
    query: str, passages: Sequence[Passage], options: RetrievalOptions, watch: Stopwatch
) -> dict[str, float]:
    if options.reranker is None or not passages:
        return {}
    with watch.step("rerank") as counts:
        scores = options.reranker.scores(query, [searchable_text(passage) for passage in passages])
        counts.append(len(scores))
    return {passage.id: score for passage, score in zip(passages, scores, strict=True)}


def _distinct(library: Library, ids: Sequence[str], step: int) -> Iterator[Passage]:
    """Passages in order, each text once: the same text in two documents is one answer."""
    seen: set[str] = set()
    # No more are read than are needed: most candidates are never shown.
    for first in range(0, len(ids), step):
        for passage in library.find_passages(ids[first : first + step]):
            if passage.text not in seen:
                seen.add(passage.text)
                yield passage


def _hits(query: str, ranking: _Ranking) -> tuple[Hit, ...]:
    asked = tuple(dict.fromkeys(content_terms(query)))
    found = ranking.candidates
    dense_ranks = {identity: rank for rank, identity in enumerate(found.dense, 1)}
    lexical_ranks = {identity: rank for rank, identity in enumerate(found.lexical, 1)}
    return tuple(
        _hit(passage, asked, ranking, dense_ranks.get(passage.id), lexical_ranks.get(passage.id))
        for passage in ranking.passages
    )


def _hit(
    passage: Passage,
    asked: tuple[str, ...],
    ranking: _Ranking,
    dense_rank: int | None,
    lexical_rank: int | None,
) -> Hit:
    found, judged = ranking.candidates, ranking.judged
    terms = passage_terms(searchable_text(passage))
    matched = tuple(term for term in asked if term in terms)
    return Hit(
        passage=passage,
        score=judged.get(passage.id, found.fused[passage.id]),
        dense_score=found.dense.get(passage.id, 0.0),
        lexical_score=found.lexical.get(passage.id, 0.0),
        coverage=len(matched) / len(asked) if asked else 0.0,
        dense_rank=dense_rank,
        lexical_rank=lexical_rank,
        fused_score=found.fused[passage.id],
        rerank_score=judged.get(passage.id),
        matched_terms=matched,
        language=detect_language(passage.text),
    )

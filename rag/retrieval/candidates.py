"""Candidates for one text: from the vectors, from the words, and both blended.

It asks the library's indexes and ranks ids. It reads no passages but the few that say how far words can be
trusted, and knows neither rerankers nor hits.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag.language import detect_language
from rag.retrieval.fusion import best_first, fuse, fuse_ranks
from rag.retrieval.options import StageReport
from rag.retrieval.trust import LOOKED_AT, lexical_trust, passage_terms
from rag.store.indexes import searchable_text
from rag.tokens import content_terms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rag.library import Library
    from rag.retrieval.options import RetrievalOptions


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text to search for.

    Attributes:
        text: the question, or what a model made of it.
        vector: of the text; None where vectors are not asked.
    """

    text: str
    vector: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Passage ids with their scores, best first.

    Attributes:
        dense: cosines.
        lexical: BM25 scores.
        fused: blended, 0 to 1.
        trust: how far words were trusted, 0 to 1.
    """

    dense: dict[str, float]
    lexical: dict[str, float]
    fused: dict[str, float]
    trust: float


@dataclass(slots=True)
class _Sides:
    """What both searches find for one text, and how much each of its terms says."""

    text: str
    dense: dict[str, float] = field(default_factory=dict)
    lexical: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Stopwatch:
    """The steps of one search, each with how long it took and how many it gave on."""

    reports: list[StageReport] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[int]]:
        """Time what runs inside; it appends how many it gave on."""
        counts: list[int] = []
        started = time.perf_counter()
        yield counts
        milliseconds = 1000 * (time.perf_counter() - started)
        self.reports.append(StageReport(name, sum(counts), round(milliseconds, 2)))


def find_candidates(
    library: Library,
    wanted: Sequence[Wanted],
    options: RetrievalOptions,
    *,
    limit: int,
    documents: Collection[str] | None,
    watch: Stopwatch,
) -> Candidates:
    """The best passages for every text, as one ranking.

    Several texts are searched one by one, and their rankings are fused by ranks (RAG-Fusion: Rackauckas,
    "RAG-Fusion: a New Take on Retrieval-Augmented Generation", 2024): their scores cannot be compared.
    """
    sides = [_Sides(each.text) for each in wanted]
    with library.searching() as indexes:
        with watch.step("dense") as counts:
            for each, side in zip(wanted, sides, strict=True):
                if each.vector is not None:
                    side.dense = indexes.vectors.search(each.vector, limit, documents)
                counts.append(len(side.dense))
        with watch.step("lexical") as counts:
            for side in sides if options.stage != "dense" else ():
                side.lexical = indexes.words.search(side.text, limit, documents)
                side.weights = indexes.words.weights(frozenset(content_terms(side.text)))
                counts.append(len(side.lexical))
    with watch.step("fuse") as counts:
        trusts = [_trust(library, side) if options.stage == "hybrid" else 1.0 for side in sides]
        blends = [_blended(library, side, trust, options) for side, trust in zip(sides, trusts, strict=True)]
        fused = blends[0] if len(blends) == 1 else fuse_ranks([(blend, 1.0) for blend in blends])
        counts.append(len(fused))
    dense = _best_of([side.dense for side in sides])
    return Candidates(dense, _best_of([side.lexical for side in sides]), fused, max(trusts))


def middle(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector between two of length 1, of length 1 again."""
    import numpy as np

    between = first + second
    normalized: NDArray[np.float32] = between / max(
        float(np.linalg.norm(between)), float(np.finfo(np.float32).tiny)
    )
    return normalized


def _trust(library: Library, side: _Sides) -> float:
    first = library.find_passages(list(side.lexical)[:LOOKED_AT])
    return lexical_trust(side.weights, [passage_terms(searchable_text(passage)) for passage in first])


def _blended(library: Library, side: _Sides, trust: float, options: RetrievalOptions) -> dict[str, float]:
    if options.stage != "hybrid":
        return fuse(side.dense, side.lexical, dense_weight=1.0 if options.stage == "dense" else 0.0)
    language = detect_language(side.text)
    languages = library.passage_languages([*side.dense.keys() | side.lexical.keys()])
    return fuse(
        side.dense,
        side.lexical,
        method=options.fusion,
        dense_weight=options.dense_weight,
        lexical_trust=trust,
        foreign={identity for identity, written in languages.items() if written != language},
    )


def _best_of(sides: Sequence[dict[str, float]]) -> dict[str, float]:
    """For each id its best score."""
    if len(sides) == 1:
        return sides[0]
    best: dict[str, float] = {}
    for scores in sides:
        for identity, score in scores.items():
            best[identity] = max(score, best.get(identity, score))
    return best_first(best)

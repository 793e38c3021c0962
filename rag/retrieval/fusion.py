"""Blend the scores of a dense and a lexical search into one ranking.

Pure: two mappings from passage id to score in, one ranking out. It does not know what was searched or how.
"""

from __future__ import annotations

from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

FusionMethod = Literal["min-max", "theoretical-min-max", "z-score", "reciprocal-rank"]

# The dense side's share, by the method. Measured with the bundled embedder on the sets of bench/retrieval.py:
# 2,000 English, 2,000 Chinese and 76 cross-language questions, R@1:
#   words alone .831 .986 .263; vectors alone .754 .968 .645; reciprocal rank fusion .824 .983 .382
#   min-max without trust and abstention: 0.4 .857 .992 .355, 0.5 .859 .990 .421, 0.7 .829 .984 .605
#   min-max with both: 0.3 .863 .990 .645, 0.4 .863 .990 .645, 0.5 .861 .987 .658
#   theoretical min-max with both: 0.4 .850 .990 .566, 0.6 .859 .991 .618, 0.8 .863 .991 .658
#   z-scores with both: 0.4 .829 .984 .645
# Min-max is the default because in one library of both languages it keeps more among the first ten: R@10
# .992, theoretical min-max .988.
DENSE_WEIGHTS: Final[Mapping[FusionMethod, float]] = {
    "min-max": 0.4,
    "theoretical-min-max": 0.8,
    "z-score": 0.4,
    "reciprocal-rank": 0.5,
}
DEFAULT_METHOD: Final[FusionMethod] = "min-max"

# What a passage in another language than the question's is given for the words that it cannot share: so
# much of its dense score. R@1 and R@10 on the cross-language questions: 0 gives .513 .829, 0.8 .658 .842,
# 0.9 .645 .868, 1 .645 .868; on 4,000 questions in their documents' language, in one library of both
# languages: 0 gives R@1 .928, 0.8 .925, 0.9 .924, 1 .922.
_ABSTENTION: Final = 0.9

# Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet" (SIGIR 2009).
RANK_CONSTANT: Final = 60


def fuse(
    dense: Mapping[str, float],
    lexical: Mapping[str, float],
    *,
    method: FusionMethod = DEFAULT_METHOD,
    dense_weight: float | None = None,
    lexical_trust: float = 1.0,
    foreign: Collection[str] = (),
) -> dict[str, float]:
    """Ids with their blended score, 0 to 1, best first; equal scores in the order of the ids.

    Each side is scaled to 0 … 1 (BM25 has no upper bound and cosines of E5-class models lie close together),
    and the two are added with weights. An id that one search did not return counts there as that search's
    lowest. A convex combination keeps how far apart results are, which reciprocal rank fusion throws away.

    Args:
        dense: cosines by id, best first.
        lexical: BM25 scores by id, best first.
        method: how a side is scaled. ``min-max``: by its own lowest and highest score.
            ``theoretical-min-max``: by the lowest that is possible (-1 for a cosine, 0 for BM25) and its own
            highest. ``z-score``: from three standard deviations below its mean to three above.
            ``reciprocal-rank``: not at all, ranks count; it knows no trust and no foreign passages.
        dense_weight: the dense side's share, 0 to 1; None for what suits the method.
        lexical_trust: 0 to 1; what it lacks of 1 takes as much from the lexical side's share.
        foreign: ids of passages in another language than the question's: the lexical side cannot judge them
            and mostly abstains.

    Example:
        >>> fuse({"a": 0.9, "b": 0.8}, {"b": 12.0}, dense_weight=0.4)
        {'b': 0.6, 'a': 0.4}
    """
    if dense_weight is None:
        dense_weight = DENSE_WEIGHTS[method]
    if method == "reciprocal-rank":
        return fuse_ranks([(dense, dense_weight), (lexical, 1.0 - dense_weight)])
    scaled_dense = _scaled(dense, method, lowest=-1.0)
    scaled_lexical = _scaled(lexical, method, lowest=0.0)
    lexical_weight = (1.0 - dense_weight) * lexical_trust
    blended = {}
    for identity in dense.keys() | lexical.keys():
        by_meaning, by_words = scaled_dense.get(identity, 0.0), scaled_lexical.get(identity, 0.0)
        if identity in foreign:
            by_words = max(by_words, _ABSTENTION * by_meaning)
        blended[identity] = (1.0 - lexical_weight) * by_meaning + lexical_weight * by_words
    return best_first(blended)


def fuse_ranks(rankings: Collection[tuple[Collection[str], float]]) -> dict[str, float]:
    """Reciprocal rank fusion of any number of rankings, each with its weight; 1 is first in all of them.

    Example:
        >>> list(fuse_ranks([(["a", "b"], 1.0), (["b"], 1.0)]))
        ['b', 'a']
    """
    highest = sum(weight for _, weight in rankings) / (RANK_CONSTANT + 1) or 1.0
    blended: dict[str, float] = {}
    for ranking, weight in rankings:
        for rank, identity in enumerate(ranking, 1):
            blended[identity] = blended.get(identity, 0.0) + weight / (RANK_CONSTANT + rank) / highest
    return best_first(blended)


def best_first(scores: Mapping[str, float]) -> dict[str, float]:
    """The same, by score; equal scores in the order of the ids."""
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def _scaled(scores: Mapping[str, float], method: FusionMethod, *, lowest: float) -> dict[str, float]:
    """Scores from 0 to 1; all 1 where they are equal."""
    if not scores:
        return {}
    values = scores.values()
    low, high = min(values), max(values)
    if method == "theoretical-min-max":
        low = min(low, lowest)
    elif method == "z-score" and high > low:
        mean, spread = fmean(values), 3 * pstdev(values)
        low, high = mean - spread, mean + spread
    if high == low:
        return dict.fromkeys(scores, 1.0)
    return {identity: min(1.0, max(0.0, (score - low) / (high - low))) for identity, score in scores.items()}

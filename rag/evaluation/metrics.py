"""What a ranking of documents is worth, given which documents are relevant: recall, MRR and nDCG.

Pure: ids and grades in, numbers out. The values are those of trec_eval, which ir-measures prints as ``R@k``,
``RR@k`` and ``nDCG@k``. It does not know how a ranking was made; whoever makes it settles ties by its order.
"""

from __future__ import annotations

from math import fsum, log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RECALL_DEPTHS = (1, 5, 10)
DEPTH = 10


def recall(ranking: Sequence[str], grades: Mapping[str, int], depth: int) -> float:
    """The share of the relevant documents among the first ``depth``; 0 where none is relevant.

    Args:
        ranking: document ids, best first, each once.
        grades: of each judged document; above 0 it is relevant.
        depth: ranks that count.

    Example:
        >>> recall(["a", "b", "c"], {"a": 1, "c": 2}, depth=2)
        0.5
    """
    relevant = {document for document, grade in grades.items() if grade > 0}
    if not relevant:
        return 0.0
    return len(relevant.intersection(ranking[:depth])) / len(relevant)


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, int], depth: int) -> float:
    """1 / rank of the first relevant document among the first ``depth``, else 0.

    Example:
        >>> reciprocal_rank(["a", "b"], {"b": 1}, depth=10)
        0.5
    """
    for rank, document in enumerate(ranking[:depth], 1):
        if grades.get(document, 0) > 0:
            return 1.0 / rank
    return 0.0


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], depth: int) -> float:
    """Normalized discounted cumulative gain: grades, each over log2(rank + 1), over those of the best order.

    The gain is the grade itself, as in trec_eval, and not 2 ** grade - 1 (Järvelin and Kekäläinen, 2002).

    Example:
        >>> ndcg(["a", "b"], {"a": 2, "b": 1}, depth=10)
        1.0
    """
    ideal = _discounted(sorted(grades.values(), reverse=True)[:depth])
    if not ideal:
        return 0.0
    return _discounted([grades.get(document, 0) for document in ranking[:depth]]) / ideal


def mean_metrics(
    rankings: Mapping[str, Sequence[str]], judged: Mapping[str, Mapping[str, int]]
) -> dict[str, float]:
    """The means over all judged questions; one without a ranking counts 0.

    Args:
        rankings: of each question, by its id.
        judged: of each question, its documents' grades; at least one question.

    Example:
        >>> mean_metrics({"q": ["a"]}, {"q": {"a": 1}})["mrr@10"]
        1.0
    """
    pairs = [(rankings.get(question, ()), grades) for question, grades in judged.items()]
    values = {
        f"recall@{depth}": [recall(ranking, grades, depth) for ranking, grades in pairs]
        for depth in RECALL_DEPTHS
    }
    values[f"mrr@{DEPTH}"] = [reciprocal_rank(ranking, grades, DEPTH) for ranking, grades in pairs]
    values[f"ndcg@{DEPTH}"] = [ndcg(ranking, grades, DEPTH) for ranking, grades in pairs]
    return {name: fsum(each) / len(each) for name, each in values.items()}


def _discounted(gains: Sequence[int]) -> float:
    return fsum(max(gain, 0) / log2(rank + 1) for rank, gain in enumerate(gains, 1))

"""The order in which passages get a place where not all have one: relevant first, and unlike those before.

Maximal marginal relevance (Carbonell and Goldstein, 1998) over shared terms, which are at hand for every
passage; vectors are not. Pure: hits in, hits out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.retrieval.repeats import Wording, adds_nothing, similarity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.document import Hit

# The share of relevance in the choice; the rest is for what is new. 1 keeps the order of the search.
RELEVANCE_WEIGHT = 0.8


def without_repeats(hits: Sequence[Hit]) -> tuple[list[Hit], list[tuple[Hit, Hit]]]:
    """The hits that say something new, and each of the others with the better one that says it already."""
    kept: list[tuple[Hit, Wording]] = []
    repeats: list[tuple[Hit, Hit]] = []
    for hit in hits:
        wording = Wording(hit.passage.text)
        said = next((better for better, shown in kept if adds_nothing(wording, shown)), None)
        if said is None:
            kept.append((hit, wording))
        else:
            repeats.append((hit, said))
    return [hit for hit, _ in kept], repeats


def diversified(hits: Sequence[Hit], *, relevance_weight: float = RELEVANCE_WEIGHT) -> list[Hit]:
    """The hits, each next one the best by relevance less its likeness to the nearest of those before.

    Args:
        hits: best first.
        relevance_weight: from 0 (only what is new counts) to 1 (the order stays).
    """
    if not hits:
        return []
    lowest, highest = min(hit.score for hit in hits), max(hit.score for hit in hits)
    # Rerankers score on scales of their own.
    relevance = [(hit.score - lowest) / (highest - lowest) if highest > lowest else 1.0 for hit in hits]
    wordings = [Wording(hit.passage.text) for hit in hits]
    nearest = [0.0] * len(hits)
    left = list(range(len(hits)))
    order: list[Hit] = []
    while left:
        best = max(
            left,
            key=lambda number: (
                relevance_weight * relevance[number] - (1.0 - relevance_weight) * nearest[number],
                -number,
            ),
        )
        left.remove(best)
        order.append(hits[best])
        for number in left:
            nearest[number] = max(nearest[number], similarity(wordings[number], wordings[best]))
    return order

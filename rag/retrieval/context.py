"""From the passages that were found to what a model reads: widened, merged, without repeats, within a budget.

The best passages get their place first, each as it was found; what is left of the budget is shared out among
them, best first, to show each one's whole section, or as many sentences around it as fit. Passages of one
document that touch become one. What found no place is listed with the reason: nothing is dropped in silence.

How an answer uses it::

    context = widen(hits, library, budget_tokens=room, count_tokens=tokens_in_its_fence)
    for hit in context.hits:  # documents best first, a document's passages in reading order
        show(shown_text(hit.passage.header, hit.passage.text), source=hit.passage.locator)

``count_tokens`` is asked about `rag.retrieval.widening.shown_text` of each passage, and the sum of its
answers never exceeds the budget: what a prompt puts around each passage belongs into it. A widened passage is
like any other: its ``text`` is the document's own from ``start`` to ``end``, and its id is that of the best
passage in it, so a quote from it is checked and located as before. `LeftOut.instead` names the passage that
says the same where a repeat was left out: both documents are sources of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rag.retrieval.arrangement import Arrangement
from rag.retrieval.diversity import RELEVANCE_WEIGHT, diversified, without_repeats
from rag.retrieval.widening import Source
from stillroom.errors import LibraryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rag.document import Hit
    from rag.library import Library


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A hit that is not shown.

    Attributes:
        reason: ``budget``: there was no room for it; ``repeat``: what it says is shown already.
        instead: for a repeat, the id of the shown passage that says it.
    """

    hit: Hit
    reason: Literal["budget", "repeat"]
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a model reads, and what it does not.

    Attributes:
        hits: documents in the order of their best hit, passages of one document in reading order.
        left_out: in the order of the search.
        tokens: of all that is shown, by the counter that was given.
    """

    hits: tuple[Hit, ...]
    left_out: tuple[LeftOut, ...]
    tokens: int


def widen(
    hits: Sequence[Hit],
    library: Library,
    *,
    budget_tokens: int,
    count_tokens: Callable[[str], int],
    relevance_weight: float = RELEVANCE_WEIGHT,
) -> Context:
    """What to show of the library for these hits.

    Args:
        hits: best first, as `rag.retrieval.retrieve` gives them.
        library: where they were found.
        budget_tokens: of everything that is shown.
        count_tokens: the tokens that showing a text takes, in the chat model's own; see the module's head.
        relevance_weight: see `rag.retrieval.diversity.diversified`; it decides what gets a place, not the
            order in which it is shown.

    Raises:
        LibraryDamagedError: the library's file cannot be read.
    """
    sources: dict[str, Source] = {}
    for document_id in dict.fromkeys(hit.passage.document_id for hit in hits):
        # Removed since the search: its passages are shown as they were found.
        if source := _source(library, document_id):
            sources[document_id] = source
    return arrange(
        hits,
        sources,
        budget_tokens=budget_tokens,
        count_tokens=count_tokens,
        relevance_weight=relevance_weight,
    )


def arrange(
    hits: Sequence[Hit],
    sources: Mapping[str, Source],
    *,
    budget_tokens: int,
    count_tokens: Callable[[str], int],
    relevance_weight: float = RELEVANCE_WEIGHT,
) -> Context:
    """The same from the documents' texts by their ids; a hit whose document is not there is not widened."""
    distinct, repeats = without_repeats(hits)
    arrangement = Arrangement(hits, sources, budget_tokens=budget_tokens, count_tokens=count_tokens)
    for hit in diversified(distinct, relevance_weight=relevance_weight):
        arrangement.place(hit)
    if distinct and not arrangement.stretches:
        arrangement.place_beginning(distinct[0])
    repeats.extend(arrangement.widen_all())
    return _context(arrangement, hits, {repeat.passage.id: better for repeat, better in repeats})


def _context(arrangement: Arrangement, hits: Sequence[Hit], said_by: Mapping[str, Hit]) -> Context:
    left_out: list[LeftOut] = []
    for hit in hits:
        if arrangement.shown(hit) is not None:
            continue
        better: Hit | None = hit
        while better is not None and arrangement.shown(better) is None:
            better = said_by.get(better.passage.id)
        shown = arrangement.shown(better) if better is not None else None
        if shown is None:
            left_out.append(LeftOut(hit, "budget"))
        else:
            left_out.append(LeftOut(hit, "repeat", instead=shown.hits[0].passage.id))
    return Context(arrangement.ordered(), tuple(left_out), arrangement.tokens)


def _source(library: Library, document_id: str) -> Source | None:
    if not library.sections(document_id):
        return None
    try:
        return Source(library.document_text(document_id), library.sections(document_id))
    except LibraryError:
        return None

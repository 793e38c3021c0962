"""What a model gets to read: the passages that were found and what stands around them; and what it does not.

It chooses and measures; fences and instructions are ``rag.answering.prompt``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.answering.prompt import fence, passage_budget
from rag.answering.wording import wording
from rag.language import detect_language
from rag.prompt_text import estimate_tokens
from rag.retrieval.context import widen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.document import Hit, Passage
    from rag.library import Library

# Passages are widened up to this share of the context. All of it would be read, and paid for, for the sake of
# sentences that no search has found; what was found has its place in any case.
_WIDENED_SHARE: Final = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read.

    Attributes:
        hits: for the prompt, in its order.
        left_out: a line for each passage that was found and is not read, with the reason.
    """

    hits: tuple[Hit, ...]
    left_out: tuple[str, ...] = ()


def choose_reading(
    question: str, hits: Sequence[Hit], library: Library | None, *, context_tokens: int, max_tokens: int
) -> Reading:
    """The passages widened to their sections, neighbours joined, repeats left out, within the context.

    Args:
        question: as it is asked.
        hits: best first.
        library: where they were found; None to read them as they are.
        context_tokens: of prompt and reply together.
        max_tokens: of the reply.
    """
    if library is None or not hits:
        return Reading(tuple(hits))
    budget = passage_budget(question, context_tokens=context_tokens, max_tokens=max_tokens)
    found = sum(estimate_tokens(fence("P0", hit.passage)) for hit in hits)
    around = max(_tokens_around(hit.passage) for hit in hits)
    context = widen(
        hits,
        library,
        budget_tokens=max(0, min(budget, max(found, context_tokens // _WIDENED_SHARE))),
        count_tokens=lambda text: around + estimate_tokens(text),
    )
    words = wording(detect_language(question))
    reasons = {"budget": words.not_read, "repeat": words.said_already}
    return Reading(
        context.hits, tuple(describe(left.hit.passage, reasons[left.reason]) for left in context.left_out)
    )


def describe(passage: Passage, reason: str) -> str:
    """A line that names a passage and says why it is not read."""
    return reason.format(title=passage.document_title, locator=passage.locator)


def _tokens_around(passage: Passage) -> int:
    """What fence, title and headings of a passage take."""
    return estimate_tokens(fence("P0", passage)) - estimate_tokens(passage.text) + 1

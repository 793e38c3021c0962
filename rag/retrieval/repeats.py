"""Whether a passage says anything that another has not said, word for word, and how much two have in common.

Strict on purpose: two texts that differ in a number, a name or a "not" contradict one another, and a reader
must see both. Pure: texts in, a judgement out.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from rag.tokens import content_terms

# The share of a text's runs of terms that stand in the other one too. Less than all, for what another cut
# changes at the edges.
_SAME_ORDER = 0.85
# Terms of a run. Two neighbours stand together by chance in any long text on the subject.
_RUN_TERMS = 3
# Of two texts about equally long, each is read as a version of the other: a "not" that only one has counts.
_ABOUT_AS_LONG = 0.75

_NEGATION = re.compile(r"\b(?:not|no|never|none|nor|neither|without|cannot)\b|n['’]t\b|[不没未无非勿]")


@dataclass(frozen=True)
class Wording:
    """A text as it is compared."""

    text: str

    @cached_property
    def terms(self) -> Counter[str]:
        """Its content terms, each with how often it occurs."""
        return Counter(self._ordered)

    @cached_property
    def runs(self) -> frozenset[tuple[str, ...]]:
        """Its neighbouring terms: two texts with the same words in another order are not the same."""
        ordered = self._ordered
        return frozenset(zip(*(ordered[first:] for first in range(_RUN_TERMS)), strict=False))

    @cached_property
    def negations(self) -> int:
        """How often it says no."""
        return len(_NEGATION.findall(unicodedata.normalize("NFKC", self.text).casefold()))

    @cached_property
    def _ordered(self) -> tuple[str, ...]:
        return content_terms(self.text)


def adds_nothing(candidate: Wording, shown: Wording) -> bool:
    """Whether all that ``candidate`` says is said by ``shown``, which may say more.

    Example:
        >>> adds_nothing(Wording("It costs 5 yuan."), Wording("It  costs 5 yuan, and lasts."))
        True
        >>> adds_nothing(Wording("It costs 6 yuan."), Wording("It  costs 5 yuan, and lasts."))
        False
    """
    if candidate.terms - shown.terms:
        return False
    if not candidate.terms:
        return candidate.text.split() == shown.text.split()
    if candidate.runs and len(candidate.runs & shown.runs) < _SAME_ORDER * len(candidate.runs):
        return False
    if candidate.terms.total() >= _ABOUT_AS_LONG * shown.terms.total():
        return candidate.negations == shown.negations
    return candidate.negations <= shown.negations


def similarity(first: Wording, second: Wording) -> float:
    """The share of their distinct terms that both have, 0 to 1 (Jaccard)."""
    either = len(first.terms.keys() | second.terms.keys())
    return len(first.terms.keys() & second.terms.keys()) / either if either else 0.0

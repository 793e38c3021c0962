"""Whether what was found is evidence enough to answer from, judged before any model reads it.

From the shares of the question's terms and from the vectors' similarity. It tells questions about other
subjects apart. It cannot see that a passage speaks of the question's subject without answering it: that is
left to the model, which may say so, and to the check of what it claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.embedders import BUNDLED_EMBEDDER
from rag.language import Language, detect_language
from rag.passages.sentences import split_sentences
from rag.tokens import content_terms, coverage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.document import Hit


@dataclass(frozen=True, slots=True)
class Evidence:
    """How near the passages are to a question.

    Attributes:
        language: of the question.
        dense: the best cosine of a passage in that language; 0 where there is none.
        coverage: the best share of the question's terms in one of those, title and headings included.
        sentence: the best share in one sentence of those.
        other_language: the best cosine of a passage in the other language, which shares no words with the
            question; None where there is no such passage.
    """

    language: Language
    dense: float
    coverage: float
    sentence: float
    other_language: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A logistic model of evidence: what an embedder's cosines are worth beside shared terms.

    Attributes:
        dense: weight of the cosine; 0 where an embedder's scale is not known.
        coverage: weight of the best passage's coverage.
        sentence: weight of the best sentence's.
        thresholds: the weighted sum that is evidence enough, by the question's language.
        other_language: the cosine from which a passage in the other language is evidence, by the question's
            language; None where an embedder's scale is not known: such a passage is evidence then if no
            passage in the question's language is as near.
    """

    dense: float
    coverage: float
    sentence: float
    thresholds: Mapping[Language, float]
    other_language: Mapping[Language, float] | None

    def score(self, evidence: Evidence) -> float:
        """The weighted sum: log odds that the library answers, up to a constant."""
        return (
            self.dense * evidence.dense
            + self.coverage * evidence.coverage
            + self.sentence * evidence.sentence
        )

    def is_enough(self, evidence: Evidence) -> bool:
        """Whether to answer from it."""
        if evidence.other_language is not None:
            floors = self.other_language
            floor = evidence.dense if floors is None else floors[evidence.language]
            if evidence.other_language >= floor:
                return True
        return self.score(evidence) >= self.thresholds[evidence.language]


# Fitted by bench/refusals.py to half of its questions on 2026-11-26: the thresholds so that 2.5 % of the
# answerable ones of that half are refused, the floors for the other language so that about 5 % of those off
# topic reach them. Its figures on the other half are in docs/library.md and bench/results.
_CALIBRATED: Final[Mapping[str, Rule]] = {
    BUNDLED_EMBEDDER: Rule(
        dense=13.7,
        coverage=2.1,
        sentence=3.3,
        thresholds={"en": 7.9, "zh": 9.3},
        other_language={"en": 0.38, "zh": 0.38},
    )
}
# The same fit without the cosines, whose scale is each embedder's own.
WORDS_ALONE: Final = Rule(
    dense=0.0, coverage=5.2, sentence=3.2, thresholds={"en": 3.3, "zh": 2.4}, other_language=None
)


def rule_for(embedder_name: str) -> Rule:
    """The rule that was calibrated for that embedder, else the one that looks at words alone."""
    return _CALIBRATED.get(embedder_name, WORDS_ALONE)


def gather_evidence(question: str, hits: Sequence[Hit]) -> Evidence:
    """How near ``hits`` are to the question.

    Example:
        >>> gather_evidence("What is a KV cache?", [])
        Evidence(language='en', dense=0.0, coverage=0.0, sentence=0.0, other_language=None)
    """
    language = detect_language(question)
    terms = frozenset(content_terms(question))
    same = [hit for hit in hits if detect_language(hit.passage.text) == language]
    texts = (hit.passage.text[start:end] for hit in same for start, end in split_sentences(hit.passage.text))
    return Evidence(
        language=language,
        dense=max((hit.dense_score for hit in same), default=0.0),
        coverage=max((hit.coverage for hit in same), default=0.0),
        sentence=max((coverage(terms, text) for text in texts), default=0.0),
        other_language=max((hit.dense_score for hit in hits if hit not in same), default=None),
    )


def is_sufficient(question: str, hits: Sequence[Hit], rule: Rule) -> bool:
    """Whether some passage is near enough to the question to answer from.

    Shared words suffice, and so does similar meaning: a question in one language shares few words with
    its answer in the other. A question without content words is never answered.
    """
    return bool(content_terms(question)) and rule.is_enough(gather_evidence(question, hits))

"""The passages' own sentences that answer a question best, where no model writes.

Chosen by the question's terms alone. Whether they are evidence enough is ``rag.answering.evidence``'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.language import detect_language
from rag.passages.sentences import split_sentences
from rag.tokens import content_terms, coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.document import Hit, Passage

# A sentence with this share of the question's terms is taken as an answer even where a model found none.
STRONG_COVERAGE: Final = 0.8

# An extractive answer stays as short as a written one.
_MOST_SENTENCES: Final = 3
# Sentences that cover less than this share of what the best one covers say something else.
_NEARLY_AS_GOOD: Final = 0.75
# Headings, table rows and list items of fewer characters are seldom sentences.
_SHORTEST_SENTENCE: Final = {"en": 20, "zh": 8}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage, ``passage.text[start:end]``.

    Attributes:
        coverage: share of the question's content terms that it has, 0 to 1.
    """

    passage: Passage
    start: int
    end: int
    coverage: float

    @property
    def text(self) -> str:
        """Its own characters."""
        return self.passage.text[self.start : self.end]


def best_sentences(
    question: str, hits: Sequence[Hit], *, most: int = _MOST_SENTENCES
) -> tuple[Sentence, ...]:
    """The passages' own sentences that answer best, in the order of the passages and of their text.

    Ranked by shared terms, then by the passage's rank. The best is always there; others only where they are
    nearly as good and add a term that those before them lack.

    Args:
        question: as it was asked.
        hits: best first; without any there are no sentences.
        most: how many sentences at most.
    """
    terms = frozenset(content_terms(question))
    ranked = sorted(sentences(terms, hits), key=lambda sentence: -sentence.coverage)
    chosen: list[Sentence] = []
    missing = terms
    for sentence in ranked:
        if len(chosen) == most or (chosen and sentence.coverage < _NEARLY_AS_GOOD * chosen[0].coverage):
            break
        found = missing.intersection(content_terms(sentence.text))
        if not chosen or found:
            chosen.append(sentence)
            missing = missing - found
    rank = {hit.passage.id: position for position, hit in enumerate(hits)}
    return tuple(sorted(chosen, key=lambda sentence: (rank[sentence.passage.id], sentence.start)))


def sentences(terms: frozenset[str], hits: Sequence[Hit]) -> tuple[Sentence, ...]:
    """Every sentence of the passages that is long enough to say something; all of them if none is."""
    everything = [
        Sentence(hit.passage, start, end, coverage(terms, hit.passage.text[start:end]))
        for hit in hits
        for start, end in split_sentences(hit.passage.text)
    ]
    long_enough = [sentence for sentence in everything if _says_something(sentence.text)]
    return tuple(long_enough or everything)


def _says_something(text: str) -> bool:
    return not text.startswith("#") and len(text) >= _SHORTEST_SENTENCE[detect_language(text)]

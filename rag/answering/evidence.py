"""Whether what was found is evidence enough to answer from, and the sentences that say it best.

Judged before any model is asked, from the shares of the question's terms and from the vectors' similarity.
It knows no model; it cannot see that a passage speaks of the question's subject without answering it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.language import Language, detect_language
from rag.passages.sentences import split_sentences
from rag.tokens import content_terms, coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.document import Hit, Passage

# Calibrated on the example library with six hits a question: 24 questions that it answers and 28 of other
# subjects. Of those answered in their own language every one has a passage with at least 0.56 of its terms;
# of the others one in 28 has ("How much does an H100 cost?", which no rule on words can tell apart).
SUFFICIENT_COVERAGE: Final = 0.55


@dataclass(frozen=True, slots=True)
class DenseFloors:
    """The lowest cosine similarity that counts as evidence, for one embedder.

    Attributes:
        same_language: of a passage in the question's language, which words find as well.
        other_language: of a passage in the other one, which often only vectors find.
    """

    same_language: float
    other_language: float


# The bundled E5 with the languages' means taken off. The same questions: a passage in the other language
# that answers has 0.40 to 0.63, and none of the other subjects had more than 0.37; in the same language
# those reached 0.42 (and "How much memory does a human brain have?" 0.53). The latter floor was chosen
# among 0.40, 0.45 and 0.50 on 145 SQuAD and CMRC paragraphs in one library: of 120 questions about them 2
# are refused, of 120 about other paragraphs 113. Those are the data it was chosen on; nothing was held out.
E5_DENSE_FLOORS: Final = DenseFloors(same_language=0.50, other_language=0.38)

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


def is_sufficient(
    question: str, hits: Sequence[Hit], *, dense_floors: DenseFloors | None = E5_DENSE_FLOORS
) -> bool:
    """Whether some passage is near enough to the question to answer from.

    Shared words suffice, and so does similar meaning: a question in one language shares few words with
    its answer in the other.

    Args:
        question: as it was asked.
        hits: what was found for it.
        dense_floors: of the embedder that found them. None for one whose scale is not known: a passage in
            the other language is then evidence enough to ask a model.
    """
    if not content_terms(question):
        return False
    language = detect_language(question)
    return any(_is_near(hit, language, dense_floors) for hit in hits)


def _is_near(hit: Hit, language: Language, floors: DenseFloors | None) -> bool:
    if hit.coverage >= SUFFICIENT_COVERAGE:
        return True
    other_language = detect_language(hit.passage.text) != language
    if floors is None:
        return other_language
    return hit.dense_score >= (floors.other_language if other_language else floors.same_language)


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

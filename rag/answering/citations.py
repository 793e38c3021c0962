"""Check what a model claims against the passages that it was given.

A claim is kept when its quote stands in a passage, is long enough to prove something, has every number of
the claim in its passage, shares the claim's terms, and does not plainly deny it. Pure: it knows no model,
prompt or endpoint. It cannot tell whether a sentence of the same terms in another order says something else.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.answering.negation import says_opposite
from rag.answering.quotes import citation, find_quote
from rag.answering.wording import Wording, wording
from rag.language import Language, detect_language
from rag.tokens import content_terms, coverage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.document import Citation, Passage

# Fewer distinct terms than these occur together by chance ("the model", 显存). Three terms are about three
# English words beside stop words, or four Chinese characters in a row.
FEWEST_QUOTE_TERMS: Final = 3

# The share of a claim's distinct content terms that its quote, title or headings must have. Chosen by
# reading, not fitted: more than half of what a claim says is on the page, and a reworded sentence still
# passes.
LOWEST_SUPPORT: Final = 0.6

# Of those terms the quote itself must have this share: a title that says what the document is about proves
# nothing of it.
LOWEST_QUOTE_SUPPORT: Final = 0.3

# The share of the question's distinct content terms that a claim and its quote must have together. Chosen
# by reading as well. It asks only that they speak of the same thing: a small model likes to quote the
# sentence before the right one.
LOWEST_RELEVANCE: Final = 0.25

_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_LATIN: Final = re.compile(r"[a-z0-9]")
# Of an English claim about Chinese text only names that nobody translates can be compared: those with digits,
# or with a capital after a small letter, such as DeepSeek and vLLM. Beijing is 北京 there, and USA 美国.
_NAME: Final = re.compile(r"\b(?=\w*(?:\d|[a-z][A-Z]))[A-Za-z][\w-]*")
# A Chinese claim may consist of names, which have few words in small letters.
_ENGLISH_WORD: Final = re.compile(r"\b[a-z]{2,}\b")
_FEWEST_ENGLISH_WORDS: Final = 3
_SHOWN_CHARACTERS: Final = 120


@dataclass(frozen=True, slots=True)
class Claim:
    """What a model wrote, unchecked.

    Attributes:
        text: one sentence of its answer.
        passage: the id that the prompt gave the passage: ``P1``.
        quote: what it says stands there.
    """

    text: str
    passage: str
    quote: str


@dataclass(frozen=True, slots=True)
class CheckedClaim:
    """A claim whose quote is ``passage.text[start:end]``.

    Attributes:
        other_language: the quote is in another language, so that only numbers and names were compared.
    """

    text: str
    passage: Passage
    start: int
    end: int
    other_language: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The claims that stand, and one line for each that was dropped or amended."""

    kept: tuple[CheckedClaim, ...]
    dropped: tuple[str, ...]


def check_claims(claims: Sequence[Claim], passages: Mapping[str, Passage], question: str) -> Verdict:
    """Sort claims into those that their passages prove and those that they do not.

    Args:
        claims: as the model wrote them.
        passages: by the ids that the prompt gave them.
        question: what they should answer; its language is that of the reasons.
    """
    kept: list[CheckedClaim] = []
    dropped: list[str] = []
    for claim in claims:
        checked = check_claim(claim, passages, question)
        if isinstance(checked, str):
            dropped.append(checked)
        elif checked.text not in {other.text for other in kept}:
            kept.append(checked)
    return Verdict(tuple(kept), tuple(dropped))


def check_claim(claim: Claim, passages: Mapping[str, Passage], question: str) -> CheckedClaim | str:
    """The claim with the place of its quote, or why it is dropped; see ``check_claims``.

    A quote that stands in another passage than the claim names is taken from there; one that stands in
    several is taken from the one that it names.
    """
    words = wording(detect_language(question))
    if _in_other_language(claim.text, question):
        return words.wrong_language.format(text=_shown(claim.text))
    checked = _proven(claim, passages, words)
    if isinstance(checked, CheckedClaim) and _is_off(checked, question):
        return off_question(checked, question)
    return checked


def off_question(claim: CheckedClaim, question: str) -> str:
    """Why a claim that says nothing about the question is dropped."""
    return wording(detect_language(question)).off_question.format(text=_shown(claim.text))


class CitedText:
    """An answer's text as it grows, sentence by sentence, each with the marker of its citation.

    Claims with the same quote share a marker.

    Args:
        language: decides where a marker stands, and what stands between sentences.
        separator: stands between them instead.
    """

    def __init__(self, language: Language, *, separator: str | None = None) -> None:
        self.language = language
        self._separator = ("" if language == "zh" else " ") if separator is None else separator
        self._citations: dict[tuple[str, int, int], Citation] = {}
        self._sentences: list[str] = []

    @property
    def text(self) -> str:
        """All sentences."""
        return self._separator.join(self._sentences)

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What the markers stand for, in their order."""
        return tuple(self._citations.values())

    def add(self, claim: CheckedClaim) -> tuple[str, Citation]:
        """The claim as a sentence of the text, and the citation that its marker stands for."""
        cited = self.cite(claim.passage, claim.start, claim.end)
        return self.say(_with_marker(claim.text, cited.marker, self.language)), cited

    def say(self, sentence: str) -> str:
        """A sentence that has its markers already."""
        self._sentences.append(sentence)
        return sentence

    def cite(self, passage: Passage, start: int, end: int) -> Citation:
        """The citation of ``passage.text[start:end]``: a new one, unless the same place was cited before."""
        place = (passage.document_id, passage.start + start, passage.start + end)
        if place not in self._citations:
            self._citations[place] = citation(len(self._citations) + 1, passage, start, end)
        return self._citations[place]


def _proven(claim: Claim, passages: Mapping[str, Passage], words: Wording) -> CheckedClaim | str:
    """The claim with the place of its quote, or why its passage does not prove it."""
    text = " ".join(claim.text.split())
    if len(set(content_terms(claim.quote))) < FEWEST_QUOTE_TERMS:
        return words.short_quote.format(quote=_shown(claim.quote))
    found = _locate(claim, passages)
    if found is None:
        if claim.passage not in passages:
            return words.unknown_passage.format(passage=_shown(claim.passage), text=_shown(text))
        return words.invented_quote.format(quote=_shown(claim.quote))
    passage, start, end = found
    other_language = detect_language(text) != detect_language(passage.text[start:end])
    checked = CheckedClaim(text, passage, start, end, other_language)
    return _objection(checked, words) or checked


def _objection(claim: CheckedClaim, words: Wording) -> str:
    """Why the quote does not bear the claim; empty where it does."""
    text, passage = claim.text, claim.passage
    quote = passage.text[claim.start : claim.end]
    context = "\n".join((passage.document_title, *passage.heading, passage.header))
    if foreign := _numbers(text) - _numbers(f"{context}\n{passage.text}"):
        return words.other_number.format(number=min(foreign), text=_shown(text))
    evidence = passage.text if claim.other_language else quote
    if support(text, f"{context}\n{evidence}", names_only=claim.other_language) < LOWEST_SUPPORT:
        return words.unsupported.format(text=_shown(text))
    if not claim.other_language and support(text, quote) < LOWEST_QUOTE_SUPPORT:
        return words.unsupported.format(text=_shown(text))
    if not claim.other_language and says_opposite(text, quote):
        return words.opposite.format(text=_shown(text))
    return ""


def _is_off(claim: CheckedClaim, question: str) -> bool:
    """Whether the claim only repeats the question, or shares too few words with it.

    A quote in another language shares none, so that the claim must do it alone.
    """
    asked = frozenset(content_terms(question))
    if asked.issuperset(content_terms(claim.text)):
        return True
    quote = "" if claim.other_language else claim.passage.text[claim.start : claim.end]
    return coverage(asked, f"{claim.text}\n{quote}") < LOWEST_RELEVANCE


def _in_other_language(text: str, question: str) -> bool:
    """Whether a claim is written in another language than the question; a name or a number is in none."""
    if detect_language(question) == "en":
        return _chinese(text)
    return not _chinese(text) and len(_ENGLISH_WORD.findall(text)) >= _FEWEST_ENGLISH_WORDS


def _locate(claim: Claim, passages: Mapping[str, Passage]) -> tuple[Passage, int, int] | None:
    """The quote in the passage that the claim names, else in the first other that has it."""
    named = [passages[claim.passage]] if claim.passage in passages else []
    for passage in (*named, *passages.values()):
        if span := find_quote(claim.quote, passage.text):
            return passage, *span
    return None


def support(claim: str, evidence: str, *, names_only: bool = False) -> float:
    """The share of the claim's distinct content terms that the evidence has, 0 to 1.

    Args:
        claim: one sentence.
        evidence: what should prove it.
        names_only: the evidence is in another language. Of a Chinese claim only the terms in Latin letters
            or digits are compared, because they survive translation; of an English one only the names that
            Chinese text leaves as they are.

    Example:
        >>> support("vLLM pages the cache", "The cache of vLLM is paged.")
        1.0
    """
    terms = frozenset(content_terms(claim))
    if names_only:
        terms = _surviving(claim, terms)
        if not terms:
            return 1.0
    if not terms:
        return 0.0
    return len(terms.intersection(content_terms(evidence))) / len(terms)


def _surviving(claim: str, terms: frozenset[str]) -> frozenset[str]:
    """The terms of a claim that its translation would have, too."""
    if _chinese(claim):
        return frozenset(term for term in terms if _LATIN.match(term))
    return frozenset(term for name in _NAME.findall(claim) for term in content_terms(name))


def _chinese(text: str) -> bool:
    return detect_language(text) == "zh"


def _numbers(text: str) -> set[str]:
    """The numbers in a text as written, thousands separators left out: 3,600 is 3600."""
    return {
        re.sub(r",(?=\d{3}(?:\D|$))", "", number)
        for number in _NUMBER.findall(unicodedata.normalize("NFKC", text))
    }


def _with_marker(sentence: str, marker: int, language: Language) -> str:
    """The marker in front of the closing full stop, as both languages set it."""
    end = sentence[-1:] if sentence[-1:] in set(".。!！?？") else ("。" if language == "zh" else ".")
    body = sentence.rstrip(".。!！?？ ")
    return f"{body}[{marker}]{end}" if language == "zh" else f"{body} [{marker}]{end}"


def _shown(text: str) -> str:
    """Model output inside a line for a person: one line, not endless."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"

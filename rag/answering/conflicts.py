"""Where two documents say different things of the same: another number, or the opposite.

Pure, and of words only: two sentences in one language that share nearly all terms and differ in one number,
or in whether they deny. It does not see a contradiction between sentences that are worded differently, nor
which of the two is right; and two sentences about different things with different names are none.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rag.answering.negation import is_negated
from rag.answering.wording import wording
from rag.document import Conflict
from rag.language import detect_language
from rag.passages.sentences import split_sentences
from rag.tokens import content_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rag.answering.citations import CitedText
    from rag.document import Passage

# The share of either sentence's terms, numbers left out, that the other must have too. Chosen by reading
# pairs: "Model A takes 4 GB" and "Model B takes 8 GB" must differ, a word more or less must not.
_SAME_SUBJECT: Final = 0.75
_FEWEST_SHARED_TERMS: Final = 2
# More than these would bury the answer.
_MOST_NAMED: Final = 3

_DIGITS: Final = re.compile(r"(?<![A-Za-z\d])\d+(?:[.,:]\d+)*")
_WORDS: Final = {
    word: str(value)
    for value, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 2
    )  # "one" is seldom a count
}
_WORD: Final = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
# A Chinese numeral counts where a measure follows: 两年, 三个; 一 stands in too many other words, and 第三章
# and 三十 are none of these.
_HAN_DIGITS: Final = dict(zip("两二三四五六七八九", "223456789", strict=True))
_MEASURES: Final = "个年月天日周小分秒次倍种项台层位元块成"
_HAN_NUMERAL: Final = re.compile(rf"(?<![第十百千万周])([{''.join(_HAN_DIGITS)}])(?=[{_MEASURES}])")
# A letter stuck to digits makes a name of them, such as 8B or GPT4, unless it is a unit.
_UNIT: Final = re.compile(r"(?<=\d)(?=(?:[kmgt]i?b|ms|s|h|km|kg|cm|mm|m|g|w|v|hz|[mg]hz)\b)", re.IGNORECASE)
_NAME: Final = re.compile(r"\b[A-Z][\w.-]*|\b\w*\d[\w.-]*")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A sentence ``passage.text[start:end]`` that disagrees with another one.

    Attributes:
        theirs: its number; empty where one of the two only denies the other.
        ours: the other sentence's number.
    """

    passage: Passage
    start: int
    end: int
    ours: str
    theirs: str


def name_conflicts(text: CitedText, passages: Sequence[Passage]) -> tuple[Conflict, ...]:
    """Say in the text, with markers, where what it cites is contradicted by another document.

    Args:
        text: of the answer; a sentence is added for each conflict, and a citation where it has none yet.
        passages: what the answer was made from.
    """
    words = wording(text.language)
    conflicts: dict[frozenset[int], Conflict] = {}
    for first in text.citations:
        for found in disagreements(first.quote, first.document_id, passages):
            if len(conflicts) == _MOST_NAMED:
                break
            second = text.cite(found.passage, found.start, found.end)
            pair = frozenset((first.marker, second.marker))
            if pair in conflicts:
                continue
            about = f"{found.ours} / {found.theirs}" if found.ours else ""
            conflicts[pair] = Conflict(first.marker, second.marker, about)
            sentence = words.conflict if found.ours else words.conflict_denied
            text.say(
                sentence.format(
                    first=first.document_title,
                    first_marker=first.marker,
                    first_value=found.ours,
                    second=second.document_title,
                    second_marker=second.marker,
                    second_value=found.theirs,
                )
            )
    return tuple(conflicts.values())


def disagreements(quote: str, document_id: str, passages: Iterable[Passage]) -> Iterator[Disagreement]:
    """Sentences of other documents that disagree with ``quote``, one a document.

    Args:
        quote: what was cited.
        document_id: of its document, whose own sentences are not looked at.
        passages: what the answer was made from.
    """
    seen = {document_id}
    for passage in passages:
        if passage.document_id in seen:
            continue
        for start, end in split_sentences(passage.text):
            difference = differ(quote, passage.text[start:end])
            if difference is not None:
                seen.add(passage.document_id)
                yield Disagreement(passage, start, end, *difference)
                break


def differ(first: str, second: str) -> tuple[str, str] | None:
    """The number of each where two sentences disagree by it, two empty texts where one denies the other.

    Example:
        >>> differ("The pump weighs 12 kg.", "The pump weighs 14 kg.")
        ('12', '14')
        >>> differ("In 2012 it had 3 lanes.", "In 2020 it had 4 lanes.") is None
        True
    """
    # What a table's row says depends on the table's head.
    if detect_language(first) != detect_language(second) or first.startswith("|") or second.startswith("|"):
        return None
    numbers, others = _numbers(first), _numbers(second)
    if not _same_subject(first, second):
        return None
    ours, theirs = numbers - others, others - numbers
    if len(ours) == len(theirs) == 1:
        return min(ours), min(theirs)
    if not ours and not theirs and is_negated(first) != is_negated(second):
        return "", ""
    return None


def _same_subject(first: str, second: str) -> bool:
    """Whether both speak of the same: nearly all terms in common, and no name in one alone."""
    terms, others = _terms(first), _terms(second)
    shared = len(terms & others)
    if shared < _FEWEST_SHARED_TERMS or shared < _SAME_SUBJECT * max(len(terms), len(others)):
        return False
    return _names(first) <= others and _names(second) <= terms


def _terms(text: str) -> frozenset[str]:
    return frozenset(content_terms(_without_numbers(_plain(text))))


def _names(text: str) -> frozenset[str]:
    """Stemmed names: words with a capital letter inside a sentence, or with a digit."""
    plain = _without_numbers(_plain(text))
    found = [match.group() for match in _NAME.finditer(plain) if plain[: match.start()].strip()]
    return frozenset(term for name in found for term in content_terms(name))


def _numbers(text: str) -> frozenset[str]:
    return frozenset(number.replace(",", "") for number in _DIGITS.findall(_plain(text)))


def _without_numbers(text: str) -> str:
    return _DIGITS.sub(" ", text)


def _plain(text: str) -> str:
    """The text with widths folded, numerals as digits, and units apart from their numbers."""
    text = unicodedata.normalize("NFKC", text)
    text = _WORD.sub(lambda match: _WORDS[match.group().lower()], text)
    text = _HAN_NUMERAL.sub(lambda match: _HAN_DIGITS[match.group(1)], text)
    return _UNIT.sub(" ", text)

"""Check an agent's answer against what its tools returned, as the library checks its own answers.

A sentence is marked with the passage that bears it: its numbers are there, and most of its terms. A marker of
the model's that no passage bears is taken out. Numbers and quotations that come from nowhere are pointed out.
The words stay the model's. Pure: it compares words, and cannot notice a sentence that turns them around.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from agents.running.evidence import gather
from agents.running.wording import wording
from rag.answering.citations import FEWEST_QUOTE_TERMS, LOWEST_QUOTE_SUPPORT, LOWEST_SUPPORT, support
from rag.answering.negation import says_opposite
from rag.answering.quotes import find_quote
from rag.language import detect_language
from rag.passages.sentences import split_sentences
from rag.tokens import content_terms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from agents.running.evidence import Evidence
    from agents.running.wording import Wording
    from agents.tools import ToolResult
    from rag.document import Citation

# One word in common is chance; and a person reads a handful of quotes.
_LEAST_SHARED_TERMS: Final = 2
_MOST_LOOSE_CITATIONS: Final = 5
_MOST_SHOWN: Final = 5
_SHOWN_CHARACTERS: Final = 80

# A number in brackets of either script, or several that tools gave; [1](link) is Markdown's. The blanks in
# front begin where blanks begin: else a long row of them is tried from each.
_MARKER: Final = re.compile(
    r"(?<![ \t])[ \t]*(?:\[(\d{1,3}(?:[ ]?[,，、;][ ]?\d{1,3})*)\](?!\()|【(\d{1,3})】)"
)
_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_UNMARKED_LINE: Final = re.compile(r"\s*+(?:#|\||>\s*$|$)")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LIST_NUMBER: Final = re.compile(r"^[ \t]*\d{1,3}[.)、．](?!\d)", re.MULTILINE)
_QUOTATION: Final = re.compile(r"“([^”\n]+)”|\"([^\"\n]+)\"|「([^」\n]+)」|『([^』\n]+)』|«([^»\n]+)»")
_ENDS: Final = frozenset(".。!！?？")


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """An answer that was checked.

    Attributes:
        text: the model's words, with markers that stand for ``citations``.
        citations: numbered from 1 in the order of the text; where no sentence is borne by a passage, the
            quotes that share words with the answer.
        notices: what the reader should know, each a sentence.
    """

    text: str
    citations: tuple[Citation, ...]
    notices: tuple[str, ...]


def cite_answer(
    question: str, answer: str, results: Sequence[ToolResult], *, known: Sequence[str] = ()
) -> CitedAnswer:
    """The answer with what can be proven of it.

    Args:
        question: its language is that of the notices; its numbers are known.
        answer: as the model wrote it.
        results: what tools returned in this run, in order.
        known: further texts whose numbers and words may be repeated, such as earlier turns.
    """
    words = wording(detect_language(question))
    evidence = gather(results)
    marked = _Marked(answer, evidence)
    said = [question, *known, *(result.text for result in results), *(found.text for found in evidence)]
    notices = [
        _listed(words.no_such_marker, [f"[{number}]" for number in marked.unknown], words),
        _listed(words.marker_not_borne, [f"[{number}]" for number in marked.unproven], words),
        _listed(words.unknown_numbers, _unknown_numbers(marked.plain, said), words),
        _listed(words.unknown_quotes, _unknown_quotes(marked.plain, said), words),
    ]
    citations = marked.citations or _loose(marked.plain, evidence)
    if citations and not marked.citations:
        notices.append(words.loose)
    return CitedAnswer(marked.text, citations, tuple(filter(None, notices)))


class _Marked:
    """The answer, sentence by sentence.

    Attributes:
        text: with our markers.
        plain: without any.
        citations: what the markers stand for.
        unknown: numbers that the model wrote and no tool gave.
        unproven: numbers that a tool gave, behind sentences that their passages do not bear.
    """

    def __init__(self, answer: str, evidence: Sequence[Evidence]) -> None:
        self.unknown: list[int] = []
        self.unproven: list[int] = []
        self._evidence = evidence
        self._cited: dict[tuple[str, int, int], Citation] = {}
        given = {found.citation.marker for found in evidence}
        marked, plain = [], []
        for piece, is_sentence in _pieces(answer):
            if not is_sentence:
                marked.append(piece)
                plain.append(piece)
                continue
            bare, numbers = _without_markers(piece, given)
            plain.append(bare)
            marked.append(self._with_markers(bare, numbers))
        self.text = "".join(marked).strip()
        self.plain = "".join(plain).strip()

    @property
    def citations(self) -> tuple[Citation, ...]:
        """In the order of their markers."""
        return tuple(self._cited.values())

    def _with_markers(self, sentence: str, numbers: Sequence[int]) -> str:
        bearing = [found for found in self._evidence if _bears(found, sentence)]
        chosen = [found for found in bearing if found.citation.marker in numbers]
        for number in numbers:
            if all(found.citation.marker != number for found in self._evidence):
                self.unknown.append(number)
            elif all(found.citation.marker != number for found in chosen):
                self.unproven.append(number)
        if not chosen and bearing:
            chosen = [max(bearing, key=lambda found: support(sentence, found.text))]
        marks = [self._cite(found, sentence) for found in _one_each(chosen, numbers)]
        return _mark(sentence, list(dict.fromkeys(marks)))

    def _cite(self, found: Evidence, sentence: str) -> int:
        citation = found.quoting(lambda quote: support(sentence, quote))
        place = (citation.document_id, citation.start, citation.end)
        if place not in self._cited:
            self._cited[place] = replace(citation, marker=len(self._cited) + 1)
        return self._cited[place].marker


def _pieces(answer: str) -> Iterator[tuple[str, bool]]:
    """The answer in pieces that make it up again, and whether each is a sentence that can be marked."""
    position = 0
    for code in [*_CODE.finditer(answer), None]:
        end = code.start() if code else len(answer)
        text = answer[position:end]
        last = 0
        for start, stop in split_sentences(text):
            yield text[last:start], False
            yield text[start:stop], not _UNMARKED_LINE.match(text[start:stop])
            last = stop
        yield text[last:], False
        if code:
            yield code.group(), False
            position = code.end()


def _without_markers(sentence: str, given: Collection[int]) -> tuple[str, list[int]]:
    """The sentence without the model's markers, and their numbers.

    Several numbers between brackets are a list of something else, unless tools gave them all.
    """
    numbers: list[int] = []

    def take(match: re.Match[str]) -> str:
        found = [int(number) for number in re.findall(r"\d+", match[1] or match[2])]
        if len(found) > 1 and not set(found).issubset(given):
            return match.group()
        numbers.extend(found)
        return ""

    bare = _MARKER.sub(take, sentence)
    return bare, list(dict.fromkeys(numbers))


def _bears(found: Evidence, sentence: str) -> bool:
    """Whether a passage proves a sentence, by the measures of the library's own answers."""
    if len(set(content_terms(sentence))) < _LEAST_SHARED_TERMS:
        return False
    around = f"{found.context}\n{found.text}"
    if _numbers(sentence) - _numbers(around):
        return False
    other_language = detect_language(sentence) != detect_language(found.text)
    if other_language:
        # Names and numbers alone are compared; where there are none, nothing is proven.
        return _has_names(sentence) and support(sentence, around, names_only=True) >= LOWEST_SUPPORT
    if support(sentence, around) < LOWEST_SUPPORT or support(sentence, found.text) < LOWEST_QUOTE_SUPPORT:
        return False
    quote = found.quoting(lambda text: support(sentence, text)).quote
    return not says_opposite(sentence, quote)


def _has_names(sentence: str) -> bool:
    return bool(_numbers(sentence)) or bool(re.search(r"[A-Za-z]{2,}", sentence))


def _one_each(chosen: Sequence[Evidence], numbers: Sequence[int]) -> list[Evidence]:
    """One passage for each of the model's numbers: two searches number theirs from 1 alike."""
    if not numbers:
        return list(chosen[:1])
    by_number = {found.citation.marker: found for found in chosen}
    return [by_number[number] for number in numbers if number in by_number] or list(chosen[:1])


def _mark(sentence: str, markers: Sequence[int]) -> str:
    """The markers in front of the closing full stop, as both languages set them."""
    if not markers:
        return sentence
    body = sentence
    while body and body[-1] in _ENDS:
        body = body[:-1]
    text = "".join(f"[{marker}]" for marker in markers)
    space = "" if detect_language(sentence) == "zh" else " "
    return f"{body.rstrip()}{space}{text}{sentence[len(body) :]}"


def _numbers(text: str) -> set[str]:
    """The numbers in a text, by value: 3,600 is 3600, ５ is 5 and 5.0 too; a list's own are left out."""
    plain = _THOUSANDS.sub("", unicodedata.normalize("NFKC", _LIST_NUMBER.sub("", text)))
    return {_value(number) for number in _NUMBER.findall(plain)}


def _value(number: str) -> str:
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole.lstrip('0') or '0'}.{fraction}" if fraction else whole.lstrip("0") or "0"


def _unknown_numbers(answer: str, said: Sequence[str]) -> list[str]:
    """Numbers that stand in no text that was given, nor are a rounded one."""
    known = set().union(*map(_numbers, said))
    missing = _numbers(answer) - known
    return sorted(number for number in missing if not _is_rounded(number, known))


def _is_rounded(number: str, known: set[str]) -> bool:
    _, _, fraction = number.partition(".")
    longer = [other for other in known if "." in other and len(other.partition(".")[2]) > len(fraction)]
    return any(_value(f"{float(other):.{len(fraction)}f}") == number for other in longer)


def _unknown_quotes(answer: str, said: Sequence[str]) -> list[str]:
    """What stands between quotation marks, is long enough to prove something, and was written nowhere."""
    everything = "\n".join(said)
    quotations = ["".join(filter(None, match.groups())) for match in _QUOTATION.finditer(answer)]
    return [
        f"“{_short(text)}”"
        for text in dict.fromkeys(quotations)
        if len(set(content_terms(text))) >= FEWEST_QUOTE_TERMS and find_quote(text, everything) is None
    ]


def _loose(answer: str, evidence: Sequence[Evidence]) -> tuple[Citation, ...]:
    """The quotes that share the most terms with the answer; with fewer than two, one says something else."""
    terms = set(content_terms(answer))
    shared = [(len(terms.intersection(content_terms(found.citation.quote))), found) for found in evidence]
    telling = sorted((pair for pair in shared if pair[0] >= _LEAST_SHARED_TERMS), key=lambda pair: -pair[0])
    places = {(found.citation.document_id, found.citation.start): found.citation for _, found in telling}
    best = list(places.values())[:_MOST_LOOSE_CITATIONS]
    return tuple(replace(citation, marker=marker) for marker, citation in enumerate(best, 1))


def _listed(sentence: str, what: Sequence[str], words: Wording) -> str:
    """The notice with at most some of its items; empty where there are none."""
    items = list(dict.fromkeys(what))
    if not items:
        return ""
    shown = words.comma.join(items[:_MOST_SHOWN]) + (" …" if len(items) > _MOST_SHOWN else "")
    return sentence.format(what=shown)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"

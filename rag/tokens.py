"""The terms that text is searched and compared by: character pairs for Chinese, stemmed words for Latin.

The word index, the queries against it and every measure of overlap use these functions, so that they
agree on what a term is. A name made of several words (``num_ctx``, ``fine-tuning``, ``getUserName``) is
found by its parts and as a whole, however its writer joined them. Nothing here knows an index, a score or
a position in the text.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING, Final, Literal

from rag.stems import stem
from rag.stop_words import ENGLISH, PARTICLES, is_stop_bigram
from rag.traditional import SIMPLIFIED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What terms are for: to measure overlap, to ask the index, to be found by. Each has what is before it.
_Use = Literal["content", "query", "index"]

# Raised when the terms of a text change: stored word indexes are then built again.
TOKENS_VERSION = 2

# Han with its later extensions, kana, hangul, Thai, Lao, Burmese and Khmer: scripts that put no space between
# words, or (Korean) join particles to them.
_UNSPACED: Final = (
    r"\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17d3"
)
# A letter or digit elsewhere, with the vowel signs and accents that Python does not count as letters.
_SIGN: Final = rf"(?:(?![{_UNSPACED}])[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff])"
# One part of a name: 1.5b, 3,600 and v0.34.1 are one part each.
_PART: Final = rf"(?:{_SIGN}|(?<=\d)\.(?=\d)|(?<=\d),(?=\d{{3}}(?!\d)))+"
# Units that are written with and without a space after the number; each is longer than a letter.
_UNITS: Final = "[kmgt]i?b|[kmg]?hz|[kmgt]bps|[kmg]w|kwh|mah|ms|ns|kg|mg|km|cm|mm|nm|fps|rpm"
_RUN: Final = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    r"|(?P<language>(?<![a-z0-9_])[a-z](?:\+\+|#))(?![a-z0-9])"  # C++, F#
    rf"|(?P<quantity>(?<![a-z0-9_.])\d+(?:[.,]\d+)* ?(?:{_UNITS}))(?![a-z0-9])"
    # model's is model, and l'homme two words.
    rf"|(?P<name>{_PART}(?:[._\-‐]+{_PART})*)(?:['’](?:s|t|d|m|ll|re|ve)\b)?",
    re.IGNORECASE,
)
_PARTS: Final = re.compile(_PART)
# Where letters meet digits (Qwen2.5), and where one word of a name meets the next (getUserName, HTTPServer).
_DIGITS: Final = re.compile(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", re.IGNORECASE)
_HUMPS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_VERSION: Final = re.compile(r"v(?=\d+\.\d)")


def content_terms(text: str) -> tuple[str, ...]:
    """The terms of a question or sentence, in order, repeats kept, stop words of both languages left out.

    Compatibility forms, case, traditional characters and Latin accents are folded (``ＧＰＵ`` is ``gpu``).
    A run of Chinese gives overlapping pairs of characters; a run of one character gives that character.

    Example:
        >>> content_terms("What is the KV cache of 蒸馏模型?")
        ('kv', 'cach', '蒸馏', '馏模', '模型')
    """
    return tuple(_terms(text, "content"))


def query_terms(text: str) -> tuple[str, ...]:
    """What the word index is asked for: the content terms, and names of several parts as wholes too.

    Example:
        >>> query_terms("the num_ctx of Qwen-2.5")
        ('num', 'ctx', 'numctx', 'qwen', '2.5', 'qwen2.5')
    """
    return tuple(_terms(text, "query"))


def index_terms(text: str) -> tuple[str, ...]:
    """The terms that a passage is found by: those of a query, and each Chinese character alone.

    The single characters let a question of one character (茶) find passages where it is never alone.
    """
    return tuple(_terms(text, "index"))


def coverage(terms: frozenset[str], text: str) -> float:
    """The share of a question's ``terms`` that occur in ``text``, 0 to 1; 0 without terms."""
    if not terms:
        return 0.0
    return len(terms.intersection(index_terms(text))) / len(terms)


def _terms(text: str, use: _Use) -> Iterator[str]:
    # A soft hyphen is a place to break a line, not a character of the word.
    for match in _RUN.finditer(unicodedata.normalize("NFKC", text.replace("\u00ad", ""))):
        if run := match["unspaced"]:
            yield from _pairs(run.translate(SIMPLIFIED), use)
        elif language := match["language"]:
            yield language.casefold()
        elif quantity := match["quantity"]:
            yield from _quantity(quantity.casefold().replace(",", ""), use)
        else:
            yield from _name(match["name"], use)


def _pairs(run: str, use: _Use) -> Iterator[str]:
    if len(run) == 1 or use == "index":
        yield from (character for character in run if character not in PARTICLES)
    for first, second in itertools.pairwise(run):
        if not is_stop_bigram(first + second):
            yield first + second


def _quantity(text: str, use: _Use) -> Iterator[str]:
    """``16 GB`` and ``16GB`` are ``16`` and ``gb`` alike, and ``16gb`` as a whole."""
    unit = text.lstrip("0123456789. ")
    number = text[: len(text) - len(unit)].rstrip()
    yield from (number, unit)
    if use != "content":
        yield number + unit


def _name(name: str, use: _Use) -> Iterator[str]:
    parts = _PARTS.findall(name)
    for part in parts:
        folded = _folded(part)
        if folded not in ENGLISH:
            yield stem(folded)
        if use != "content":
            yield from _stems(_DIGITS.split(folded))
        if use == "index":
            yield from _stems(hump.casefold() for hump in _HUMPS.split(part))
            yield from _first_numbers(folded)
    if use != "content" and len(parts) > 1:
        yield stem("".join(_folded(part) for part in parts))


def _stems(pieces: Iterable[str]) -> Iterator[str]:
    """The stems of several pieces; of one there is nothing to add, and single letters say too little."""
    several = list(pieces)
    if len(several) > 1:
        yield from (stem(piece) for piece in several if len(piece) > 1 and piece not in ENGLISH)


def _first_numbers(folded: str) -> Iterator[str]:
    """The shorter forms by which a version is asked for: ``0.34`` of ``0.34.1``."""
    numbers = folded.split(".")
    if len(numbers) > 2 and all(number.isdigit() for number in numbers):  # noqa: PLR2004 (0.34 has none)
        yield from (".".join(numbers[:count]) for count in range(2, len(numbers)))


def _folded(part: str) -> str:
    return _VERSION.sub("", part.casefold().replace(",", ""))

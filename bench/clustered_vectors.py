"""Text and vectors for the scale bench: many passages, and for each a vector that is known beforehand.

Vectors are unit vectors around random centres, as those of documents about many subjects are; a passage's
text determines its vector. Words are drawn as often as language draws them, by Zipf's law.
"""

from __future__ import annotations

import hashlib
import time
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Of the bundled embedder.
DIMENSIONS = 384
# The share of a vector that is its subject's; two passages of one subject then have a cosine of about 0.64.
_SUBJECT_SHARE = 0.8
_PASSAGES_A_SUBJECT = 50

_WORDS = 30_000
_WORDS_A_PASSAGE = 60
_PASSAGES_A_FILE = 50
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class KnownVectors:
    """An embedder whose vectors are known beforehand; see `rag.embedders.Embedder`.

    Args:
        subjects: how many centres there are.

    Attributes:
        seconds: spent in making vectors up, which a real library does not.
    """

    name = "known-vectors"
    dimensions = DIMENSIONS
    max_tokens = 512
    fingerprint = "known-vectors-1"

    def __init__(self, subjects: int) -> None:
        self._subjects = subjects
        self.seconds = 0.0

    @cached_property
    def _centres(self) -> NDArray[np.float32]:
        return _unit(np.random.default_rng(7).standard_normal((self._subjects, DIMENSIONS), dtype=np.float32))

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `rag.embedders.Embedder`."""
        started = time.monotonic()
        vectors = np.stack([self._vector(text.rpartition("\n")[2]) for text in texts])
        self.seconds += time.monotonic() - started
        return vectors

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """A vector near the one of the passage that has this text."""
        vector = self._vector(text)
        noise = np.random.default_rng(_number(text) + 1).standard_normal(DIMENSIONS, dtype=np.float32)
        return _unit(vector + 0.5 * noise / np.sqrt(np.float32(DIMENSIONS)))

    def count_tokens(self, text: str) -> int:
        """About what a word-piece vocabulary makes of it."""
        return 2 + text.count(" ") * 4 // 3

    def _vector(self, text: str) -> NDArray[np.float32]:
        number = _number(text)
        own = np.random.default_rng(number).standard_normal(DIMENSIONS, dtype=np.float32)
        share = np.float32(_SUBJECT_SHARE)
        rest = np.sqrt(1 - share**2) / np.sqrt(np.float32(DIMENSIONS))
        return _unit(share * self._centres[number % self._subjects] + rest * own)


def write_files(folder: Path, first: int, last: int) -> int:
    """Write the passages of these numbers as Markdown, a section each; the number of bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for start in range(first, last, _PASSAGES_A_FILE):
        passages = passage_texts(start, min(start + _PASSAGES_A_FILE, last))
        body = "\n\n".join(f"## Section {start + i}\n\n{text}" for i, text in enumerate(passages))
        content = f"# Document {start}\n\n{body}\n"
        (folder / f"{start:07}.md").write_text(content, encoding="utf-8")
        written += len(content)
    return written


def passage_texts(first: int, last: int) -> Iterator[str]:
    """The texts of the passages of these numbers, one line each."""
    ranks = np.arange(1, _WORDS + 1)
    shares = (1 / ranks) / np.sum(1 / ranks)
    edges = np.cumsum(shares)
    for number in range(first, last):
        drawn = np.searchsorted(edges, np.random.default_rng(number).random(_WORDS_A_PASSAGE))
        yield " ".join(_word(int(word)) for word in drawn) + "."


def subjects(passages: int) -> int:
    """How many subjects so many passages have."""
    return max(1, passages // _PASSAGES_A_SUBJECT)


def _word(number: int) -> str:
    letters = ""
    rest = number + len(_LETTERS) ** 2
    while rest:
        rest, letter = divmod(rest, len(_LETTERS))
        letters += _LETTERS[letter]
    return letters


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit.astype(np.float32)

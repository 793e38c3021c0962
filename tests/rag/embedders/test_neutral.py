"""Taking the language out of vectors: where a model knows both languages, and not where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rag.embedders.cache import VectorCache
from rag.embedders.neutral import NeutralEmbedder
from rag.embedders.parallel_sentences import PARALLEL_SENTENCES
from rag.language import detect_language

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class AccentedEmbedder:
    """Stands where a model does: a vector is what a text says plus its language's own direction.

    Args:
        reads_chinese: without it, all Chinese text says the same to it.
    """

    name = fingerprint = "accented"
    dimensions = 32
    max_tokens = 100

    def __init__(self, *, reads_chinese: bool) -> None:
        self._reads_chinese = reads_chinese

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What each says, by its place among the parallel sentences; others say the first."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            language = detect_language(text)
            sentences = PARALLEL_SENTENCES[language]
            said = sentences.index(text) if text in sentences else 0
            row[said if language == "en" or self._reads_chinese else 24] = 1
            row[30 if language == "en" else 31] = 2
        normalized: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return normalized

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """The same for one text."""
        vector: NDArray[np.float32] = self.embed_documents([text])[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """Characters."""
        return len(text)


def test_a_model_of_both_languages_finds_a_translation_before_its_own_language(tmp_path: Path) -> None:
    model = AccentedEmbedder(reads_chinese=True)
    neutral = NeutralEmbedder(model, VectorCache(tmp_path / "vectors.sqlite3"))
    question, translation, neighbour = (
        PARALLEL_SENTENCES["en"][3],
        PARALLEL_SENTENCES["zh"][3],
        PARALLEL_SENTENCES["en"][5],
    )
    for embedder, translation_first in ((model, False), (neutral, True)):
        similarities = embedder.embed_documents([translation, neighbour]) @ embedder.embed_query(question)
        assert (similarities[0] > similarities[1]) is np.bool_(translation_first)


def test_a_model_of_one_language_is_left_as_it_is(tmp_path: Path) -> None:
    model = AccentedEmbedder(reads_chinese=False)
    path = tmp_path / "vectors.sqlite3"
    for _ in range(2):  # measured, and then taken from the cache
        neutral = NeutralEmbedder(model, VectorCache(path))
        texts = (*PARALLEL_SENTENCES["en"], "知识蒸馏")
        np.testing.assert_allclose(neutral.embed_documents(texts), model.embed_documents(texts), atol=1e-6)
        np.testing.assert_allclose(neutral.embed_query("tea"), model.embed_query("tea"), atol=1e-6)

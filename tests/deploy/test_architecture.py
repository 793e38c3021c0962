"""Tensors and parameter counts from shapes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.architecture import parameter_count, tensors
from deploy.catalog import CatalogModel, load_catalog
from stillroom.errors import PlanError

MODELS = load_catalog().models


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.tag)
def test_parameters_counted_from_the_architecture_are_those_published(model: CatalogModel) -> None:
    assert parameter_count(model.architecture) == model.parameters


def test_a_tied_output_projection_is_counted_once() -> None:
    tied = load_catalog().find("smollm2:135m").architecture
    untied = replace(tied, tied_embeddings=False)
    embedding = tied.vocabulary_size * tied.hidden_size
    assert parameter_count(untied) - parameter_count(tied) == embedding
    assert "output.weight" not in {tensor.name for tensor in tensors(tied)}


def test_qwen2_has_biases_and_qwen3_has_head_norms() -> None:
    catalog = load_catalog()
    qwen2 = {tensor.name: tensor.shape for tensor in tensors(catalog.find("deepseek-r1:7b").architecture)}
    qwen3 = {tensor.name: tensor.shape for tensor in tensors(catalog.find("deepseek-r1:8b").architecture)}
    assert qwen2["blk.0.attn_k.bias"] == (512,)
    assert "blk.0.attn_k_norm.weight" not in qwen2
    assert qwen3["blk.0.attn_k_norm.weight"] == (128,)
    assert "blk.0.attn_k.bias" not in qwen3


def test_rope_factors_of_llama_are_stored_but_are_no_parameters() -> None:
    llama = load_catalog().find("deepseek-r1:70b").architecture
    plain = replace(llama, rope_factors=False)
    assert len(tensors(llama)) == len(tensors(plain)) + 1
    assert parameter_count(llama) == parameter_count(plain)


def test_an_unknown_model_type_is_refused_by_name() -> None:
    mixture = replace(MODELS[0].architecture, model_type="deepseek_v3")
    with pytest.raises(PlanError, match="deepseek_v3"):
        tensors(mixture)

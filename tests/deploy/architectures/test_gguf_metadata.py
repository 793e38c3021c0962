"""Shapes from GGUF metadata and from a running Ollama's answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.architectures.gguf_metadata import architecture_from_gguf, architecture_from_show
from deploy.architectures.hugging_face import read_config
from deploy.architectures.shape import (
    Architecture,
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    LinearAttention,
)
from deploy.architectures.tensors import parameter_count, tensors
from stillroom.errors import PlanError, StillroomError

MODELS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("models.json").read_text())["models"]
NAMED = {model["name"]: model for model in MODELS}
RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "recordings" / "ollama" / "show.json").read_text()
)["body"]

GGUF_NAMES = {
    "deepseek_v2": "deepseek2",
    "deepseek_v3": "deepseek2",
    "gpt_oss": "gpt-oss",
    "mistral": "llama",
    "qwen2_moe": "qwen2moe",
    "qwen3_moe": "qwen3moe",
    "qwen3_next": "qwen3next",
    "qwen3_5": "qwen35",
    "qwen3_5_moe": "qwen35moe",
}
# llama.cpp's converter writes Mistral 7B as a Llama; an indexer's files have an architecture of their own.
READ_AS = {"mistral": "llama"}
CONVERTED = [model for model in MODELS if model["config"]["model_type"] != "deepseek_v32"]


def from_config(name: str) -> Architecture:
    return read_config(NAMED[name]["config"], source="config.json").architecture


def shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in tensors(architecture)}


def metadata(architecture: Architecture) -> dict[str, object]:
    """What llama.cpp's converter writes for a model of that shape."""
    name = GGUF_NAMES.get(architecture.model_type, architecture.model_type)
    keys: dict[str, object] = {
        "block_count": architecture.layer_count,
        "context_length": architecture.max_context_tokens,
        "embedding_length": architecture.hidden_size,
        "vocab_size": architecture.vocabulary_size,
        "embedding_length_per_layer_input": architecture.layers[0].per_layer_input_dim,
    }
    for layer in architecture.layers:
        keys |= attention_keys(layer.attention) | feed_forward_keys(layer.feed_forward)
    softmax = [layer.attention for layer in architecture.layers if isinstance(layer.attention, Attention)]
    if any(attention.window_tokens for attention in softmax):
        keys["attention.sliding_window"] = max(attention.window_tokens for attention in softmax)
        keys["attention.sliding_window_pattern"] = [attention.window_tokens > 0 for attention in softmax]
    if architecture.model_type == "gemma4":
        keys |= gemma4_keys(architecture, softmax)
    dense = [isinstance(layer.feed_forward, FeedForward) for layer in architecture.layers]
    if not all(dense):
        keys["leading_dense_block_count"] = sum(dense)
    return {"general.architecture": name} | {f"{name}.{key}": value for key, value in keys.items()}


def gemma4_keys(architecture: Architecture, attentions: list[Attention]) -> dict[str, object]:
    widths = [
        layer.feed_forward.intermediate_size
        if isinstance(layer.feed_forward, FeedForward)
        else layer.feed_forward.shared_intermediate_size
        for layer in architecture.layers
    ]
    return {
        "attention.head_count_kv": [attention.kv_heads for attention in attentions],
        "attention.key_length": max(attention.key_dim for attention in attentions),
        "attention.value_length": max(attention.key_dim for attention in attentions),
        "attention.key_length_swa": min(attention.key_dim for attention in attentions),
        "attention.value_length_swa": min(attention.key_dim for attention in attentions),
        "attention.shared_kv_layers": sum(attention.shares_cache for attention in attentions),
        "feed_forward_length": widths,
        "expert_shared_count": 0,
    }


def attention_keys(attention: Attention | LatentAttention | LinearAttention) -> dict[str, object]:
    if isinstance(attention, LinearAttention):
        return {
            "ssm.conv_kernel": attention.conv_kernel,
            "ssm.state_size": attention.key_dim,
            "ssm.group_count": attention.key_heads,
            "ssm.time_step_rank": attention.value_heads,
            "ssm.inner_size": attention.value_heads * attention.value_dim,
        }
    if isinstance(attention, LatentAttention):
        return {
            "attention.head_count": attention.heads,
            "attention.head_count_kv": 1,
            "attention.q_lora_rank": attention.query_rank,
            "attention.kv_lora_rank": attention.kv_rank,
            "attention.key_length": attention.kv_rank + attention.rope_dim,
            "attention.value_length": attention.kv_rank,
            "attention.key_length_mla": attention.nope_dim + attention.rope_dim,
            "attention.value_length_mla": attention.value_dim,
            "rope.dimension_count": attention.rope_dim,
        }
    return {
        "attention.head_count": attention.heads,
        "attention.head_count_kv": attention.kv_heads,
        "attention.key_length": attention.key_dim,
        "attention.value_length": attention.value_dim,
    }


def feed_forward_keys(feed_forward: FeedForward | Experts) -> dict[str, object]:
    if isinstance(feed_forward, FeedForward):
        return {"feed_forward_length": feed_forward.intermediate_size}
    return {
        "expert_count": feed_forward.total,
        "expert_used_count": feed_forward.active,
        "expert_feed_forward_length": feed_forward.intermediate_size,
        "expert_shared_feed_forward_length": feed_forward.shared_intermediate_size,
    }


@pytest.mark.parametrize("model", CONVERTED, ids=lambda model: str(model["name"]))
def test_a_converted_model_has_the_shape_of_its_configuration(model: dict[str, Any]) -> None:
    expected = from_config(model["name"])
    found = architecture_from_gguf(metadata(expected), shapes(expected), source="model.gguf")
    assert found == replace(expected, model_type=READ_AS.get(expected.model_type, expected.model_type))


@pytest.mark.parametrize(
    "name", ["Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen3-8B", "google/gemma-3-1b-it", "openai/gpt-oss-20b"]
)
def test_without_a_list_of_tensors_the_family_fills_in_and_that_is_said(name: str) -> None:
    expected = from_config(name)
    found = architecture_from_gguf(metadata(expected), None, source="model.gguf")
    assert replace(found, estimated="") == expected
    assert "without a list of tensors" in found.estimated


def test_a_period_stands_for_a_pattern_of_windows() -> None:
    gemma = from_config("google/gemma-3-27b-it")
    keys = metadata(gemma)
    for pattern in (6, None):  # Ollama's own converter writes none
        keys["gemma3.attention.sliding_window_pattern"] = pattern
        assert architecture_from_gguf(keys, shapes(gemma), source="model.gguf") == gemma


def test_a_model_with_a_prediction_layer_is_planned_without_it() -> None:
    qwen = from_config("Qwen/Qwen3-8B")
    keys = metadata(qwen) | {"qwen3.block_count": 37, "qwen3.nextn_predict_layers": 1}
    assert architecture_from_gguf(keys, shapes(qwen), source="model.gguf").layer_count == 36


def test_the_embeddings_rows_count_before_what_metadata_says() -> None:
    qwen = from_config("Qwen/Qwen3-8B")
    keys = metadata(qwen) | {"qwen3.vocab_size": 151_669}
    assert architecture_from_gguf(keys, shapes(qwen), source="model.gguf").vocabulary_size == 151_936
    del keys["qwen3.vocab_size"]
    keys["tokenizer.ggml.tokens"] = ["a"] * 500
    assert architecture_from_gguf(keys, None, source="model.gguf").vocabulary_size == 500


def test_old_deepseek_files_have_head_sizes_under_plain_keys() -> None:
    lite = from_config("deepseek-ai/DeepSeek-V2-Lite")
    keys = metadata(lite)
    del keys["deepseek2.attention.key_length_mla"]
    del keys["deepseek2.attention.value_length_mla"]
    keys |= {"deepseek2.attention.key_length": 192, "deepseek2.attention.value_length": 128}
    assert architecture_from_gguf(keys, shapes(lite), source="model.gguf") == lite


def test_a_llama_with_experts_is_a_mixtral() -> None:
    llama = from_config("meta-llama/Llama-3.1-8B-Instruct")
    keys = metadata(llama) | {"llama.expert_count": 8, "llama.expert_used_count": 2}
    found = architecture_from_gguf(keys, None, source="model.gguf")
    assert found.model_type == "mixtral"
    assert found.layers[0].feed_forward == Experts(8, 2, 14_336)


def test_a_running_ollamas_answer_gives_the_published_count() -> None:
    found = architecture_from_show(RECORDED, source="smollm2:135m")
    assert parameter_count(found) == RECORDED["model_info"]["general.parameter_count"] == 134_515_008
    assert found == from_config("HuggingFaceTB/SmolLM2-135M-Instruct")


def test_an_answer_without_tensors_still_gives_layers() -> None:
    body = {name: value for name, value in RECORDED.items() if name != "tensors"}
    found = architecture_from_show(body, source="smollm2:135m")
    assert found.layer_count == 30
    assert found.estimated


@pytest.mark.parametrize(
    "field", ["block_count", "embedding_length", "attention.head_count", "context_length"]
)
def test_a_missing_key_is_named(field: str) -> None:
    keys = metadata(from_config("meta-llama/Llama-3.1-8B-Instruct"))
    del keys[f"llama.{field}"]
    with pytest.raises(PlanError, match=f"llama.{field}"):
        architecture_from_gguf(keys, None, source="model.gguf")


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({}, "general.architecture"),
        ({"general.architecture": "bert"}, "bert"),
        ({"general.architecture": "mamba", "mamba.ssm.state_size": 16}, r"mamba\.ssm\.state_size"),
    ],
)
def test_what_is_no_decoder_of_attention_layers_is_refused(keys: dict[str, object], named: str) -> None:
    with pytest.raises(PlanError, match=named):
        architecture_from_gguf(keys, None, source="model.gguf")


def test_an_answer_without_model_info_is_refused() -> None:
    with pytest.raises(PlanError, match="model_info"):
        architecture_from_show({"error": "model not found"}, source="nothing:latest")


def test_an_unknown_architecture_is_estimated_and_says_so() -> None:
    keys = {
        key.replace("llama.", "llama9."): value
        for key, value in metadata(from_config("meta-llama/Llama-3.1-8B-Instruct")).items()
    }
    keys["general.architecture"] = "llama9"
    assert "'llama9'" in architecture_from_gguf(keys, None, source="model.gguf").estimated


ONE_A_FAMILY = {model["config"]["model_type"]: model for model in reversed(CONVERTED)}.values()


@pytest.mark.parametrize("model", ONE_A_FAMILY, ids=lambda model: str(model["config"]["model_type"]))
def test_no_single_wrong_value_raises_anything_but_our_errors(model: dict[str, Any]) -> None:
    wrong: list[object] = [None, True, -1, 0, 1, 7, 10**30, 1e300, "x", [], [None], [1], [True], {}, b"x"]
    architecture = from_config(model["name"])
    keys, listed = metadata(architecture), shapes(architecture)
    for key in keys:
        for value in wrong:
            for known in (listed, None):
                try:
                    found = architecture_from_gguf({**keys, key: value}, known, source="model.gguf")
                except StillroomError:
                    continue
                assert parameter_count(found) > 0


@pytest.mark.parametrize(
    "listed",
    [
        [1],
        [{}],
        [{"name": 3, "shape": [1]}],
        [{"name": "a", "shape": []}],
        [{"name": "a", "shape": "b"}],
        "x",
    ],
)
def test_a_wrong_list_of_tensors_is_refused(listed: object) -> None:
    with pytest.raises(PlanError, match="tensors"):
        architecture_from_show({**RECORDED, "tensors": listed}, source="smollm2:135m")

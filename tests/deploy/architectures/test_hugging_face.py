"""Shapes from config.json: every published count, and what families leave unsaid."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

from deploy.architectures.hugging_face import read_config
from deploy.architectures.shape import (
    Architecture,
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    LinearAttention,
)
from deploy.architectures.tensors import active_parameter_count, layer_parts, parameter_count, tensors
from tests.deploy.architectures.conftest import LLAMA, MODELS, NAMED, shape

COUNTED = [
    model for model in MODELS if model["check"] in {"exact", "exact_plus_duplicate_lm_head", "computed"}
]
WITH_PREDICTION = [model for model in MODELS if model["check"] == "beside a prediction layer"]
GEMMA_3_WITH_VISION = [model for model in MODELS if "vision" in model and "gemma" in model["name"]]
ACTIVE = [model for model in MODELS if "active_parameters_published" in model]


def by_name(model: dict[str, Any]) -> str:
    return str(model["name"])


def transformer_block(vision: dict[str, int]) -> int:
    """Parameters of a block of a vision transformer, biases included."""
    width, inner = vision["hidden_size"], vision["intermediate_size"]
    return 4 * width + 4 * (width * width + width) + 2 * width * inner + inner + width


@pytest.mark.parametrize("model", COUNTED, ids=by_name)
def test_parameters_counted_from_the_configuration_are_those_published(model: dict[str, Any]) -> None:
    architecture = shape(model["config"])
    assert parameter_count(architecture) == model["parameters"]
    assert architecture.estimated == ""
    if model["check"] == "exact":
        assert model["parameters"] == model["parameters_published"]
    if model["check"] == "exact_plus_duplicate_lm_head":
        duplicate = architecture.vocabulary_size * architecture.hidden_size
        assert model["parameters"] + duplicate == model["parameters_published"]


@pytest.mark.parametrize("model", WITH_PREDICTION, ids=by_name)
def test_what_qwen_publishes_beside_the_decoder_is_a_prediction_layer_and_a_vision_tower(
    model: dict[str, Any],
) -> None:
    architecture = shape(model["config"])
    hidden = architecture.hidden_size
    prediction = sum(prod(part[1]) for part in layer_parts(architecture.layers[-1], architecture))
    prediction += 2 * hidden * hidden + 3 * hidden
    tower = 0
    if vision := model.get("vision"):
        width = vision["hidden_size"]
        patches = 3 * 2 * 16 * 16 * width + width + 2304 * width
        merged = 4 * width
        merger = 2 * width + merged * merged + merged + merged * hidden + hidden
        tower = patches + vision["depth"] * transformer_block(vision) + merger
    assert parameter_count(architecture) + prediction + tower == model["parameters_published"]


@pytest.mark.parametrize("model", GEMMA_3_WITH_VISION, ids=by_name)
def test_what_gemma_3_publishes_beside_the_decoder_is_its_vision_tower(model: dict[str, Any]) -> None:
    architecture = shape(model["config"])
    vision, width = model["vision"], model["vision"]["hidden_size"]
    patches = 3 * 14 * 14 * width + width + 4096 * width
    projector = width * architecture.hidden_size + width
    tower = patches + vision["depth"] * transformer_block(vision) + 2 * width + projector
    assert parameter_count(architecture) == model["parameters"]
    assert parameter_count(architecture) + tower == model["parameters_published"]


@pytest.mark.parametrize("model", ACTIVE, ids=by_name)
def test_active_parameters_are_near_the_rounded_figure_of_the_publisher(model: dict[str, Any]) -> None:
    architecture = shape(model["config"])
    published = model["active_parameters_published"]
    # Publishers round to a billion, and some count the embedding.
    embedding = architecture.vocabulary_size * architecture.hidden_size
    active = active_parameter_count(architecture)
    assert active - 0.6e9 <= published <= active + embedding + 0.6e9


@pytest.mark.parametrize(
    ("name", "billions"), [("31B", 30.7), ("12B", 11.9), ("26B-A4B", 25.2), ("E4B", 7.5), ("E2B", 4.6)]
)
def test_gemma_4_decoders_come_to_the_size_without_their_vision_and_audio(name: str, billions: float) -> None:
    architecture = shape(NAMED[f"google/gemma-4-{name}-it"]["config"])
    assert round(parameter_count(architecture) / 1e9, 1) == billions


def test_gemma_4_shares_caches_and_widens_the_layers_that_do() -> None:
    layers = shape(NAMED["google/gemma-4-E2B-it"]["config"]).layers
    assert [isinstance(layer.attention, Attention) and layer.attention.shares_cache for layer in layers] == (
        [False] * 15 + [True] * 20
    )
    assert layers[14].feed_forward == FeedForward(6144)
    assert layers[15].feed_forward == FeedForward(12_288)


def test_gemma_4_global_layers_have_wider_heads_and_values_that_are_keys() -> None:
    sliding, full = shape(NAMED["google/gemma-4-31B-it"]["config"]).distinct_layers
    assert isinstance(sliding.attention, Attention)
    assert isinstance(full.attention, Attention)
    assert (sliding.attention.key_dim, sliding.attention.kv_heads, sliding.attention.window_tokens) == (
        256,
        16,
        1024,
    )
    assert (full.attention.key_dim, full.attention.kv_heads, full.attention.window_tokens) == (512, 4, 0)
    assert full.attention.keys_are_values


def test_deepseek_v3_is_latent_with_three_dense_layers_and_a_corrected_router() -> None:
    architecture = shape(NAMED["deepseek-ai/DeepSeek-R1"]["config"])
    assert architecture.is_latent
    assert architecture.layers[2].feed_forward == FeedForward(18_432)
    assert architecture.layers[3].feed_forward == Experts(256, 8, 2048, 2048, router_bias=True)
    attention = architecture.layers[0].attention
    assert isinstance(attention, LatentAttention)
    assert attention.kv_rank + attention.rope_dim == 576


def test_qwen3_next_attends_in_every_fourth_layer() -> None:
    architecture = shape(NAMED["Qwen/Qwen3-Next-80B-A3B-Instruct"]["config"])
    kinds = [type(layer.attention) for layer in architecture.layers]
    assert kinds[:4] == [LinearAttention, LinearAttention, LinearAttention, Attention]
    assert kinds.count(Attention) == 12


def windows(architecture: Architecture) -> list[int]:
    return [
        layer.attention.window_tokens
        for layer in architecture.layers
        if isinstance(layer.attention, Attention)
    ]


def test_gemma_3_slides_in_five_of_six_layers() -> None:
    found = windows(shape(NAMED["google/gemma-3-27b-it"]["config"]))
    assert found[:6] == [1024] * 5 + [0]
    assert found.count(0) == 10


def test_gpt_oss_slides_in_every_other_layer() -> None:
    assert windows(shape(NAMED["openai/gpt-oss-20b"]["config"])) == [128, 0] * 12


def test_layer_types_decide_where_they_are_given() -> None:
    types = ["full_attention", "sliding_attention"] * 16
    mistral = {**NAMED["mistralai/Mistral-7B-Instruct-v0.3"]["config"], "sliding_window": 4096}
    assert windows(shape({**mistral, "layer_types": types})) == [0, 4096] * 16
    assert windows(shape(mistral)) == [4096] * 32


def test_qwen2_slides_only_where_it_says_so_and_after_the_layers_that_it_names() -> None:
    qwen = {**NAMED["Qwen/Qwen2.5-7B-Instruct"]["config"], "sliding_window": 4096, "max_window_layers": 20}
    assert windows(shape(qwen)) == [0] * 28
    assert windows(shape({**qwen, "use_sliding_window": True})) == [0] * 20 + [4096] * 8


def test_qwen2_has_biases_and_qwen3_has_head_norms() -> None:
    qwen2 = {tensor.name for tensor in tensors(shape(NAMED["Qwen/Qwen2.5-7B-Instruct"]["config"]))}
    qwen3 = {tensor.name for tensor in tensors(shape(NAMED["Qwen/Qwen3-8B"]["config"]))}
    assert "blk.0.attn_k.bias" in qwen2 - qwen3
    assert "blk.0.attn_k_norm.weight" in qwen3 - qwen2


def test_llama_3_carries_rope_factors_for_half_a_head() -> None:
    architecture = shape(LLAMA)
    assert (architecture.rope_factors, architecture.rope_factor_count) == (True, 64)


def test_equal_layers_are_one_object() -> None:
    layers = shape(LLAMA).layers
    assert all(layer is layers[0] for layer in layers)


def test_gemma_ties_embeddings_where_its_configuration_says_nothing() -> None:
    config = {**NAMED["google/gemma-3-1b-it"]["config"]}
    del config["tie_word_embeddings"]
    assert shape(config).tied_embeddings


def test_the_text_part_of_a_multimodal_model_is_read_with_its_familys_defaults() -> None:
    # As published for google/gemma-3-4b-it: heads and vocabulary are transformers' defaults.
    text = {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10_240,
        "num_hidden_layers": 34,
    }
    config = {
        "model_type": "gemma3",
        "text_config": {
            **text,
            "sliding_window": 1024,
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        },
        "vision_config": {"hidden_size": 1152},
    }
    architecture = shape(config)
    assert parameter_count(architecture) == 3_880_263_168
    assert architecture.model_type == "gemma3"
    assert "vision" in architecture.estimated


def test_an_unknown_decoder_is_estimated_and_says_what_was_assumed() -> None:
    architecture = shape({**LLAMA, "model_type": "llama9"})
    assert parameter_count(architecture) == 8_030_261_248
    assert "'llama9' is not known" in architecture.estimated


def test_an_unknown_mixture_is_estimated_by_its_experts() -> None:
    config = {
        **LLAMA,
        "model_type": "new",
        "n_routed_experts": 8,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 64,
    }
    assert shape(config).layers[0].feed_forward == Experts(8, 2, 64)


@pytest.mark.parametrize(
    ("quantization", "stored_as", "bits", "group_size"),
    [
        (None, "BF16", 0, 0),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "AWQ", 4, 128),
        ({"quant_method": "gptq", "bits": 8, "group_size": -1}, "GPTQ-INT8", 8, 0),
        ({"quant_method": "gptq", "bits": 4, "group_size": 32}, "GPTQ-G32", 4, 32),
        ({"quant_method": "fp8", "activation_scheme": "dynamic"}, "FP8", 0, 0),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "FP8_BLOCK", 0, 0),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
            "NF4-DQ",
            0,
            0,
        ),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "NF4", 0, 0),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "INT8", 0, 0),
        ({"quant_method": "mxfp4"}, "MXFP4", 0, 0),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "NVFP4", 0, 0),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "NVFP4", 0, 0),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 128}}},
            },
            "W4A16",
            4,
            128,
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "float-quantized",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "FP8",
            0,
            0,
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "int-quantized",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}},
            },
            "INT8",
            8,
            0,
        ),
        ({"quant_method": "new-method"}, "NEW-METHOD", 0, 0),
    ],
)
def test_the_stored_format_is_the_one_that_the_configuration_names(
    quantization: dict[str, Any] | None, stored_as: str, bits: int, group_size: int
) -> None:
    found = read_config({**LLAMA, "quantization_config": quantization}, source="config.json")
    assert (found.stored_as, found.bits, found.group_size) == (stored_as, bits, group_size)


def test_unquantized_weights_have_the_type_that_the_configuration_names() -> None:
    assert read_config({**LLAMA, "torch_dtype": "float16"}, source="config.json").stored_as == "F16"
    assert read_config({**LLAMA, "dtype": "float32"}, source="config.json").weight_dtype == "F32"

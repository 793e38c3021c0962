"""Names of quantizations, and what each costs in ability."""

from __future__ import annotations

import pytest

from deploy.quantizations.block_types import BLOCK_TYPES, stored_bytes
from deploy.quantizations.quality import FOUR_BIT_LOSSES, ability_loss
from deploy.quantizations.quantization import QUANTIZATIONS, find_quantization
from stillroom.errors import PlanError

SIZES = (0.135, 0.6, 1.5, 4.0, 7.6, 14.8, 32.8, 70.6, 671.0, 1600.0)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("q4_k_m", "Q4_K_M"),
        (" Q4_K ", "Q4_K_M"),
        ("fp16", "F16"),
        ("bf16", "BF16"),
        ("gptq_g32", "GPTQ-G32"),
        ("int4", "W4A16"),
        ("mxfp4-moe", "MXFP4_MOE"),
    ],
)
def test_a_quantization_is_found_as_people_write_it(written: str, name: str) -> None:
    assert find_quantization(written).name == name


def test_a_name_of_two_formats_is_told_apart_by_the_format() -> None:
    assert find_quantization("F16").file_format == "gguf"
    assert find_quantization("BF16").file_format == "safetensors"
    assert find_quantization("F16", "safetensors").file_format == "safetensors"
    assert find_quantization("bf16", "gguf").base_type == "BF16"


def test_an_unknown_quantization_is_refused_with_those_that_exist() -> None:
    with pytest.raises(PlanError, match=r"Q9_K.*Q4_K_M.*AWQ"):
        find_quantization("Q9_K")
    with pytest.raises(PlanError, match=r"'AWQ' in gguf files; known are (?!.*GPTQ)"):
        find_quantization("AWQ", "gguf")


def test_blocks_have_the_bits_per_weight_of_their_definition() -> None:
    assert BLOCK_TYPES["Q4_K"].bits_per_weight == 4.5
    assert BLOCK_TYPES["IQ1_S"].bits_per_weight == 1.5625
    assert BLOCK_TYPES["NVFP4"].bits_per_weight == 4.5
    assert stored_bytes((256, 4, 512), "Q6_K") == 256 * 4 * 2 * 210


@pytest.mark.parametrize("point", FOUR_BIT_LOSSES)
def test_four_bits_cost_what_was_measured_at_the_measured_sizes(point: tuple[float, float]) -> None:
    size, loss = point
    assert ability_loss("GPTQ", size) == pytest.approx(loss)


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_a_quantization_costs_smaller_models_more(name: str) -> None:
    losses = [ability_loss(name, size) for size in SIZES]
    assert losses == sorted(losses, reverse=True)
    assert all(0 <= loss <= 1 for loss in losses)


@pytest.mark.parametrize("size", SIZES)
def test_fewer_bits_cost_more(size: float) -> None:
    ladder = [
        "BF16",
        "Q8_0",
        "Q6_K",
        "Q5_K_M",
        "Q4_K_M",
        "Q4_K_S",
        "Q3_K_L",
        "Q3_K_M",
        "Q3_K_S",
        "Q2_K",
        "IQ1_S",
    ]
    losses = [ability_loss(name, size) for name in ladder]
    assert losses == sorted(losses)


def test_two_bits_cost_a_70b_what_llamacpp_measured_of_another_70b() -> None:
    # Llama-2-70B, perplexity of Q2_K over fp16: +8.82 % (llama.cpp, tools/perplexity/README.md, old numbers).
    assert ability_loss("Q2_K", 70.6) == pytest.approx(0.0882, abs=0.02)


def test_eight_bit_integers_cost_what_neural_magic_found() -> None:
    # About 97 % recovered at 1.5B, and near-perfect from 7B on.
    assert ability_loss("INT8", 1.5) == pytest.approx(0.03, abs=0.01)
    assert ability_loss("INT8", 14.8) < 0.01


def test_the_precision_that_was_published_costs_nothing() -> None:
    assert ability_loss("MXFP4_MOE", 20.9, published_in="MXFP4") == 0.0
    assert ability_loss("BF16", 20.9, published_in="MXFP4") == 0.0
    assert ability_loss("Q4_K_M", 20.9, published_in="MXFP4") > 0.0


@pytest.mark.parametrize("size", [0.0, -7.0])
def test_a_model_without_parameters_is_refused(size: float) -> None:
    with pytest.raises(PlanError, match="more than 0 parameters"):
        ability_loss("Q4_K_M", size)

"""Bytes of weights, against figures that were derived or published elsewhere (``published_sizes.json``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.catalog import load_catalog
from deploy.quantization import QUANTIZATIONS, compute_artefact, find_quantization
from stillroom.errors import PlanError

PUBLISHED: dict[str, Any] = json.loads(Path(__file__).with_name("published_sizes.json").read_text())
GGUF = PUBLISHED["gguf_tensors"]["tensor_bytes_and_token_embedding_bytes"]
SAFETENSORS = PUBLISHED["safetensors"]["checkpoint_bytes"]
OLLAMA = PUBLISHED["ollama_files"]["bytes"]

# The tokenizer, a template and a licence are in the file beside the tensors.
LARGEST_HEADER_BYTES = 10_000_000


@pytest.mark.parametrize(
    ("tag", "quantization"), [(tag, quantization) for tag, row in GGUF.items() for quantization in row]
)
def test_gguf_tensors_are_right_to_the_byte(tag: str, quantization: str) -> None:
    artefact = compute_artefact(load_catalog().find(tag).architecture, quantization)
    assert [artefact.total_bytes, artefact.cpu_resident_bytes] == GGUF[tag][quantization]


@pytest.mark.parametrize(
    ("tag", "quantization"), [(tag, quantization) for tag, row in SAFETENSORS.items() for quantization in row]
)
def test_safetensors_checkpoints_are_right_to_the_byte(tag: str, quantization: str) -> None:
    artefact = compute_artefact(load_catalog().find(tag).architecture, quantization)
    assert artefact.total_bytes == SAFETENSORS[tag][quantization]
    assert artefact.cpu_resident_bytes == 0


@pytest.mark.parametrize("tag", [tag for tag in OLLAMA if tag != "deepseek-r1:8b"])
def test_ollama_files_are_the_tensors_and_a_header(tag: str) -> None:
    artefact = compute_artefact(load_catalog().find(tag).architecture, "Q4_K_M")
    assert 0 < OLLAMA[tag] - artefact.total_bytes < LARGEST_HEADER_BYTES


def test_ollamas_qwen3_build_is_explained_only_by_f16_attention_values() -> None:
    architecture = load_catalog().find("deepseek-r1:8b").architecture
    stock = compute_artefact(architecture, "Q4_K_M")
    f16_values = compute_artefact(architecture, "Q4_K_M", attention_value_type="F16")
    assert OLLAMA["deepseek-r1:8b"] - stock.total_bytes > 200_000_000
    assert 0 < OLLAMA["deepseek-r1:8b"] - f16_values.total_bytes < LARGEST_HEADER_BYTES


def test_the_bundled_file_is_computed_to_the_byte_with_its_fallback_for_short_rows() -> None:
    # Rows of 576 do not fill blocks of 256, so the tied embedding falls back from Q6_K to Q8_0. The figure is
    # the sum over the tensor infos in the header of SmolLM2-135M-Instruct.Q4_1.gguf.
    artefact = compute_artefact(load_catalog().find("smollm2:135m").architecture, "Q4_1")
    assert artefact.total_bytes == 96_576_768


def test_more_nominal_bits_never_take_fewer_bytes() -> None:
    architecture = load_catalog().find("deepseek-r1:14b").architecture
    ladder = ["Q2_K", "Q3_K_M", "IQ4_XS", "Q4_0", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16"]
    sizes = [compute_artefact(architecture, name).total_bytes for name in ladder]
    assert sizes == sorted(sizes)


def test_a_quantization_is_found_in_any_case() -> None:
    assert find_quantization("q4_k_m") is QUANTIZATIONS["Q4_K_M"]


def test_an_unknown_quantization_is_refused_with_those_that_exist() -> None:
    with pytest.raises(PlanError, match=r"Q9_K.*Q4_K_M"):
        find_quantization("Q9_K")

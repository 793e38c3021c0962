"""Computed checkpoints, against bytes that were derived or published elsewhere (``published_bytes.json``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.architectures.hugging_face import read_config
from deploy.architectures.shape import Architecture, Attention, Experts, FeedForward, Layer
from deploy.architectures.tensors import parameter_count
from deploy.quantizations.checkpoint import compute_checkpoint
from deploy.quantizations.quantization import QUANTIZATIONS, find_quantization

PUBLISHED: dict[str, Any] = json.loads(Path(__file__).with_name("published_bytes.json").read_text())
GGUF = PUBLISHED["gguf"]["bytes"]
SAFETENSORS = PUBLISHED["safetensors"]["bytes"]
FILES = PUBLISHED["files"]["of"]
ROUNDED = PUBLISHED["rounded_files"]["of"]
BITS_PER_WEIGHT = PUBLISHED["bits_per_weight"]["by_quantization"]

MB = 10**6
# The tokenizer, template and licence are in the file beside the tensors; gpt-oss has the largest vocabulary.
LARGEST_HEADER_BYTES = 10 * MB
LARGEST_VOCABULARY_BYTES = 14 * MB


def architecture_of(model: str) -> Architecture:
    return read_config(PUBLISHED["configs"]["by_model"][model], source=model).architecture


def kinds_of(architecture: Architecture, quantization: str) -> dict[str, str]:
    return {t.name: t.kind for t in compute_checkpoint(architecture, quantization).tensors}


@pytest.mark.parametrize(("model", "quantization"), [(m, q) for m, row in GGUF.items() for q in row])
def test_gguf_tensors_are_right_to_the_byte(model: str, quantization: str) -> None:
    checkpoint = compute_checkpoint(architecture_of(model), quantization)
    artefact = checkpoint.artefact
    assert [artefact.total_bytes, artefact.cpu_resident_bytes] == GGUF[model][quantization]
    assert checkpoint.file_format == "gguf"
    assert not checkpoint.exact


@pytest.mark.parametrize(("model", "quantization"), [(m, q) for m, row in SAFETENSORS.items() for q in row])
def test_safetensors_checkpoints_are_right_to_the_byte(model: str, quantization: str) -> None:
    artefact = compute_checkpoint(architecture_of(model), quantization).artefact
    assert artefact.total_bytes == SAFETENSORS[model][quantization]
    assert artefact.cpu_resident_bytes == 0


@pytest.mark.parametrize("quantization", BITS_PER_WEIGHT)
def test_bits_per_weight_of_llama_are_llamacpps_own_to_four_decimals(quantization: str) -> None:
    llama = architecture_of("R1-Distill-Llama-8B")
    bits = compute_checkpoint(llama, quantization).tensor_bytes * 8 / parameter_count(llama)
    assert bits == pytest.approx(BITS_PER_WEIGHT[quantization], abs=5e-5)


@pytest.mark.parametrize(
    "file", FILES, ids=lambda file: f"{file['model']}-{file['quantization']}-{file['bytes']}"
)
def test_published_files_are_the_tensors_and_a_header(file: dict[str, Any]) -> None:
    options = file.get("options", {})
    checkpoint = compute_checkpoint(architecture_of(file["model"]), file["quantization"], **options)
    header = LARGEST_VOCABULARY_BYTES if file["model"] == "gpt-oss-20b" else LARGEST_HEADER_BYTES
    # phi-4's file was made when a fused attn_qkv was all Q5_K, and its tensors are 6 MB fewer than today's.
    at_least = -3 * MB if file["model"] == "phi-4" else 0
    assert at_least <= file["bytes"] - checkpoint.tensor_bytes < header


@pytest.mark.parametrize("file", ROUNDED, ids=lambda file: f"{file['model']}-{file['quantization']}")
def test_rounded_sizes_of_published_files_agree(file: dict[str, Any]) -> None:
    tensor_gb = compute_checkpoint(architecture_of(file["model"]), file["quantization"]).tensor_bytes / 10**9
    half = file["digit"] / 2
    header_gb = LARGEST_HEADER_BYTES / 10**9
    assert file["gb"] - half - header_gb <= tensor_gb <= file["gb"] + half


def test_llamacpps_buffers_of_a_loaded_model_are_the_tensors_with_and_without_the_embedding() -> None:
    # ggml-org/llama.cpp#12171: all layers of Qwen2.5-14B Q4_K_M on the GPU.
    artefact = compute_checkpoint(architecture_of("R1-Distill-Qwen-14B"), "Q4_K_M").artefact
    assert artefact.cpu_resident_bytes / 2**20 == pytest.approx(417.66, abs=0.005)
    assert (artefact.total_bytes - artefact.cpu_resident_bytes) / 2**20 == pytest.approx(8148.38, abs=0.005)


def test_ollamas_671b_is_explained_only_by_an_expansion_that_is_not_split() -> None:
    r1 = architecture_of("DeepSeek-R1")
    split = compute_checkpoint(r1, "Q4_K_M")
    joined = compute_checkpoint(r1, "Q4_K_M", joined_kv_b=True)
    file_bytes = 404_430_188_519
    assert file_bytes < split.tensor_bytes
    assert 0 < file_bytes - joined.tensor_bytes < LARGEST_HEADER_BYTES
    # The header that llama.cpp logs of that file: 606 tensors of Q4_K, 58 of Q6_K and 361 of F32.
    kinds = [tensor.kind for tensor in joined.tensors]
    assert {kind: kinds.count(kind) for kind in kinds} == {"Q4_K": 606, "Q6_K": 58, "F32": 361}


def test_routers_vectors_and_biases_stay_in_32_bits_and_experts_are_quantized() -> None:
    kinds = kinds_of(architecture_of("gpt-oss-20b"), "MXFP4_MOE")
    assert kinds["blk.0.ffn_gate_inp.weight"] == "F32"
    assert kinds["blk.0.ffn_gate_exps.bias"] == "F32"
    assert kinds["blk.0.attn_norm.weight"] == "F32"
    assert kinds["blk.0.ffn_down_exps.weight"] == "MXFP4"
    assert kinds["blk.0.attn_q.weight"] == "Q8_0"
    # ggml-org/gpt-oss-20b-GGUF: 289 tensors of F32, 98 of Q8_0, 72 of MXFP4.
    values = list(kinds.values())
    assert [values.count(kind) for kind in ("F32", "Q8_0", "MXFP4")] == [289, 98, 72]


def test_rows_that_are_not_whole_blocks_of_256_fall_back_to_blocks_of_32() -> None:
    kinds = kinds_of(architecture_of("Qwen2.5-0.5B"), "Q4_K_M")  # rows of 896
    assert kinds["blk.10.attn_q.weight"] == "Q5_0"
    assert kinds["blk.0.attn_v.weight"] == "Q8_0"  # would be Q6_K
    assert kinds["token_embd.weight"] == "Q8_0"
    assert kinds["blk.10.ffn_down.weight"] == "Q4_K"  # rows of 4864 are whole blocks


def test_rows_that_are_not_whole_blocks_of_32_stay_in_16_bits() -> None:
    odd = Architecture("llama", 40, 128, (Layer(Attention(4, 2, 10, 10), FeedForward(100)),), 512)
    assert kinds_of(odd, "Q4_K_M")["blk.0.attn_q.weight"] == "F16"


def test_exactly_eight_experts_get_more_bits_in_attention() -> None:
    def mixture(experts: int) -> Architecture:
        layer = Layer(Attention(32, 8, 128, 128), Experts(experts, 2, 14336))
        return Architecture("mixtral", 4096, 32000, (layer,) * 32, 32768)

    eight, sixteen = (kinds_of(mixture(experts), "Q4_K_M") for experts in (8, 16))
    names = [f"blk.4.attn_{part}.weight" for part in ("k", "v", "output")]
    assert [eight[name] for name in names] == ["Q8_0", "Q8_0", "Q5_K"]
    assert [sixteen[name] for name in names] == ["Q4_K", "Q4_K", "Q4_K"]


def test_eighty_layers_of_qwen2_are_a_70b_to_llamacpp_as_llamas_are() -> None:
    qwen, llama = (kinds_of(architecture_of(m), "Q4_K_M") for m in ("Qwen2.5-72B", "R1-Distill-Llama-70B"))
    assert {qwen[f"blk.{layer}.attn_v.weight"] for layer in range(80)} == {"Q5_K", "Q6_K"}
    assert {llama[f"blk.{layer}.attn_v.weight"] for layer in range(80)} == {"Q5_K", "Q6_K"}


def test_only_projections_of_layers_are_packed_in_safetensors() -> None:
    kinds = kinds_of(architecture_of("R1-Distill-Llama-8B"), "AWQ")
    assert kinds["blk.0.attn_q.weight"] == "AWQ"
    assert {kinds[name] for name in ("token_embd.weight", "output.weight", "output_norm.weight")} == {"BF16"}
    assert "rope_freqs.weight" not in kinds


def test_mxfp4_packs_nothing_but_experts_where_there_are_some() -> None:
    kinds = kinds_of(architecture_of("gpt-oss-20b"), "MXFP4")
    assert {name for name, kind in kinds.items() if kind == "MXFP4"} == {
        f"blk.{layer}.ffn_{part}_exps.weight" for layer in range(24) for part in ("gate", "up", "down")
    }


def test_groups_and_bits_of_a_packed_format_can_be_told() -> None:
    qwen = architecture_of("R1-Distill-Qwen-7B")
    told = compute_checkpoint(qwen, "GPTQ", group_size=32).tensor_bytes
    assert told == compute_checkpoint(qwen, "GPTQ-G32").tensor_bytes
    # 8 bits a weight, and a 16-bit scale and an 8-bit zero point for 128 of the 6,525,288,448 that are packed
    eight_bits = 6_525_288_448 + 6_525_288_448 // 128 * 3 + 1_090_328_064 * 2
    assert compute_checkpoint(qwen, "GPTQ", weight_bits=8).tensor_bytes == eight_bits


@pytest.mark.parametrize("model", PUBLISHED["configs"]["by_model"])
def test_fewer_bits_never_take_more_bytes(model: str) -> None:
    architecture = architecture_of(model)
    ladder = [
        "F32",
        "F16",
        "Q8_0",
        "Q6_K",
        "Q5_K_M",
        "Q5_K_S",
        "Q4_K_M",
        "Q4_K_S",
        "Q3_K_L",
        "Q3_K_M",
        "Q3_K_S",
    ]
    sizes = [compute_checkpoint(architecture, name).tensor_bytes for name in ladder]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", QUANTIZATIONS)
def test_every_quantization_of_every_model_is_between_one_and_thirty_two_bits(name: str) -> None:
    for model in PUBLISHED["configs"]["by_model"]:
        architecture = architecture_of(model)
        checkpoint = compute_checkpoint(architecture, name)
        assert 1 < checkpoint.tensor_bytes * 8 / parameter_count(architecture) < 32.1
        assert checkpoint.file_bytes == checkpoint.tensor_bytes
        assert checkpoint.quantization == find_quantization(name).name

"""From headers to checkpoints: what the quantization is called, and what is one tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.checkpoints.byte_source import LocalFile
from deploy.checkpoints.checkpoint_reader import (
    checkpoint_from_gguf,
    checkpoint_from_safetensors,
    quantization_of_config,
)
from deploy.checkpoints.gguf_file import GgufFile, GgufTensor, read_gguf
from deploy.checkpoints.safetensors_file import SafetensorsFile, SafetensorsTensor

if TYPE_CHECKING:
    from deploy.checkpoint import StoredTensor
    from deploy.weights import WeightsFile

Q = "model.layers.0.self_attn.q_proj"


def joined(*tensors: SafetensorsTensor, quantization: str = "", bits: int = 4) -> StoredTensor:
    """The one tensor that those are."""
    file = SafetensorsFile(tensors, 0)
    (tensor,) = checkpoint_from_safetensors(file, "x", quantization=quantization, bits=bits).tensors
    return tensor


def test_the_bundled_model_is_a_checkpoint_of_its_whole_file(bundled_weights: WeightsFile) -> None:
    checkpoint = checkpoint_from_gguf(read_gguf(LocalFile(bundled_weights.path)), "the bundled model")

    assert checkpoint.quantization == "Q4_1"
    assert checkpoint.exact
    assert checkpoint.file_bytes == bundled_weights.bytes
    # 1,785,664 bytes of header, and nothing is lost to alignment in this file.
    assert checkpoint.tensor_bytes == bundled_weights.bytes - 1_785_664
    assert checkpoint.artefact.cpu_resident_bytes == 49152 * 576 // 32 * 34
    assert {tensor.layer for tensor in checkpoint.tensors} == {None, *range(30)}
    assert not [tensor.name for tensor in checkpoint.tensors if tensor.role == "other"]


@pytest.mark.parametrize(
    ("stated", "name"),
    [(15, "Q4_K_M"), (32, "BF16"), (38, "MXFP4_MOE"), (None, "Q4_K"), (4, "Q4_K"), ("15", "Q4_K")],
)
def test_the_quantization_is_what_the_file_says_or_else_what_most_weights_are(
    stated: object, name: str
) -> None:
    tensors = (
        GgufTensor("blk.0.ffn_up.weight", (1024, 256), "Q4_K", 0, 147_456),
        GgufTensor("blk.0.ffn_down.weight", (256, 256), "Q6_K", 147_456, 53_760),
        GgufTensor("blk.0.ffn_norm.weight", (10**9,), "F32", 0, 0),
    )
    metadata = {} if stated is None else {"general.file_type": stated}

    assert checkpoint_from_gguf(GgufFile(3, metadata, tensors, 0, 0), "x").quantization == name


def test_a_fused_projection_is_linear_attention_where_its_layer_has_a_state() -> None:
    tensors = tuple(
        GgufTensor(name, (8, 8), "F32", 0, 256)
        for name in ("blk.0.attn_qkv.weight", "blk.0.ssm_a", "blk.1.attn_qkv.weight")
    )

    roles = [tensor.role for tensor in checkpoint_from_gguf(GgufFile(3, {}, tensors, 0, 0), "x").tensors]

    assert roles == ["linear_attention", "linear_state", "attention_qkv"]


def test_awq_and_gptq_weights_are_one_tensor_each_with_their_scales_and_the_weights_own_shape() -> None:
    # Qwen2.5-7B-Instruct-AWQ and -GPTQ-Int4: 3584 inputs and outputs, groups of 128.
    awq = joined(
        SafetensorsTensor(f"{Q}.qweight", "I32", (3584, 448), 6_422_528),
        SafetensorsTensor(f"{Q}.qzeros", "I32", (28, 448), 50_176),
        SafetensorsTensor(f"{Q}.scales", "F16", (28, 3584), 200_704),
        quantization="AWQ",
    )
    gptq = joined(
        SafetensorsTensor(f"{Q}.g_idx", "I32", (3584,), 14_336),
        SafetensorsTensor(f"{Q}.qweight", "I32", (448, 3584), 6_422_528),
        SafetensorsTensor(f"{Q}.qzeros", "I32", (28, 448), 50_176),
        SafetensorsTensor(f"{Q}.scales", "F16", (28, 3584), 200_704),
        quantization="GPTQ",
    )

    assert (awq.name, awq.shape, awq.kind, awq.role) == (f"{Q}.weight", (3584, 3584), "AWQ", "attention_q")
    assert awq.stored_bytes == 6_422_528 + 50_176 + 200_704
    assert (gptq.shape, gptq.kind, gptq.stored_bytes) == ((3584, 3584), "GPTQ", awq.stored_bytes + 14_336)


def test_an_eight_bit_gptq_weight_without_an_order_has_four_weights_a_word() -> None:
    tensor = joined(
        SafetensorsTensor(f"{Q}.qweight", "I32", (64, 512), 131_072),
        SafetensorsTensor(f"{Q}.scales", "F16", (2, 512), 2048),
        quantization="GPTQ",
        bits=8,
    )

    assert tensor.shape == (512, 256)


def test_packed_formats_of_four_bits_get_their_own_shape_back() -> None:
    nvfp4 = joined(
        SafetensorsTensor(f"{Q}.weight", "U8", (128, 64), 8192),
        SafetensorsTensor(f"{Q}.weight_scale", "F8_E4M3", (128, 8), 1024),
        SafetensorsTensor(f"{Q}.weight_scale_2", "F32", (), 4),
        quantization="NVFP4",
    )
    w4a16 = joined(
        SafetensorsTensor(f"{Q}.weight_packed", "I32", (128, 16), 8192),
        SafetensorsTensor(f"{Q}.weight_scale", "BF16", (128, 1), 256),
        SafetensorsTensor(f"{Q}.weight_shape", "I64", (2,), 16),
        quantization="W4A16",
    )
    experts = "model.layers.0.mlp.experts.gate_up_proj"
    mxfp4 = joined(
        SafetensorsTensor(f"{experts}_blocks", "U8", (32, 5760, 90, 16), 265_420_800),
        SafetensorsTensor(f"{experts}_scales", "U8", (32, 5760, 90), 16_588_800),
        quantization="MXFP4",
    )

    assert nvfp4.shape == w4a16.shape == (128, 128)
    assert (mxfp4.shape, mxfp4.stored_bytes) == ((32, 5760, 2880), 282_009_600)


def test_fp8_with_scales_keeps_its_shape_and_bfloat16_stays_as_it_is() -> None:
    file = SafetensorsFile(
        (
            SafetensorsTensor(f"{Q}.weight", "F8_E4M3", (256, 128), 32_768),
            SafetensorsTensor(f"{Q}.weight_scale_inv", "F32", (2, 1), 8),
            SafetensorsTensor(f"{Q}.bias", "BF16", (256,), 512),
        ),
        40_000,
    )

    checkpoint = checkpoint_from_safetensors(file, "x")

    assert [(t.shape, t.kind, t.stored_bytes) for t in checkpoint.tensors] == [
        ((256, 128), "F8_E4M3", 32_776),
        ((256,), "BF16", 512),
    ]
    assert checkpoint.quantization == "FP8"
    assert checkpoint.file_bytes == 40_000
    assert checkpoint.artefact.cpu_resident_bytes == 0


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ("", 16)),
        ({"quantization_config": None}, ("", 16)),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, ("AWQ", 4)),
        ({"quantization_config": {"quant_method": "fp8"}}, ("FP8", 8)),
        ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}, ("FP8_BLOCK", 8)),
        ({"text_config": {"quantization_config": {"quant_method": "mxfp4"}}}, ("MXFP4", 4)),
        ({"quantization_config": {"quant_method": "bitsandbytes", "bnb_4bit_quant_type": "nf4"}}, ("NF4", 4)),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, ("INT8", 8)),
        ({"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}}, ("NVFP4", 4)),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
                }
            },
            ("FP8", 8),
        ),
        (
            {
                "quantization_config": {
                    "quant_method": "compressed-tensors",
                    "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}},
                }
            },
            ("W4A16", 4),
        ),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, ("COMPRESSED-TENSORS", 8)),
    ],
)
def test_a_configuration_tells_the_format(config: dict[str, object], expected: tuple[str, int]) -> None:
    assert quantization_of_config(config) == expected

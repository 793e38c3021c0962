"""From a header to a ``Checkpoint``: roles, layers, and what people call the quantization.

In a quantized safetensors checkpoint a weight comes with scales, zero points and the like as tensors of their
own: here they are one stored tensor, as the memory model takes it. Nothing here reads a file.
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING, Final

from deploy.checkpoint import Checkpoint, StoredTensor
from deploy.checkpoints.tensor_roles import PARAMETER_SUFFIX, role_of_gguf, role_of_safetensors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deploy.checkpoints.gguf_file import GgufFile
    from deploy.checkpoints.safetensors_file import SafetensorsFile, SafetensorsTensor

# llama.cpp, include/llama.h: enum llama_ftype, by llama-quantize's names. The gaps were removed types.
FILE_TYPES: Final = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}

# What several weights are packed into.
_BITS_OF_PACKED_WORD: Final = {"I32": 32, "U32": 32, "U8": 8, "I8": 8}
_NOT_WEIGHTS: Final = frozenset({"norm", "bias", "rope_factors"})
_DTYPE_NAMES: Final = {"F8_E4M3": "FP8", "F8_E5M2": "FP8", "I8": "INT8"}


def checkpoint_from_gguf(file: GgufFile, source_name: str) -> Checkpoint:
    """A GGUF file, or all parts of one, as a checkpoint.

    Args:
        file: its header.
        source_name: the path or URL, for a reader.
    """
    roles = {tensor.name: role_of_gguf(tensor.name) for tensor in file.tensors}
    recurrent = {layer for role, layer in roles.values() if role == "linear_state"}
    tensors = []
    for tensor in file.tensors:
        role, layer = roles[tensor.name]
        if role == "attention_qkv" and layer in recurrent:
            role = "linear_attention"  # Qwen3-Next and its kin give the fused projection the same name
        tensors.append(StoredTensor(tensor.name, tensor.shape, role, layer, tensor.kind, tensor.stored_bytes))
    stated = file.metadata.get("general.file_type")
    name = FILE_TYPES.get(stated) if isinstance(stated, int) else None
    return Checkpoint(
        quantization=name or _most_common_kind(tensors),
        file_format="gguf",
        tensors=tuple(tensors),
        file_bytes=file.file_bytes,
        exact=True,
        source=f"header of {source_name}",
    )


def checkpoint_from_safetensors(
    file: SafetensorsFile, source_name: str, *, quantization: str = "", bits: int = 4
) -> Checkpoint:
    """A safetensors file, or all shards of a model, as a checkpoint.

    Args:
        file: its header.
        source_name: the path or URL, for a reader.
        quantization: what config.json says; without it, what most of the weights are stored in.
        bits: of a packed weight, where no other tensor tells its shape.
    """
    modules: dict[str, list[SafetensorsTensor]] = {}
    for tensor in file.tensors:
        modules.setdefault(PARAMETER_SUFFIX.sub("", tensor.name), []).append(tensor)
    tensors = [_joined(module, parts, quantization, bits) for module, parts in modules.items()]
    return Checkpoint(
        quantization=quantization or _DTYPE_NAMES.get(kind := _most_common_kind(tensors), kind),
        file_format="safetensors",
        tensors=tuple(tensors),
        file_bytes=file.file_bytes,
        exact=True,
        source=f"header of {source_name}",
    )


def quantization_of_config(config: Mapping[str, object]) -> tuple[str, int]:
    """What a config.json says of how its weights are stored: a name, empty for none, and bits a weight.

    Example:
        >>> quantization_of_config({"quantization_config": {"quant_method": "gptq", "bits": 8}})
        ('GPTQ', 8)
    """
    nested = config.get("text_config")
    outer = config.get("quantization_config") or (
        nested.get("quantization_config") if isinstance(nested, dict) else None
    )
    if not isinstance(outer, dict):
        return "", 16
    method = str(outer.get("quant_method") or outer.get("quant_algo") or "").lower()
    bits = outer.get("bits") or outer.get("w_bit")
    if method == "compressed-tensors":
        return _compressed(outer)
    if method == "bitsandbytes":
        if outer.get("load_in_8bit") or outer.get("_load_in_8bit"):
            return "INT8", 8
        return str(outer.get("bnb_4bit_quant_type") or "nf4").upper(), 4
    if method == "modelopt":
        method = str(outer.get("quant_algo") or "fp8").lower()
    if method == "fp8" and outer.get("weight_block_size"):
        return "FP8_BLOCK", 8  # DeepSeek's: one scale for a square of weights
    known = {"fp8": 8, "fbgemm_fp8": 8, "nvfp4": 4, "modelopt_fp4": 4, "mxfp4": 4}
    names = {"fbgemm_fp8": "FP8", "modelopt_fp4": "NVFP4"}
    return names.get(method, method.upper()), bits if isinstance(bits, int) else known.get(method, 4)


def _compressed(outer: Mapping[str, object]) -> tuple[str, int]:
    """llm-compressor's groups: the first one's weights decide."""
    groups = outer.get("config_groups")
    group = next(iter(groups.values()), None) if isinstance(groups, dict) else None
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict):
        return "COMPRESSED-TENSORS", 8
    bits = weights.get("num_bits")
    is_float = weights.get("type") == "float"
    if bits == 4:  # noqa: PLR2004
        # NVFP4 and MXFP4 differ in group size: 16 and 32 (OCP's and NVIDIA's formats).
        return ("MXFP4" if weights.get("group_size") == 32 else "NVFP4", 4) if is_float else ("W4A16", 4)  # noqa: PLR2004
    if bits == 8:  # noqa: PLR2004
        return ("FP8" if is_float else "INT8"), 8
    return "COMPRESSED-TENSORS", bits if isinstance(bits, int) else 8


def _joined(module: str, parts: list[SafetensorsTensor], quantization: str, bits: int) -> StoredTensor:
    """A weight and what stands beside it (scales, zero points) as one tensor with the weight's own shape."""
    main = max(parts, key=lambda part: part.stored_bytes)
    role, layer = role_of_safetensors(main.name)
    packed = len(parts) > 1 and main.dtype in _BITS_OF_PACKED_WORD
    return StoredTensor(
        name=main.name if len(parts) == 1 else f"{module}.weight",
        shape=_unpacked_shape(main, parts, bits) if packed else main.shape,
        role=role,
        layer=layer,
        kind=(quantization or main.dtype) if packed else main.dtype,
        stored_bytes=sum(part.stored_bytes for part in parts),
    )


def _unpacked_shape(main: SafetensorsTensor, parts: list[SafetensorsTensor], bits: int) -> tuple[int, ...]:
    """Output features by input features, from how each method packs several weights into one number."""
    by_ending = {part.name.rpartition(".")[2]: part for part in parts}
    per_word = max(_BITS_OF_PACKED_WORD[main.dtype] // bits, 1)
    scales = by_ending.get("scales")
    if main.name.endswith(".qweight") and scales is not None and len(main.shape) == len(scales.shape) == 2:  # noqa: PLR2004
        inputs, outputs = main.shape[0], scales.shape[1]
        if main.shape[1] != outputs:  # AWQ packs outputs, GPTQ inputs
            return outputs, inputs
        order = by_ending.get("g_idx")
        return outputs, order.shape[0] if order is not None and order.shape else inputs * per_word
    if main.name.endswith("_blocks"):  # gpt-oss: (experts, rows, blocks, bytes a block)
        return (*main.shape[:-2], prod(main.shape[-2:]) * per_word)
    is_flat = any(".quant_state." in part.name for part in parts)  # bitsandbytes keeps the shape inside
    if main.name.endswith((".weight_packed", ".weight")) and per_word > 1 and main.shape and not is_flat:
        return (*main.shape[:-1], main.shape[-1] * per_word)
    return main.shape


def _most_common_kind(tensors: Iterable[StoredTensor]) -> str:
    """The type that most weights have, by elements; empty where there is no tensor."""
    elements: Counter[str] = Counter()
    for tensor in tensors:
        if tensor.role not in _NOT_WEIGHTS:
            elements[tensor.kind] += prod(tensor.shape)
    return elements.most_common(1)[0][0] if elements else ""

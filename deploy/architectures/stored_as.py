"""How a checkpoint's weights are stored, from ``quantization_config`` and ``dtype`` of a configuration.

It names the format; what it costs a tensor is ``deploy.quantizations``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.architectures.fields import Fields

_DTYPES = {"bfloat16": "BF16", "float16": "F16", "half": "F16", "float32": "F32", "float": "F32"}

# ``quant_method`` of transformers' QuantizationMethod and of vLLM's registry, by what is stored.
_METHODS = {
    "awq": "AWQ",
    "awq_marlin": "AWQ",
    "gptq": "GPTQ",
    "gptq_marlin": "GPTQ",
    "fp8": "FP8",
    "fbgemm_fp8": "FP8",
    "mxfp4": "MXFP4",
    "modelopt_fp4": "NVFP4",
}
_MOST_BITS = 32
_BYTE = 8
_HALF_BYTE = 4
_SMALL_GROUP = 32


@dataclass(frozen=True, slots=True)
class Storage:
    """How linear layers are stored.

    Attributes:
        name: as ``deploy.quantizations`` calls it: ``BF16``, ``F16``, ``F32``, ``AWQ``, ``GPTQ``,
            ``GPTQ-G32``, ``FP8``, ``FP8_BLOCK``, ``NF4``, ``NF4-DQ``, ``MXFP4``, ``NVFP4``, ``INT8``,
            ``W4A16``; a method or width that is not known, in capitals.
        bits: a weight; 0 where the format has only one width.
        group_size: weights that share a scale; 0 where the format has only one size, or one scale a row.
    """

    name: str
    bits: int = 0
    group_size: int = 0


def read_storage(config: Fields, text_config: Fields) -> Storage:
    """The storage that a configuration, or the text part of a multimodal one, describes.

    Raises:
        PlanError: a field has a value of the wrong kind.
    """
    for fields in (config, text_config):
        section = fields.section("quantization_config") or fields.section("compression_config")
        if section is not None:
            return _quantized(section)
    return Storage(dtype(config, text_config))


def dtype(config: Fields, text_config: Fields) -> str:
    """The type of unquantized weights: BF16 where nothing says, as almost every release of these years."""
    for fields in (config, text_config):
        name = fields.text("dtype", "torch_dtype", default="").removeprefix("torch.")
        if name in _DTYPES:
            return _DTYPES[name]
    return "BF16"


def _quantized(section: Fields) -> Storage:
    """What a ``quantization_config`` describes."""
    method = section.text("quant_method", default="").lower()
    if method == "bitsandbytes" or section.get("load_in_4bit") is not None:
        four = "NF4-DQ" if section.flag("bnb_4bit_use_double_quant") else "NF4"
        return Storage(four if section.flag("load_in_4bit") else "INT8")
    if method == "compressed-tensors":
        return _compressed(section)
    if method == "modelopt" or section.get("quant_algo") is not None:
        algorithm = section.text("quant_algo", default="FP8").upper()
        return Storage("NVFP4" if "FP4" in algorithm else algorithm)
    if method in {"auto-round", "intel/auto-round"}:
        method = "awq" if "awq" in section.text("packing_format", default="") else "gptq"
    name = _METHODS.get(method, method.upper() or "UNKNOWN")
    if name == "FP8" and section.get("weight_block_size") is not None:
        return Storage("FP8_BLOCK")
    return _grouped(section, name) if name in {"AWQ", "GPTQ"} else Storage(name)


def _grouped(section: Fields, name: str) -> Storage:
    """AWQ's and GPTQ's, which have a width and a group of their own."""
    bits = section.count("bits", "w_bit", default=4, most=_MOST_BITS)
    group_size = _group_size(section, 128)
    if bits != _HALF_BYTE:
        return Storage(f"{name}-INT{bits}", bits, group_size)
    return Storage(f"{name}-G32" if name == "GPTQ" and group_size == _SMALL_GROUP else name, bits, group_size)


def _compressed(section: Fields) -> Storage:
    """The compressed-tensors package's: the first group's weights, which hold almost all."""
    packing = section.text("format", default="")
    for word in ("nvfp4", "mxfp4"):
        if word in packing:
            return Storage(word.upper())
    groups = section.section("config_groups")
    if groups is None:
        return Storage("FP8" if "float" in packing else "INT8")
    group = groups.section(str(next(iter(groups.values), "group_0")))
    weights = group.section("weights") if group is not None else None
    if weights is None:
        return section.refuse("config_groups", groups.values, "a group with weights")
    bits = weights.count("num_bits", default=8, most=_MOST_BITS)
    if weights.text("type", default="int") == "float":
        return Storage("FP8" if bits == _BYTE else "NVFP4")
    if packing == "pack-quantized":
        return Storage(f"W{bits}A16", bits=bits, group_size=_group_size(weights, 0))
    return Storage("INT8", bits=bits)


def _group_size(section: Fields, default: int) -> int:
    """How many weights share a scale; -1 stands for a row."""
    if section.get("group_size", "q_group_size") == -1:
        return 0
    return section.count("group_size", "q_group_size", default=default, least=0)

"""What a model's family decides without its configuration saying so: biases, norms, defaults.

From the configuration and modeling files of transformers 5.24, one of each a family. It reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Windows = Literal["none", "all", "after", "pattern"]


@dataclass(frozen=True, slots=True)
class Family:
    """Facts of a family that are in transformers' code.

    Attributes:
        tied: ``tie_word_embeddings`` where a configuration has none.
        qkv_bias: whether there is one; the name of the field that says so, and its default.
        output_bias: the same of attention's output projection.
        norms: normalization vectors a layer.
        windows: which layers slide where no ``layer_types`` says it: ``none``, ``all`` if there is a window,
            those ``after`` ``max_window_layers`` if ``use_sliding_window``, or a ``pattern`` that ends with a
            full one.
        window_period: of that pattern.
        defaults: fields that a configuration may leave out.
    """

    tied: bool = False
    qkv_bias: tuple[str, bool] = ("attention_bias", False)
    output_bias: tuple[str, bool] = ("attention_bias", False)
    qk_norm: bool = False
    norms: int = 2
    windows: Windows = "none"
    window_period: int = 0
    gated: bool = False
    sinks: bool = False
    router_bias: bool = False
    expert_biases: bool = False
    shared_gate: bool = False
    defaults: Mapping[str, object] = field(default_factory=dict)


_ALWAYS: tuple[str, bool] = ("", True)
_NEVER: tuple[str, bool] = ("", False)

_LLAMA = Family()
_MISTRAL = Family(
    qkv_bias=_NEVER,
    output_bias=_NEVER,
    windows="all",
    defaults={"num_key_value_heads": 8, "sliding_window": 4096},
)
_MINISTRAL3 = Family(qkv_bias=_NEVER, output_bias=_NEVER, windows="all", defaults={"head_dim": 128})
_MIXTRAL = Family(
    qkv_bias=_NEVER,
    output_bias=_NEVER,
    windows="all",
    defaults={"num_key_value_heads": 8, "num_local_experts": 8, "num_experts_per_tok": 2},
)
_QWEN2 = Family(qkv_bias=_ALWAYS, output_bias=_NEVER, windows="after", defaults={"max_window_layers": 28})
_QWEN2_MOE = Family(
    qkv_bias=("qkv_bias", True),
    output_bias=_NEVER,
    windows="after",
    shared_gate=True,
    defaults={"max_window_layers": 28},
)
_QWEN3 = Family(qk_norm=True, windows="after", defaults={"max_window_layers": 28, "head_dim": 128})
_QWEN3_MOE = Family(qk_norm=True, windows="after", defaults={"max_window_layers": 0})
_QWEN_LINEAR_DEFAULTS: Mapping[str, object] = MappingProxyType(
    {
        "head_dim": 256,
        "linear_conv_kernel_dim": 4,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
        "full_attention_interval": 4,
    }
)
_QWEN3_NEXT = Family(
    qk_norm=True,
    gated=True,
    shared_gate=True,
    defaults={**_QWEN_LINEAR_DEFAULTS, "shared_expert_intermediate_size": 512},
)
_QWEN3_5 = Family(qk_norm=True, gated=True, shared_gate=True, defaults=_QWEN_LINEAR_DEFAULTS)
_QWEN3_5_MOE = Family(
    qk_norm=True,
    gated=True,
    shared_gate=True,
    defaults={**_QWEN_LINEAR_DEFAULTS, "shared_expert_intermediate_size": 512, "moe_intermediate_size": 512},
)
_PHI3 = Family(qkv_bias=_NEVER, output_bias=_NEVER, windows="all")
_GEMMA = Family(tied=True, defaults={"head_dim": 256})
_GEMMA2 = Family(
    tied=True, norms=4, windows="pattern", window_period=2, defaults={"head_dim": 256, "sliding_window": 4096}
)
_GEMMA3 = Family(
    tied=True,
    qk_norm=True,
    norms=4,
    windows="pattern",
    window_period=6,
    # Published multimodal configurations leave these out of their ``text_config``.
    defaults={
        "head_dim": 256,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "vocab_size": 262_208,
        "max_position_embeddings": 131_072,
        "sliding_window": 4096,
    },
)
_GEMMA4 = Family(
    tied=True,
    qk_norm=True,
    norms=4,
    windows="pattern",
    window_period=6,
    defaults={
        "head_dim": 256,
        "global_head_dim": 512,
        "vocab_size": 262_144,
        "max_position_embeddings": 131_072,
        "sliding_window": 512,
        "hidden_size_per_layer_input": 256,
        "vocab_size_per_layer_input": 262_144,
    },
)
_GPT_OSS = Family(
    qkv_bias=("attention_bias", True),
    output_bias=("attention_bias", True),
    sinks=True,
    router_bias=True,
    expert_biases=True,
    windows="pattern",
    window_period=2,
    defaults={"head_dim": 64, "sliding_window": 128},
)
_DEEPSEEK = Family()
_DEEPSEEK_V3 = Family(router_bias=True)
_GLM4 = Family(qkv_bias=("attention_bias", True), output_bias=_NEVER, norms=4, defaults={"head_dim": 128})
_GLM4_MOE = Family(output_bias=_NEVER, router_bias=True, defaults={"head_dim": 128})
_SEED_OSS = Family(
    qkv_bias=("attention_bias", True), output_bias=("attention_out_bias", False), defaults={"head_dim": 128}
)
_SMOLLM3 = Family(tied=True)

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "llama": _LLAMA,
        "granite": _LLAMA,
        "mistral": _MISTRAL,
        "ministral": _MISTRAL,
        "ministral3": _MINISTRAL3,
        "mixtral": _MIXTRAL,
        "qwen2": _QWEN2,
        "qwen2_vl": _QWEN2,
        "qwen2_5_vl": _QWEN2,
        "qwen2_moe": _QWEN2_MOE,
        "qwen3": _QWEN3,
        "qwen3_vl": _QWEN3,
        "qwen3_moe": _QWEN3_MOE,
        "qwen3_vl_moe": _QWEN3_MOE,
        "qwen3_next": _QWEN3_NEXT,
        "qwen3_5": _QWEN3_5,
        "qwen3_5_moe": _QWEN3_5_MOE,
        "phi3": _PHI3,
        "gemma": _GEMMA,
        "gemma2": _GEMMA2,
        "gemma3": _GEMMA3,
        "gemma4": _GEMMA4,
        "gpt_oss": _GPT_OSS,
        "deepseek": _DEEPSEEK,
        "deepseek_v2": _DEEPSEEK,
        "deepseek_v3": _DEEPSEEK_V3,
        "deepseek_v32": _DEEPSEEK_V3,
        "kimi_k2": _DEEPSEEK_V3,
        "glm4": _GLM4,
        "glm4_moe": _GLM4_MOE,
        "seed_oss": _SEED_OSS,
        "smollm3": _SMOLLM3,
    }
)
"""Families by Hugging Face's ``model_type``, of which every tensor is known."""

# Families of encoders and encoder-decoders, whose configurations carry the same field names as a decoder's.
NOT_DECODERS = frozenset(
    {"bert", "roberta", "xlm-roberta", "distilbert", "modernbert", "t5", "mt5", "bart", "whisper"}
)


def family_name(model_type: str) -> str:
    """A ``model_type`` without the suffix of a multimodal model's text part."""
    return model_type.removesuffix("_text").removesuffix("_unified")

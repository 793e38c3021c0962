"""What a model's weights take in each format, to the byte: ggml blocks, llama.cpp's mixes, vLLM's formats.

A GGUF quantization such as Q4_K_M is a mix: llama.cpp chooses a block type for every tensor by its role and
layer. The rules here follow ``llama_tensor_get_type_impl`` in llama.cpp's ``src/llama-quant.cpp``, for dense
decoders and without an importance matrix. Nothing here reads a file; a real file's header beats these.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from deploy.architecture import LINEAR_ROLES, Tensor, parameter_count, tensors
from deploy.spec import Artefact
from stillroom.errors import PlanError

if TYPE_CHECKING:
    from deploy.spec import Architecture


class Block(NamedTuple):
    """How ggml stores a run of weights: so many weights in so many bytes."""

    weights: int
    bytes: int


# llama.cpp, ggml/src/ggml-common.h.
BLOCKS = {
    "F32": Block(1, 4),
    "F16": Block(1, 2),
    "Q4_0": Block(32, 18),
    "Q4_1": Block(32, 20),
    "Q5_0": Block(32, 22),
    "Q5_1": Block(32, 24),
    "Q8_0": Block(32, 34),
    "IQ4_NL": Block(32, 18),
    "Q2_K": Block(256, 84),
    "Q3_K": Block(256, 110),
    "Q4_K": Block(256, 144),
    "Q5_K": Block(256, 176),
    "Q6_K": Block(256, 210),
    "IQ4_XS": Block(256, 136),
}

# Where a row is not a multiple of 256, llama.cpp falls back to a type with blocks of 32.
_FALLBACKS = {
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
    "IQ4_XS": "IQ4_NL",
}


@dataclass(frozen=True, slots=True)
class Quantization:
    """A format that weights come in.

    Attributes:
        base_type: the ggml block type of most tensors; empty for safetensors formats.
        nominal_bits: what people call it, and what the rule of thumb takes: 4 for Q4_K_M.
        perplexity_increase: what it costs Llama-3-8B, by the table that ``llama-quantize --help`` prints.
            Formats that the table lacks stand beside their nearest relative, as noted in ``QUANTIZATIONS``.
        linear_bits: bits per weight of the decoder's projections, for safetensors formats.
    """

    name: str
    file_format: Literal["gguf", "safetensors"]
    nominal_bits: int
    perplexity_increase: float
    base_type: str = ""
    linear_bits: Fraction = Fraction(16)


def _gguf(name: str, nominal_bits: int, perplexity_increase: float, base_type: str) -> Quantization:
    return Quantization(name, "gguf", nominal_bits, perplexity_increase, base_type)


def _safetensors(name: str, bits: int, perplexity_increase: float, linear_bits: Fraction) -> Quantization:
    return Quantization(name, "safetensors", bits, perplexity_increase, linear_bits=linear_bits)


QUANTIZATIONS = {
    quantization.name: quantization
    for quantization in (
        _gguf("F16", 16, 0.0, "F16"),
        _gguf("Q8_0", 8, 0.0026, "Q8_0"),
        _gguf("Q6_K", 6, 0.0217, "Q6_K"),
        _gguf("Q5_K_M", 5, 0.0569, "Q5_K"),
        _gguf("Q4_K_M", 4, 0.1754, "Q4_K"),
        _gguf("Q4_K_S", 4, 0.2689, "Q4_K"),
        _gguf("IQ4_XS", 4, 0.2689, "IQ4_XS"),  # not in the table; nearest in bits is Q4_K_S
        _gguf("Q4_1", 4, 0.4511, "Q4_1"),
        _gguf("Q4_0", 4, 0.4685, "Q4_0"),
        _gguf("Q3_K_M", 3, 0.6569, "Q3_K"),
        _gguf("Q2_K", 2, 3.5199, "Q2_K"),
        _safetensors("BF16", 16, 0.0, Fraction(16)),
        _safetensors("FP8", 8, 0.0026, Fraction(8)),  # one scale a channel; set beside Q8_0
        # Groups of 128 weights share a 16-bit scale and a 4-bit zero point: 4 + 20/128; set beside Q4_K_S.
        _safetensors("AWQ", 4, 0.2689, Fraction(4) + Fraction(20, 128)),
    )
}


def find_quantization(name: str) -> Quantization:
    """The quantization of that name, in any case: ``q4_k_m`` finds Q4_K_M.

    Raises:
        PlanError: no format has that name; the message lists those that exist.
    """
    found = QUANTIZATIONS.get(name.upper())
    if found is None:
        raise PlanError(
            f"there is no quantization {name!r}; known are {', '.join(QUANTIZATIONS)}",
            hint="stillroom plan --quant Q4_K_M",
        )
    return found


@cache  # a plan asks for the same few dozen again and again, and each sums hundreds of tensors
def compute_artefact(
    architecture: Architecture, quantization: str, *, attention_value_type: str = ""
) -> Artefact:
    """The weights of an architecture in a format, tensor by tensor; file headers and tokenizers not counted.

    Args:
        architecture: the model's shape.
        quantization: a name in ``QUANTIZATIONS``.
        attention_value_type: a ggml type for every ``attn_v`` in place of the mix's own; Ollama's builds of
            Qwen3 keep it in F16.

    Raises:
        PlanError: the quantization or the architecture is unknown.
    """
    chosen = find_quantization(quantization)
    if chosen.file_format == "safetensors":
        return _safetensors_artefact(architecture, chosen)
    typed = ggml_types(architecture, chosen, attention_value_type=attention_value_type)
    embedding = sum(stored_bytes(tensor, kind) for tensor, kind in typed if tensor.role == "token_embedding")
    return Artefact(
        quantization=chosen.name,
        total_bytes=sum(stored_bytes(tensor, kind) for tensor, kind in typed),
        cpu_resident_bytes=embedding,
        exact=False,
        source="computed from the architecture and llama.cpp's rules for this mix",
    )


def stored_bytes(tensor: Tensor, kind: str) -> int:
    """What a tensor takes in a ggml type; its rows must be whole blocks."""
    block = BLOCKS[kind]
    return tensor.elements // block.weights * block.bytes


@cache
def ggml_types(
    architecture: Architecture, quantization: Quantization, *, attention_value_type: str = ""
) -> tuple[tuple[Tensor, str], ...]:
    """Every tensor with the ggml type that ``llama-quantize`` gives it."""

    def kind(tensor: Tensor) -> str:
        if attention_value_type and tensor.role == "attention_v":
            return attention_value_type
        return _ggml_type(tensor, architecture, quantization)

    return tuple((tensor, kind(tensor)) for tensor in tensors(architecture))


def _safetensors_artefact(architecture: Architecture, quantization: Quantization) -> Artefact:
    """Embeddings, output, norms and biases stay in 16 bits, as in published AWQ and FP8 checkpoints."""
    linear = sum(tensor.elements for tensor in tensors(architecture) if tensor.role in LINEAR_ROLES)
    rest = parameter_count(architecture) - linear
    return Artefact(
        quantization=quantization.name,
        total_bytes=int(linear * quantization.linear_bits / 8) + rest * 2,
        cpu_resident_bytes=0,
        exact=False,
        source="computed from the architecture and the format's bits per weight",
    )


def _ggml_type(tensor: Tensor, architecture: Architecture, quantization: Quantization) -> str:
    if len(tensor.shape) == 1:
        return "F32"
    if quantization.base_type == "F16":
        return "F16"
    kind = _mixed_type(tensor, architecture, quantization)
    if tensor.columns % BLOCKS[kind].weights == 0:
        return kind
    fallback = _FALLBACKS.get(kind, "F16")
    return fallback if tensor.columns % BLOCKS[fallback].weights == 0 else "F16"


def _mixed_type(tensor: Tensor, architecture: Architecture, quantization: Quantization) -> str:
    base = quantization.base_type
    is_output = tensor.role == "output" or (tensor.role == "token_embedding" and architecture.tied_embeddings)
    if is_output:
        whole = tensor.columns % BLOCKS[base].weights == 0
        return "Q6_K" if whole and base != "Q8_0" else "Q8_0"
    if tensor.layer is None:
        return base
    if tensor.role == "attention_v":
        return _attention_v(quantization.name, base, tensor.layer, architecture)
    if tensor.role == "ffn_down":
        return _ffn_down(quantization.name, base, tensor.layer, architecture.layers)
    if tensor.role == "attention_output":
        return {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K"}.get(quantization.name, base)
    return base


def _attention_v(name: str, base: str, layer: int, architecture: Architecture) -> str:
    shared_by = architecture.attention_heads // architecture.kv_heads
    widely_shared = shared_by >= 4  # noqa: PLR2004 -- llama.cpp's n_gqa() >= 4
    kind = base
    if name == "Q2_K":
        kind = "Q4_K" if widely_shared else "Q3_K"
    elif name == "Q3_K_M":
        kind = "Q5_K" if layer < 2 else "Q4_K"  # noqa: PLR2004
    elif name == "IQ4_XS" and widely_shared:
        kind = "Q5_K"
    elif name in {"Q4_K_M", "Q5_K_M"} and _gets_more_bits(layer, architecture.layers):
        kind = "Q6_K"
    elif name == "Q4_K_S" and layer < 4:  # noqa: PLR2004
        kind = "Q5_K"
    if _is_llama_70b(architecture) and kind in {"Q3_K", "Q4_K"}:
        return "Q5_K"
    return kind


def _ffn_down(name: str, base: str, layer: int, layers: int) -> str:
    if name == "Q2_K":
        return "Q3_K"
    if name == "Q3_K_M":
        return "Q5_K" if layer < layers // 16 else "Q4_K"
    if name in {"Q4_K_M", "Q5_K_M"} and _gets_more_bits(layer, layers):
        return "Q6_K"
    if name in {"Q4_K_S", "IQ4_XS"} and layer < layers // 8:
        return "Q5_K"
    return base


def _gets_more_bits(layer: int, layers: int) -> bool:
    """The first and the last eighth of the layers, and every third between them."""
    first, last = layers // 8, 7 * layers // 8
    return layer < first or layer >= last or (layer - first) % 3 == 2  # noqa: PLR2004


def _is_llama_70b(architecture: Architecture) -> bool:
    """llama.cpp spends more on attn_v of what it takes for a 70B: 80 Llama layers with shared KV heads."""
    return (
        architecture.model_type == "llama"
        and architecture.layers == 80  # noqa: PLR2004
        and architecture.attention_heads != architecture.kv_heads
    )

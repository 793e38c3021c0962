"""The formats that weights come in: GGUF mixes and packed safetensors, by the names that people use.

What each costs in quality is as published: ``perplexity_increase`` is the difference to 16 bits on WikiText-2
that llama.cpp measured for Llama-3-8B (tools/perplexity/README.md, "LLaMA 3 8b Scoreboard"; most figures are
in ``llama-quantize --help`` too). Nothing here knows a tensor or how a mix is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stillroom.errors import PlanError

if TYPE_CHECKING:
    from deploy.checkpoint import FileFormat


@dataclass(frozen=True, slots=True)
class Quantization:
    """A format that weights come in.

    Attributes:
        base_type: the ggml type of most tensors of a GGUF mix, or the packing of a safetensors checkpoint's
            projections, a name in ``deploy.quantizations.packed.PACKINGS``.
        nominal_bits: what people call it, and what the rule of thumb takes: 4 for Q4_K_M.
        perplexity_increase: on Llama-3-8B, whose perplexity in 16 bits is 6.2332.
        imatrix: llama.cpp makes it only with an importance matrix, and its perplexity was measured with one.
        perplexity_source: where the figure was not measured for this very format, what stands in for it.
    """

    name: str
    file_format: FileFormat
    base_type: str
    nominal_bits: int
    perplexity_increase: float
    imatrix: bool = False
    perplexity_source: str = ""


def _gguf(name: str, base_type: str, bits: int, increase: float, stands_in: str = "") -> Quantization:
    return Quantization(name, "gguf", base_type, bits, increase, perplexity_source=stands_in)


def _imatrix(name: str, base_type: str, bits: int, increase: float) -> Quantization:
    return Quantization(name, "gguf", base_type, bits, increase, imatrix=True)


def _packed(name: str, bits: int, increase: float, stands_in: str = "") -> Quantization:
    return Quantization(name, "safetensors", name, bits, increase, perplexity_source=stands_in)


# From most to fewest bits within a file format; of a name in both formats, the first is the default.
_TABLE = (
    _gguf("F32", "F32", 32, 0.0),
    _gguf("F16", "F16", 16, 0.0015),
    _gguf("Q8_0", "Q8_0", 8, 0.0026),
    _gguf("Q6_K", "Q6_K", 6, 0.0217),
    _gguf("Q5_1", "Q5_1", 5, 0.1062),
    _gguf("Q5_K_M", "Q5_K", 5, 0.0570),
    _gguf("Q5_K_S", "Q5_K", 5, 0.1050),
    _gguf("Q5_0", "Q5_0", 5, 0.1316),
    _gguf("Q4_1", "Q4_1", 4, 0.4511),
    _gguf("Q4_K_M", "Q4_K", 4, 0.1755),
    _gguf("Q4_K_S", "Q4_K", 4, 0.2689),
    _gguf("Q4_0", "Q4_0", 4, 0.4685),
    # Measured with an importance matrix (+0.2240 and +0.2281); without one they stand beside Q4_K_S.
    _gguf("IQ4_NL", "IQ4_NL", 4, 0.2689, "Q4_K_S"),
    _gguf("IQ4_XS", "IQ4_XS", 4, 0.2689, "Q4_K_S"),
    _gguf("MXFP4_MOE", "MXFP4", 4, 0.4685, "Q4_0"),
    _gguf("Q3_K_L", "Q3_K", 3, 0.5562),
    _gguf("Q3_K_M", "Q3_K", 3, 0.6569),
    _gguf("IQ3_M", "IQ3_S", 3, 0.6667, "IQ3_M with an importance matrix"),
    _gguf("IQ3_S", "IQ3_S", 3, 0.7339, "IQ3_S with an importance matrix"),
    _gguf("Q3_K_S", "Q3_K", 3, 1.6322),
    _imatrix("IQ3_XS", "IQ3_S", 3, 0.9314),
    _imatrix("IQ3_XXS", "IQ3_XXS", 3, 1.2268),
    _gguf("Q2_K", "Q2_K", 2, 3.5199),
    _imatrix("Q2_K_S", "Q2_K", 2, 3.0921),
    _imatrix("IQ2_M", "IQ2_S", 2, 2.3692),
    _imatrix("IQ2_S", "IQ2_XS", 2, 3.4191),
    _imatrix("IQ2_XS", "IQ2_XS", 2, 4.5298),
    _imatrix("IQ2_XXS", "IQ2_XXS", 2, 7.8601),
    # Ternary types suit models trained in three values; any other loses at least what IQ2_XXS does.
    _gguf("TQ2_0", "TQ2_0", 2, 7.8601, "IQ2_XXS"),
    _gguf("TQ1_0", "TQ1_0", 1, 19.2621, "IQ1_M"),
    _imatrix("IQ1_M", "IQ1_M", 1, 19.2621),
    _imatrix("IQ1_S", "IQ1_S", 1, 54.4630),
    _packed("BF16", 16, 0.0),
    Quantization("BF16", "gguf", "BF16", 16, 0.0),
    Quantization("F16", "safetensors", "F16", 16, 0.0015),
    Quantization("F32", "safetensors", "F32", 32, 0.0),
    # No such table lists these: each stands beside the relative that loses about as much of a benchmark in
    # Neural Magic's evaluations of DeepSeek-R1's distills (deploy.quantizations.quality), NF4 and MXFP4
    # beside the GGUF type with a scale for as many weights and no better rounding.
    _packed("FP8", 8, 0.0026, "Q8_0"),
    _packed("FP8_BLOCK", 8, 0.0026, "Q8_0"),
    _packed("INT8", 8, 0.1050, "Q5_K_S"),
    _packed("AWQ", 4, 0.2689, "Q4_K_S"),
    _packed("GPTQ", 4, 0.2689, "Q4_K_S"),
    _packed("GPTQ-G32", 4, 0.1755, "Q4_K_M"),
    _packed("W4A16", 4, 0.2689, "Q4_K_S"),
    _packed("NVFP4", 4, 0.2689, "Q4_K_S"),
    _packed("NF4", 4, 0.4511, "Q4_1"),
    _packed("NF4-DQ", 4, 0.4511, "Q4_1"),
    _packed("MXFP4", 4, 0.4685, "Q4_0"),
    # Ollama's gpt-oss: the published checkpoint's own types in a GGUF file.
    Quantization("MXFP4", "gguf", "MXFP4", 4, 0.4685, perplexity_source="Q4_0"),
)

# By name, and by name and file format.
QUANTIZATIONS: dict[str, Quantization] = {}
FORMATS: dict[tuple[str, str], Quantization] = {}
for _quantization in _TABLE:
    QUANTIZATIONS.setdefault(_quantization.name, _quantization)
    FORMATS[_quantization.name, _quantization.file_format] = _quantization

# What else people write, beside other case and ``-`` for ``_``.
_ALIASES = {
    "FP16": "F16",
    "FP32": "F32",
    "Q2": "Q2_K",
    "Q3_K": "Q3_K_M",
    "Q4_K": "Q4_K_M",
    "Q5_K": "Q5_K_M",
    "INT4": "W4A16",
    "W8A8": "INT8",
    "GPTQ-G128": "GPTQ",
    "GPTQ-INT4": "GPTQ",
}


def find_quantization(name: str, file_format: FileFormat | None = None) -> Quantization:
    """The quantization of that name, in any case: ``q4_k_m`` finds Q4_K_M, ``fp16`` finds F16.

    Args:
        name: as people write it.
        file_format: which of two formats of one name: F32, F16, BF16 and MXFP4 are both GGUF and safetensors.
            Without it F32 and F16 are GGUF, BF16 and MXFP4 safetensors.

    Raises:
        PlanError: no format has that name; the message lists those that exist.
    """
    written = name.strip().upper()
    for candidate in (
        written,
        _ALIASES.get(written, ""),
        written.replace("_", "-"),
        written.replace("-", "_"),
    ):
        found = FORMATS.get((candidate, file_format)) if file_format else QUANTIZATIONS.get(candidate)
        if found is not None:
            return found
    known = [known for known, kind in FORMATS if file_format in {None, kind}]
    of_format = f" in {file_format} files" if file_format else ""
    raise PlanError(
        f"there is no quantization {name!r}{of_format}; known are {', '.join(dict.fromkeys(known))}",
        hint="stillroom plan --quant Q4_K_M",
    )

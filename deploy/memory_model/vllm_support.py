"""Which weight formats vLLM runs on which GPUs, and into how many ranks a model can be cut: facts as data.

From vLLM 0.32.0: ``get_min_capability`` of ``model_executor/layers/quantization``, ``marlin_utils.py``,
``platforms/cuda.py`` and its documentation. Formats that 0.32.0 leaves to plugins
(GGUF, bitsandbytes' NF4) are not among them. It does not know ROCm's, Intel's or
Apple's kernels beyond the formats that need no kernel of NVIDIA's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deploy.architectures.shape import Attention, Experts, FeedForward, LatentAttention
from deploy.memory_model.vllm_weights import padded_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.architectures.shape import Architecture, Layer
    from deploy.spec import Gpu


class FormatSupport(NamedTuple):
    """Where one format runs.

    Attributes:
        least_capability: NVIDIA compute capability below which vLLM refuses it.
        native_capability: from where the GPU multiplies in the format itself; below, weights are unpacked to
            16 bits on the way, which saves memory and no arithmetic. 0 where no GPU multiplies in it.
        vendors: whose GPUs have a kernel for it.
        kernel: which code runs it below the native capability.
    """

    least_capability: float
    native_capability: float
    vendors: frozenset[str]
    kernel: str


_ALL = frozenset({"nvidia", "amd", "intel"})
_NVIDIA_AMD = frozenset({"nvidia", "amd"})
_NVIDIA = frozenset({"nvidia"})

FORMATS: dict[str, FormatSupport] = {
    # The documentation of 0.30 asks for 7.5 or higher (T4, RTX 20); older ones asked for 7.0.
    "F16": FormatSupport(7.5, 7.5, _ALL, "torch"),
    # CudaPlatform.check_if_supports_dtype: below 8.0 bfloat16 is refused; --dtype half loads the same
    # weights.
    "BF16": FormatSupport(8.0, 8.0, _ALL, "torch"),
    # Fp8Config.get_min_capability is 75; supports_fp8 is 89.
    "FP8": FormatSupport(7.5, 8.9, _NVIDIA_AMD, "Marlin, weights only"),
    # compressed_tensors_w8a8_int8.py: Turing and up.
    "INT8": FormatSupport(7.5, 7.5, _NVIDIA_AMD, "CUTLASS"),
    # AutoAWQConfig and GPTQ's Marlin kernels: 75; nothing multiplies in 4-bit integers.
    "AWQ": FormatSupport(7.5, 0.0, _NVIDIA_AMD, "Marlin"),
    "GPTQ": FormatSupport(7.5, 0.0, _NVIDIA_AMD, "Marlin"),
    # compressed_tensors_w4a4_nvfp4.py and ModelOpt: 75 by Marlin; Blackwell multiplies in it.
    "NVFP4": FormatSupport(7.5, 10.0, _NVIDIA, "Marlin, weights only"),
    # MXFP4 asks for 80.
    "MXFP4": FormatSupport(8.0, 10.0, _NVIDIA_AMD, "Marlin or Triton, weights only"),
}

_ALIASES = {
    "FP16": "F16",
    "BFLOAT16": "BF16",
    "FP8_DYNAMIC": "FP8",
    "W8A8": "INT8",
    "INT4": "GPTQ",
    "W4A16": "GPTQ",
}
_FAMILIES = tuple(FORMATS)


def unsupported_format(quantization: str, gpus: Iterable[Gpu]) -> str:
    """Why vLLM does not run the format on all these GPUs; empty where it does or where that is not known.

    Example:
        A T4 has compute capability 7.5: ``needs compute capability 8.0 for BF16, and NVIDIA T4 has 7.5``.
    """
    support = format_support(quantization)
    if support is None:
        return f"is {quantization}, a format that vLLM does not load"
    for gpu in gpus:
        if gpu.vendor not in support.vendors:
            return f"is {quantization}, for which vLLM has no kernel on {gpu.name}"
        if gpu.vendor == "nvidia" and 0 < gpu.compute_capability < support.least_capability:
            return (
                f"needs compute capability {support.least_capability:.1f} for {quantization}, "
                f"and {gpu.name} has {gpu.compute_capability:.1f}"
            )
    return ""


def format_support(quantization: str) -> FormatSupport | None:
    """Where a format runs, by the name people give it (``AWQ``, ``FP8``); None where vLLM loads it not."""
    name = quantization.upper().replace("-", "_")
    name = _ALIASES.get(name, name)
    if name in FORMATS:
        return FORMATS[name]
    return next((FORMATS[family] for family in _FAMILIES if name.startswith(f"{family}_")), None)


def tensor_parallel_problem(architecture: Architecture, ranks: int) -> str:
    """Why a model cannot be cut into that many ranks; empty where it can.

    vLLM divides heads, intermediate sizes and the padded vocabulary exactly; KV heads are either divided or
    repeated.

    Example:
        A model with 40 heads on 3 GPUs: ``40 attention heads do not divide by 3``.
    """
    if ranks == 1:
        return ""
    counts = [(padded_vocabulary(architecture.vocabulary_size), "rows of the padded vocabulary")]
    for layer in architecture.distinct_layers:
        counts += _divided(layer)
    for count, what in counts:
        if count % ranks:
            return f"{count:,} {what} do not divide by {ranks}"
    for layer in architecture.distinct_layers:
        heads = layer.attention.kv_heads if isinstance(layer.attention, Attention) else 1
        if heads % ranks and ranks % heads:
            return f"{heads} KV heads neither divide by {ranks} nor repeat evenly on {ranks} ranks"
    return ""


def _divided(layer: Layer) -> list[tuple[int, str]]:
    """What of a layer is cut over ranks."""
    attention, feed_forward = layer.attention, layer.feed_forward
    counts = []
    if isinstance(attention, (Attention, LatentAttention)):
        counts.append((attention.heads, "attention heads"))
    else:
        counts += [(attention.key_heads, "key heads"), (attention.value_heads, "value heads")]
    if isinstance(feed_forward, FeedForward):
        counts.append((feed_forward.intermediate_size, "elements of the intermediate size"))
    elif isinstance(feed_forward, Experts):
        counts.append((feed_forward.intermediate_size, "elements of an expert's intermediate size"))
    return counts

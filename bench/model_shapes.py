"""The models that ``bench/memory.py`` measures: shapes, as their publishers' ``config.json`` files give them.

Each is written as a file of zeros (``bench/shape_gguf.py``), so that nothing is downloaded.
"""

from __future__ import annotations

from deploy.architectures.shape import (
    Architecture,
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Layer,
)


def _grouped(
    model_type: str,
    *,
    layers: int,
    hidden: int,
    vocabulary: int,
    heads: int,
    kv_heads: int,
    intermediate: int,
) -> Architecture:
    attention = Attention(
        heads, kv_heads, 128, 128, qkv_bias=model_type == "qwen2", qk_norm=model_type == "qwen3"
    )
    return Architecture(
        model_type,
        hidden,
        vocabulary,
        (Layer(attention, FeedForward(intermediate)),) * layers,
        max_context_tokens=131_072,
        rope_factors=model_type == "llama",
        rope_factor_count=64 if model_type == "llama" else 0,
    )


def _latent(experts: int) -> Architecture:
    """DeepSeek-V2-Lite, with fewer experts where the whole model does not fit the machine."""
    attention = LatentAttention(16, 0, 512, 128, 64, 128)
    dense = Layer(attention, FeedForward(10_944))
    mixture = Layer(attention, Experts(experts, 6, 1408, shared_intermediate_size=2816))
    return Architecture("deepseek_v2", 2048, 102_400, (dense, *(mixture,) * 26), max_context_tokens=163_840)


def _sliding() -> Architecture:
    """gemma-3-1b: every sixth layer sees the whole context."""
    layers = tuple(
        Layer(
            Attention(4, 1, 256, 256, window_tokens=0 if number % 6 == 5 else 512, qk_norm=True),  # noqa: PLR2004
            FeedForward(6912),
            norms=4,
        )
        for number in range(26)
    )
    return Architecture("gemma3_text", 1152, 262_144, layers, max_context_tokens=32_768, tied_embeddings=True)


SHAPES = {
    "DeepSeek-R1-Distill-Qwen-1.5B": _grouped(
        "qwen2", layers=28, hidden=1536, vocabulary=151_936, heads=12, kv_heads=2, intermediate=8960
    ),
    "gemma-3-1b": _sliding(),
    "DeepSeek-R1-Distill-Qwen-7B": _grouped(
        "qwen2", layers=28, hidden=3584, vocabulary=152_064, heads=28, kv_heads=4, intermediate=18_944
    ),
    "DeepSeek-R1-Distill-Llama-8B": _grouped(
        "llama", layers=32, hidden=4096, vocabulary=128_256, heads=32, kv_heads=8, intermediate=14_336
    ),
    "DeepSeek-R1-0528-Qwen3-8B": _grouped(
        "qwen3", layers=36, hidden=4096, vocabulary=151_936, heads=32, kv_heads=8, intermediate=12_288
    ),
    "DeepSeek-V2-Lite (16 of 64 experts)": _latent(16),
    "DeepSeek-R1-Distill-Qwen-14B": _grouped(
        "qwen2", layers=48, hidden=5120, vocabulary=152_064, heads=40, kv_heads=8, intermediate=13_824
    ),
}

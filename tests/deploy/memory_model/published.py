"""The shapes of models as their configurations have them."""

from __future__ import annotations

from deploy.architectures.shape import Architecture, Attention, Experts, FeedForward, LatentAttention, Layer


def dense(  # noqa: PLR0917  a shape reads best as a row of numbers
    model_type: str,
    hidden: int,
    vocabulary: int,
    layers: int,
    attention: Attention,
    intermediate: int,
    context: int,
    *,
    tied: bool = False,
) -> Architecture:
    layer = Layer(attention, FeedForward(intermediate))
    return Architecture(model_type, hidden, vocabulary, (layer,) * layers, context, tied_embeddings=tied)


QWEN3_600M = dense(
    "qwen3", 1024, 151_936, 28, Attention(16, 8, 128, 128, qk_norm=True), 3072, 40_960, tied=True
)
QWEN3_32B = dense("qwen3", 5120, 151_936, 64, Attention(64, 8, 128, 128, qk_norm=True), 25_600, 40_960)
LLAMA3_8B = dense("llama", 4096, 128_256, 32, Attention(32, 8, 128, 128), 14_336, 8192)
LLAMA3_70B = dense("llama", 8192, 128_256, 80, Attention(64, 8, 128, 128), 28_672, 131_072)
R1_QWEN_1_5B = dense("qwen2", 1536, 151_936, 28, Attention(12, 2, 128, 128, qkv_bias=True), 8960, 131_072)
R1_QWEN_14B = dense("qwen2", 5120, 152_064, 48, Attention(40, 8, 128, 128, qkv_bias=True), 13_824, 131_072)
QWEN3_1_7B = dense(
    "qwen3", 2048, 151_936, 28, Attention(16, 8, 128, 128, qk_norm=True), 6144, 40_960, tied=True
)
LLAMA32_1B = dense("llama", 2048, 128_256, 16, Attention(32, 8, 64, 64), 8192, 131_072, tied=True)
GEMMA3_1B = Architecture(
    "gemma3_text",
    1152,
    262_144,
    tuple(
        Layer(
            Attention(4, 1, 256, 256, 512 if (number + 1) % 6 else 0, qk_norm=True),
            FeedForward(6912),
            norms=4,
        )
        for number in range(26)
    ),
    32_768,
    tied_embeddings=True,
)
SMOLLM2 = dense("llama", 576, 49_152, 30, Attention(9, 3, 64, 64), 1536, 8192, tied=True)
GPT_OSS_20B = Architecture(
    "gpt_oss",
    2880,
    201_088,
    tuple(
        Layer(
            Attention(64, 8, 64, 64, 0 if number % 2 else 128, qkv_bias=True, output_bias=True, sinks=True),
            Experts(32, 4, 2880, router_bias=True, biases=True),
        )
        for number in range(24)
    ),
    131_072,
)
DEEPSEEK_V2_LITE = Architecture(
    "deepseek_v2",
    2048,
    102_400,
    tuple(
        Layer(
            LatentAttention(16, 0, 512, 128, 64, 128),
            Experts(64, 6, 1408, 2816) if number else FeedForward(10_944),
        )
        for number in range(27)
    ),
    163_840,
)

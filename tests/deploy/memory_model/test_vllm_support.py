"""vLLM's share of a GPU, the formats it runs, and the ranks it cuts a model into."""

from __future__ import annotations

import pytest

from deploy.architectures.shape import Architecture, Attention, FeedForward, LatentAttention, Layer
from deploy.memory_model.vllm_budget import gpu_memory_utilization
from deploy.memory_model.vllm_support import tensor_parallel_problem, unsupported_format
from deploy.spec import GIB, Gpu
from stillroom.errors import PlanError


def dense(
    hidden: int, vocabulary: int, attention: Attention | LatentAttention, intermediate: int
) -> Architecture:
    return Architecture("other", hidden, vocabulary, (Layer(attention, FeedForward(intermediate)),) * 2, 8192)


LLAMA3_8B = dense(4096, 128_256, Attention(32, 8, 128, 128), 14_336)
R1_QWEN_1_5B = dense(1536, 151_936, Attention(12, 2, 128, 128), 8960)
R1_QWEN_14B = dense(5120, 152_064, Attention(40, 8, 128, 128), 13_824)
DEEPSEEK_V2_LITE = dense(2048, 102_400, LatentAttention(16, 0, 512, 128, 64, 128), 10_944)


def test_utilization_is_a_fraction_of_the_whole_computed_from_what_is_free() -> None:
    # 24 GiB in all, 20 free, 2 for an embedder, 500 MiB for CUDA itself.
    fraction = gpu_memory_utilization(20 * GIB, 24 * GIB, 2 * GIB)
    assert fraction == 0.729
    assert fraction * 24 * GIB + 2 * GIB + 500 * 1024**2 <= 20 * GIB


def test_several_ranks_leave_room_for_communication_buffers() -> None:
    assert gpu_memory_utilization(24 * GIB, 24 * GIB, ranks=2) < gpu_memory_utilization(24 * GIB, 24 * GIB)


def test_utilization_never_reaches_the_whole() -> None:
    assert gpu_memory_utilization(10_000 * GIB, 10_000 * GIB) == 0.98


def test_a_gpu_that_is_full_is_an_error_that_says_what_is_free() -> None:
    with pytest.raises(PlanError, match=r"2\.0 GiB of the GPU are free; 4\.0 GiB are reserved"):
        gpu_memory_utilization(2 * GIB, 24 * GIB, 4 * GIB)


def test_an_unknown_whole_is_an_error() -> None:
    with pytest.raises(PlanError, match="whole memory"):
        gpu_memory_utilization(2 * GIB, 0)


def gpu(name: str, capability: float, vendor: str = "nvidia") -> Gpu:
    made = Gpu(0, name, 16 * GIB, 15 * GIB, compute_capability=capability)
    return made if vendor == "nvidia" else Gpu(0, name, 16 * GIB, 15 * GIB, vendor="amd")


@pytest.mark.parametrize(
    ("quantization", "card", "reason"),
    [
        ("BF16", gpu("NVIDIA T4", 7.5), "needs compute capability 8.0 for BF16, and NVIDIA T4 has 7.5"),
        ("F16", gpu("NVIDIA T4", 7.5), ""),
        ("AWQ", gpu("NVIDIA T4", 7.5), ""),
        ("AWQ", gpu("Tesla V100", 7.0), "needs compute capability 7.5 for AWQ, and Tesla V100 has 7.0"),
        ("F16", gpu("Tesla V100", 7.0), "needs compute capability 7.5 for F16, and Tesla V100 has 7.0"),
        ("FP8", gpu("NVIDIA A100", 8.0), ""),
        ("NF4", gpu("NVIDIA A100", 8.0), "is NF4, a format that vLLM does not load"),
        ("MXFP4", gpu("NVIDIA T4", 7.5), "needs compute capability 8.0 for MXFP4, and NVIDIA T4 has 7.5"),
        ("NVFP4", gpu("MI300X", 0, "amd"), "is NVFP4, for which vLLM has no kernel on MI300X"),
        ("BF16", gpu("MI300X", 0, "amd"), ""),
        ("BF16", gpu("a card of unknown capability", 0), ""),
        ("Q4_K_M", gpu("NVIDIA H100", 9.0), "is Q4_K_M, a format that vLLM does not load"),
    ],
)
def test_formats_are_refused_with_the_reason(quantization: str, card: Gpu, reason: str) -> None:
    assert unsupported_format(quantization, (card,)) == reason


def test_the_weakest_of_several_gpus_decides() -> None:
    cards = (gpu("NVIDIA H100", 9.0), gpu("NVIDIA T4", 7.5))
    assert "NVIDIA T4" in unsupported_format("BF16", cards)


@pytest.mark.parametrize(
    ("architecture", "ranks", "reason"),
    [
        (R1_QWEN_14B, 4, ""),
        (R1_QWEN_14B, 3, "40 attention heads do not divide by 3"),
        (R1_QWEN_1_5B, 4, ""),
        (R1_QWEN_1_5B, 8, "12 attention heads do not divide by 8"),
        (DEEPSEEK_V2_LITE, 8, ""),
        (LLAMA3_8B, 16, ""),
        (LLAMA3_8B, 1, ""),
    ],
)
def test_a_model_is_cut_only_where_its_heads_divide(
    architecture: Architecture, ranks: int, reason: str
) -> None:
    assert tensor_parallel_problem(architecture, ranks) == reason


def test_kv_heads_that_neither_divide_nor_repeat_are_named() -> None:
    odd = dense(768, 32_000, Attention(12, 3, 64, 64), 3072)
    assert tensor_parallel_problem(odd, 2) == "3 KV heads neither divide by 2 nor repeat evenly on 2 ranks"

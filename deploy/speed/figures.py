"""Measured figures of speed: which share of a peak engines reach, and what a token costs besides.

A step of decoding takes bytes / (share x bandwidth) + bytes / ceiling + layers x seconds a layer. The share
is of the memory's peak; the ceiling is what kernels that unpack quantized weights reach however fast the
memory is, on server chips counted in weights; the seconds a layer are kernels started one after the other,
which small models feel most. Each is an interval that holds what was measured:
``tests/deploy/speed/measured.json`` lists the measurements and their sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from deploy.spec import EngineName, Gpu

# Slow reading, about 180 words a minute; a reasoning model below that thinks for many minutes.
MINIMUM_TOKENS_PER_S = 4.0


End = Literal["low", "expected", "high"]
ENDS: Final[tuple[End, End, End]] = ("low", "expected", "high")


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure as low, expected and high, in the sense of speed: low is the slow end."""

    low: float
    expected: float
    high: float

    def ends(self) -> tuple[float, float, float]:
        """The three in order."""
        return self.low, self.expected, self.high

    def at(self, end: End) -> float:
        """One of the three."""
        return {"low": self.low, "expected": self.expected, "high": self.high}[end]


@dataclass(frozen=True, slots=True)
class DecodeFigures:
    """How an engine decodes on a kind of device.

    Attributes:
        share: of the memory's peak bandwidth.
        ceiling_bytes_per_s: of kernels, whatever the memory; infinite where none is known.
        layer_seconds: fixed cost of a layer.
        step_seconds: fixed cost of a token, outside the layers.
        weights_per_s: how many weights kernels unpack and multiply, whatever their bits; infinite where a
            ceiling in bytes says it.
        bend: how reading and multiplying go together: 1 one after the other, 2 half at the same time (their
            squares add up).
    """

    share: Interval
    ceiling_bytes_per_s: Interval
    layer_seconds: Interval
    step_seconds: Interval
    source: str
    weights_per_s: Interval = Interval(inf, inf, inf)
    bend: int = 1


_NO_CEILING = Interval(inf, inf, inf)
NO_COST = Interval(0.0, 0.0, 0.0)
# llama.cpp on an H100 PCIe: 8B Q4_K_M 145.6 tokens/s (0.33 of 2000 GB/s), 8B F16 68.0 (0.51), 70B Q4_K_M
# 25.0 (0.53): faster memory helps less and less.
_LLAMA_CEILING = Interval(3000e9, 4000e9, inf)

_LLAMA_NVIDIA = DecodeFigures(
    share=Interval(0.65, 0.90, 0.97),
    ceiling_bytes_per_s=_LLAMA_CEILING,
    layer_seconds=Interval(80e-6, 30e-6, 10e-6),
    step_seconds=NO_COST,
    source="llama.cpp on RTX 3070 to 5070, 4090 and H100: 0.33 to 0.87 of peak bandwidth",
)
# Server chips with stacked memory, where memory is hardly the limit: a 7B decodes at 216 tokens/s at Q4_K_M
# and at 200 at Q8_0 on an H200, and as fast on an H100 with 0.7 of its bandwidth, so that a weight costs the
# same whatever its bits. Fitted to a llama-server's 1.5B to 32B on both, driver 580.159.04, llama.cpp b11549,
# 2026-11-26: 3 % off at the median. The step is sampling and HTTP, which llama-bench leaves out. Ampere's and
# Blackwell's chips are taken to be alike.
_LLAMA_NVIDIA_SERVER = DecodeFigures(
    share=Interval(0.60, 0.90, 0.96),
    ceiling_bytes_per_s=_NO_CEILING,
    layer_seconds=Interval(75e-6, 50e-6, 20e-6),
    step_seconds=Interval(1e-3, 0.4e-3, 0.0),
    source="llama.cpp on H100 and H200: 3e12 weights a second at most",
    weights_per_s=Interval(2.2e12, 3.0e12, 10e12),
    bend=2,
)
# Cards before tensor cores reach less: a GTX 1050 Ti 0.35 to 0.385.
_LLAMA_OLD_NVIDIA = DecodeFigures(
    share=Interval(0.30, 0.45, 0.80),
    ceiling_bytes_per_s=_LLAMA_CEILING,
    layer_seconds=Interval(100e-6, 40e-6, 10e-6),
    step_seconds=NO_COST,
    source="llama.cpp on GTX 1050 Ti: 0.35 to 0.385 of peak bandwidth",
)
_LLAMA_AMD = DecodeFigures(
    share=Interval(0.55, 0.90, 0.97),
    ceiling_bytes_per_s=_LLAMA_CEILING,
    layer_seconds=Interval(120e-6, 60e-6, 15e-6),
    step_seconds=NO_COST,
    source="llama.cpp on RX 7900 XT: 0.39 to 0.76 of peak bandwidth",
)
# An M1 Max reaches 0.41 with 4 bits (its GPU is busy unpacking) and 0.70 with 16; an M4 Pro up to 0.835.
_LLAMA_APPLE = DecodeFigures(
    share=Interval(0.42, 0.85, 0.95),
    ceiling_bytes_per_s=_LLAMA_CEILING,
    layer_seconds=Interval(100e-6, 60e-6, 15e-6),
    step_seconds=NO_COST,
    source="llama.cpp on M1 to M4 Pro: 0.41 to 0.835 of peak bandwidth",
)
_LLAMA_INTEL = DecodeFigures(
    share=Interval(0.30, 0.60, 0.90),
    ceiling_bytes_per_s=_LLAMA_CEILING,
    layer_seconds=Interval(150e-6, 70e-6, 15e-6),
    step_seconds=NO_COST,
    source="no measurement on Intel's cards is known: taken wide",
)
# aiconfigurator-core 0.12.0 counts 0.8 of the bandwidth and 3 microseconds a memory-bound kernel; a layer
# has about ten. Outside the layers: sampling and scheduling of a step.
_VLLM = DecodeFigures(
    share=Interval(0.50, 0.80, 0.95),
    ceiling_bytes_per_s=_NO_CEILING,
    layer_seconds=Interval(60e-6, 30e-6, 10e-6),
    step_seconds=Interval(3e-3, 0.5e-3, 0.0),
    source="vLLM on RTX 4090 and 5090 and DGX Spark: 0.61 to 0.88 of peak bandwidth",
)

# Layers with a router or latent attention start about ten kernels more: an RTX 3090 decodes
# DeepSeek-V2-Lite at Q4_0 at 181 tokens/s, where bytes alone would allow 345, and gpt-oss-20B at 239
# (ggml-org/llama.cpp, pulls 15525 and 20586).
INVOLVED_LAYER_SECONDS = Interval(100e-6, 20e-6, 0.0)

# Each sequence more that llama.cpp decodes at the same time: a share of what one costs the kernels, and its
# own sampling. Four on an H200, 1.5B to 32B: 1.45 to 1.95 times as long a step as one (llama-server b11549,
# driver 580.159.04, 2026-11-26).
SEQUENCE_SHARE = Interval(0.6, 0.2, 0.05)
SEQUENCE_SECONDS = Interval(1.5e-3, 0.4e-3, 0.05e-3)
# A layer whose cache is quantized rotates keys and values and unpacks them: 7 to 20 microseconds longer on
# the same H200, at up to 4,096 tokens.
QUANTIZED_CACHE_LAYER_SECONDS = Interval(40e-6, 12e-6, 0.0)

# What crosses from one device to the next is one token's activations, a few KiB: the latency of a copy and
# a wait.
HANDOVER_SECONDS = Interval(300e-6, 60e-6, 10e-6)
# One small all-reduce, two a layer: 4 to 12 microseconds within a node with peer access, 19 to 24 by NCCL
# over PCIe (haohervchb/sglang-V100, pull 2); without peer access it goes through host memory.
ALL_REDUCE_SECONDS = Interval(60e-6, 20e-6, 4e-6)
ALL_REDUCES_PER_LAYER = 2

# CPUs. A share of what the probe reads, and what one core unpacks and multiplies: llama.cpp decoded
# R1-Distill-Qwen-1.5B at Q4_K_M (0.98 GB a token) at 14.4 tokens/s on two shared server cores, 7 GB/s a
# core, where the memory gave more than 20; an i5-6500 read 3.8 GB in 254 ms, 0.75 of its 20 GB/s
# (ggml-org/llama.cpp, issue 34).
CPU_SHARE = Interval(0.55, 0.80, 1.0)
CPU_CORE_BYTES_PER_S = Interval(4e9, 7e9, 20e9)
CPU_LAYER_SECONDS = Interval(60e-6, 20e-6, 5e-6)
CPU_SOURCE = "llama.cpp on server and desktop cores: 0.75 of measured bandwidth, 7 GB/s a core"
# Where the memory was not measured: half of two channels of DDR4-2400 (38.4 GB/s), most of two channels of
# DDR4-3200 (51.2), and twelve channels of DDR5-4800 (461).
UNMEASURED_BYTES_PER_S = Interval(19e9, 40e9, 461e9)

# Prompts. llama.cpp reached, with 512 tokens at once and of dense 16-bit peaks, 0.60 of a 4090's at Q4_K_M
# and 0.79 at F16, 0.15 and 0.19 of an H100 PCIe's, 0.13 to 0.15 of an H200's: its kernels use tensor cores as
# of Ampere, and reach some 160 TFLOPS either way. So a share, and a ceiling that bends it off.
LLAMA_PREFILL_SHARE = Interval(0.35, 0.78, 0.95)
LLAMA_PREFILL_CEILING = Interval(110e12, 160e12, 400e12)
# How sharply: 1 would add the times that share and ceiling allow, infinity take the longer.
LLAMA_PREFILL_BEND = 4
# Engines built on large matrix products; 0.5 is what is commonly planned with, and few exceed 0.75.
VLLM_PREFILL_SHARE = Interval(0.25, 0.50, 0.80)
# 19 tokens/s of prompt with R1-Distill-Qwen-1.5B (1.31e9 parameters in its layers) on two shared server
# cores are 25e9 operations a second and core; cores with wide vectors and matrix units reach several times
# that.
CPU_CORE_FLOPS = Interval(10e9, 25e9, 250e9)

# A layer of a micro-batch of prompt, and a prompt's start, besides the arithmetic: an H200 read 512 tokens
# with a 1.5B at 19,700 to 22,300 tokens/s and 4,096 at 28,900 to 32,900, where arithmetic alone would allow
# 53,000 (llama.cpp b11549, driver 580.159.04, 2026-11-26). llama.cpp computes 512 tokens at once.
LLAMA_PREFILL_LAYER_SECONDS = Interval(600e-6, 250e-6, 20e-6)
LLAMA_PREFILL_START_SECONDS = Interval(15e-3, 8e-3, 0.0)
LLAMA_MICRO_BATCH_TOKENS = 512
# Prompts of at least 32 tokens are computed on an NVIDIA card also for layers in main memory, whose weights
# cross the bus once a micro-batch (ggml/src/ggml-cuda/ggml-cuda.cu, op_offload_min_batch_size): at 7.8 to 8.9
# GB/s with a 7B, a 14B and a 32B over PCIe 5.0 on the same H200, from a mapped file.
LLAMA_STAGED_TOKENS = 32
LLAMA_STAGED_BYTES_PER_S = Interval(3e9, 8.5e9, 25e9)

_FIRST_TENSOR_CORES = 7.0  # compute capability of Volta
# Compute capabilities of A100, H100 and H200, B200: chips with stacked memory.
_SERVER_CHIPS = frozenset({8.0, 9.0, 10.0})


def decode_figures(engine: EngineName, gpu: Gpu) -> DecodeFigures:
    """What is known of that engine on that kind of GPU."""
    if engine == "vllm":
        return _VLLM
    if gpu.vendor == "nvidia":
        if gpu.compute_capability in _SERVER_CHIPS:
            return _LLAMA_NVIDIA_SERVER
        old = 0 < gpu.compute_capability < _FIRST_TENSOR_CORES
        return _LLAMA_OLD_NVIDIA if old else _LLAMA_NVIDIA
    return {"amd": _LLAMA_AMD, "apple": _LLAMA_APPLE, "intel": _LLAMA_INTEL}[gpu.vendor]

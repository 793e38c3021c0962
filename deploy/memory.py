"""The memory model: what a loaded model takes on its device, term by term, each an interval with its source.

Pure arithmetic over shapes. It decides nothing: whether a sum fits is the planner's. It does not know
partial offload, several GPUs, quantized KV caches or speculative decoding.

For the embedded engine on a CPU the sum predicts the process's resident memory.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from deploy.quantization import find_quantization, ggml_types, stored_bytes
from deploy.spec import GIB, MIB, MemoryEstimate, MemoryTerm

if TYPE_CHECKING:
    from deploy.spec import Architecture, Artefact, EngineName, Workload

# llama.cpp, vLLM and Ollama keep keys and values in 16 bits unless they are told otherwise.
_KV_ELEMENT_BYTES = 2

# A GGUF file carries the tokenizer and a template beside the tensors: 5.95 to 7.87 MB in Ollama's R1 files.
_GGUF_HEADER_BYTES = 8_000_000

# llama.cpp rounds each sequence's context up to a multiple of this (src/llama-context.cpp).
_CONTEXT_STEP = 256

# llama.cpp computes at most this many tokens of a prompt at once (n_ubatch, common/common.h).
_MICRO_BATCH = 512
_F32_BYTES = 4

# Types that llama.cpp repacks for AVX2 or NEON, and those it also repacks where AVX-512 or ARM's int8 matrix
# instructions are there (ggml/src/ggml-cpu/repack.cpp). Repacked tensors are a second copy beside the mapped
# file. Printed on AVX2 for R1-Distill-Qwen-1.5B at Q4_K_M: 596.53 MiB, which is its Q4_K matrices.
_ALWAYS_REPACKED = frozenset(("Q4_0", "Q4_K", "IQ4_NL"))
_MAYBE_REPACKED = _ALWAYS_REPACKED | {"Q2_K", "Q5_K", "Q6_K", "Q8_0"}
_REPACKED_ROWS = 8

# Python, llama.cpp's libraries, tokenizer and threads: the process's resident memory less llama.cpp's own
# buffers. On Linux, SmolLM2 135M: 51 to 57 MiB loaded, 67 to 73 MiB after a prompt of 1,231 tokens;
# R1-Distill-Qwen-1.5B: 19 MiB loaded, its compute buffer not touched yet, and 89 MiB after a prompt.
_EMBEDDED_OVERHEAD = (16 * MIB, 62 * MIB, 128 * MIB)
# A Go server and its runner process: an estimate, nobody here has measured it.
_OLLAMA_CPU_OVERHEAD = (32 * MIB, 96 * MIB, 256 * MIB)
# The CUDA context and its libraries. 309 MiB is what nvidia-smi showed above the sum of the buffers in
# ollama/ollama#6160; newer drivers take more.
_OLLAMA_GPU_OVERHEAD = (250 * MIB, 400 * MIB, 700 * MIB)
# vLLM's peak activations: 0.19 GiB (vllm-project/vllm#13061), 1.26 GiB (#10511), 5.56 GiB with the sequences
# and batched tokens that it takes on an H100 by default (llm-d-planner, empirical-vllm-memory-results.md).
_VLLM_ACTIVATIONS = (int(0.19 * GIB), int(1.26 * GIB), int(5.56 * GIB))
# Memory outside torch, 0.13 to 1.79 GiB, and CUDA graphs, up to 0.39 GiB, from the same three reports.
_VLLM_OVERHEAD = (int(0.13 * GIB), int(0.8 * GIB), int(2.18 * GIB))


def kv_cache_bytes(
    architecture: Architecture,
    *,
    context_tokens: int,
    concurrent_sequences: int = 1,
) -> int:
    """Keys and values of every layer, KV head and token: 2 · layers · kv_heads · head_dim · bytes a token.

    Example:
        R1-Distill-Qwen-1.5B has 28 layers with 2 KV heads of 128: 28,672 bytes a token, 224 MiB at 8192.
    """
    elements_per_token = 2 * architecture.layers * architecture.kv_heads * architecture.head_dim
    return elements_per_token * _KV_ELEMENT_BYTES * context_tokens * concurrent_sequences


def estimate_memory(
    architecture: Architecture, artefact: Artefact, workload: Workload, *, engine: EngineName, device: str
) -> MemoryEstimate:
    """What the engine holds on ``device`` once the model is loaded and has answered.

    Args:
        architecture: the model's shape.
        artefact: its weights.
        workload: context and sequences.
        engine: who loads it.
        device: ``cpu`` or ``gpu:N``; memory on other devices is not counted.

    Raises:
        PlanError: the artefact's quantization or the architecture is unknown.
    """
    if engine == "vllm":
        return MemoryEstimate(
            (
                _exact("weights", artefact.total_bytes, artefact.source),
                _kv_term(architecture, workload, step=1),
                MemoryTerm("compute", *_VLLM_ACTIVATIONS, "peak activations that vLLM reported elsewhere"),
                MemoryTerm("overhead", *_VLLM_OVERHEAD, "memory outside torch, and CUDA graphs"),
            )
        )
    on_cpu = device == "cpu"
    kv_cache = _kv_term(architecture, workload, step=_CONTEXT_STEP)
    compute = _llama_cpp_compute(architecture, workload, engine=engine, on_cpu=on_cpu)
    if not on_cpu:
        overhead = MemoryTerm("overhead", *_OLLAMA_GPU_OVERHEAD, "CUDA context and libraries")
        return MemoryEstimate((_offloaded_weights(architecture, artefact), kv_cache, compute, overhead))
    overhead = (
        MemoryTerm("overhead", *_EMBEDDED_OVERHEAD, "Python, libraries and tokenizer, measured")
        if engine == "embedded"
        else MemoryTerm("overhead", *_OLLAMA_CPU_OVERHEAD, "server and runner processes, estimated")
    )
    return MemoryEstimate(
        (
            _host_weights(artefact),
            _repacked_weights(architecture, artefact, engine=engine),
            kv_cache,
            compute,
            overhead,
        )
    )


def _exact(name: str, term_bytes: int, source: str) -> MemoryTerm:
    return MemoryTerm(name, term_bytes, term_bytes, term_bytes, source)


def _host_weights(artefact: Artefact) -> MemoryTerm:
    total = artefact.total_bytes
    return MemoryTerm("weights", total, total, total + _GGUF_HEADER_BYTES, artefact.source)


def _offloaded_weights(architecture: Architecture, artefact: Artefact) -> MemoryTerm:
    """llama.cpp leaves the token embedding in host memory; a tied one it copies to the GPU as the output."""
    if architecture.tied_embeddings:
        return _exact("weights", artefact.total_bytes, artefact.source)
    offloaded = artefact.total_bytes - artefact.cpu_resident_bytes
    return _exact("weights", offloaded, f"{artefact.source}; the token embedding stays in host memory")


def _repacked_weights(architecture: Architecture, artefact: Artefact, *, engine: EngineName) -> MemoryTerm:
    always = _repacked_bytes(architecture, artefact.quantization, _ALWAYS_REPACKED)
    maybe = _repacked_bytes(architecture, artefact.quantization, _MAYBE_REPACKED)
    if engine == "embedded":
        return MemoryTerm("weights_repacked", always, always, maybe, "second copy that llama.cpp repacks")
    # Ollama loads without mapping the file, so that a repacked tensor replaces its original.
    return MemoryTerm("weights_repacked", 0, 0, maybe, "none unless Ollama maps the file")


@cache
def _repacked_bytes(architecture: Architecture, quantization: str, kinds: frozenset[str]) -> int:
    """Matrices of those types, but for the token embedding: it is looked up, not multiplied."""
    typed = ggml_types(architecture, find_quantization(quantization))
    return sum(
        stored_bytes(tensor, kind)
        for tensor, kind in typed
        if kind in kinds and tensor.role != "token_embedding" and tensor.shape[0] % _REPACKED_ROWS == 0
    )


def _kv_term(architecture: Architecture, workload: Workload, *, step: int) -> MemoryTerm:
    exact = kv_cache_bytes(
        architecture,
        context_tokens=workload.context_tokens,
        concurrent_sequences=workload.concurrent_sequences,
    )
    rounded = kv_cache_bytes(
        architecture,
        context_tokens=-(-workload.context_tokens // step) * step,
        concurrent_sequences=workload.concurrent_sequences,
    )
    source = "2 · layers · KV heads · head dim · 2 bytes · context · sequences"
    return MemoryTerm("kv_cache", exact, exact, rounded, source)


def _llama_cpp_compute(
    architecture: Architecture, workload: Workload, *, engine: EngineName, on_cpu: bool
) -> MemoryTerm:
    """llama.cpp's compute buffer for one micro-batch, and the buffer of logits that it hands out.

    The layers' share, 512 · (5 · hidden + 3 · intermediate) floats and a 16-bit attention mask, was fitted to
    what llama.cpp printed on a CPU: 16.64 and 22.64 MiB for SmolLM2 135M at 2048 and 8192 tokens, 75.52 MiB
    for R1-Distill-Qwen-1.5B at 8192; it misses them by 0.02 MiB. On GPUs logits of the whole micro-batch are
    reserved as well: 512 · (vocabulary + hidden) floats is the 304.00 MiB printed for Qwen2.5-7B and the
    258.50 MiB for Llama-3-8B. The scheduler reuses memory, so the larger share counts.
    """
    width = architecture.hidden_size
    layers = _MICRO_BATCH * (5 * width + 3 * architecture.intermediate_size) * _F32_BYTES
    mask = _MICRO_BATCH * workload.context_tokens * 2
    logits = _MICRO_BATCH * (architecture.vocabulary_size + width) * _F32_BYTES
    output = architecture.vocabulary_size * _F32_BYTES * workload.concurrent_sequences
    busiest = max(layers + mask, logits)
    if not on_cpu:
        low, expected, high = layers, busiest, layers + mask + logits
    elif engine == "embedded":
        # Our own build of llama.cpp, where the formula was fitted; a tenth for the next release.
        low, expected, high = layers, layers + mask, (layers + mask) * 11 // 10
    else:
        low, expected, high = layers, layers + mask, busiest
    source = f"llama.cpp's buffers for {_MICRO_BATCH} tokens at once"
    return MemoryTerm("compute", low + output, expected + output, high + output, source)

"""The memory model, against what engines printed and what processes held."""

from __future__ import annotations

import pytest

from deploy.catalog import load_catalog
from deploy.memory import estimate_memory, kv_cache_bytes
from deploy.quantization import compute_artefact
from deploy.spec import MIB, EngineName, MemoryEstimate, Workload

KIB = 1024


def _estimate(
    tag: str, quantization: str, workload: Workload, *, engine: EngineName, device: str
) -> MemoryEstimate:
    architecture = load_catalog().find(tag).architecture
    artefact = compute_artefact(architecture, quantization)
    return estimate_memory(architecture, artefact, workload, engine=engine, device=device)


@pytest.mark.parametrize(
    ("tag", "bytes_per_token"),
    [
        ("deepseek-r1:1.5b", 28_672),
        ("deepseek-r1:7b", 57_344),
        ("deepseek-r1:8b-llama-distill", 131_072),
        ("deepseek-r1:8b", 147_456),
        ("deepseek-r1:14b", 196_608),
        ("deepseek-r1:32b", 262_144),
        ("deepseek-r1:70b", 327_680),
        ("smollm2:135m", 23_040),
    ],
)
def test_kv_cache_takes_the_known_bytes_a_token(tag: str, bytes_per_token: int) -> None:
    architecture = load_catalog().find(tag).architecture
    assert kv_cache_bytes(architecture, context_tokens=1) == bytes_per_token
    assert kv_cache_bytes(architecture, context_tokens=100, concurrent_sequences=3) == 300 * bytes_per_token


# What llama.cpp printed for SmolLM2 135M at Q4_1, and the resident memory of the embedded engine's
# process in KiB, loaded and after a prompt of 1,231 tokens; xllamacpp 2026.10, Linux, AVX2.
@pytest.mark.parametrize(
    ("context_tokens", "sequences", "kv_mib", "compute_mib", "loaded_kib", "busy_kib"),
    [
        (2048, 1, 45.0, 16.64, 216_368, 232_552),
        (8192, 1, 180.0, 22.64, 354_588, 370_732),
        (2048, 4, 180.0, 16.64, 354_604, 370_772),
        (2048, 2, 90.0, 16.64, 262_372, 278_548),
    ],
)
def test_embedded_engine_is_predicted_as_it_was_measured(
    *,
    context_tokens: int,
    sequences: int,
    kv_mib: float,
    compute_mib: float,
    loaded_kib: int,
    busy_kib: int,
) -> None:
    workload = Workload(context_tokens=context_tokens, concurrent_sequences=sequences)
    estimate = _estimate("smollm2:135m", "Q4_1", workload, engine="embedded", device="cpu")
    # llama.cpp prints the logits that it hands out as a buffer of its own; both are the compute term here.
    output_mib = 49_152 * 4 * sequences / MIB
    assert estimate.term("weights").expected_bytes / MIB == pytest.approx(92.10, abs=0.01)
    assert estimate.term("weights_repacked").expected_bytes == 0
    assert estimate.term("kv_cache").expected_bytes == kv_mib * MIB
    assert estimate.term("compute").expected_bytes / MIB == pytest.approx(compute_mib + output_mib, abs=0.03)
    assert estimate.low_bytes <= loaded_kib * KIB
    assert estimate.expected_bytes == pytest.approx((loaded_kib + busy_kib) / 2 * KIB, rel=0.05)
    assert busy_kib * KIB <= estimate.high_bytes


def test_a_repacked_copy_is_predicted_as_llama_cpp_makes_it() -> None:
    # Printed for a file of R1-Distill-Qwen-1.5B's shapes in this mix, and the resident memory of its process
    # in KiB, loaded and after a prompt of 601 tokens; xllamacpp 2026.10, Linux, AVX2.
    loaded_kib, busy_kib = 2_023_228, 2_095_096
    workload = Workload(context_tokens=8192)
    estimate = _estimate("deepseek-r1:1.5b", "Q4_K_M", workload, engine="embedded", device="cpu")
    assert estimate.term("weights").expected_bytes / MIB == pytest.approx(1059.89, abs=0.01)
    assert estimate.term("weights_repacked").expected_bytes / MIB == pytest.approx(596.53, abs=0.01)
    assert estimate.term("kv_cache").expected_bytes == 224 * MIB
    assert estimate.term("compute").expected_bytes / MIB == pytest.approx(75.52 + 0.58, abs=0.03)
    assert estimate.low_bytes <= loaded_kib * KIB
    assert estimate.expected_bytes == pytest.approx((loaded_kib + busy_kib) / 2 * KIB, rel=0.02)
    assert busy_kib * KIB <= estimate.high_bytes


def test_ollama_on_a_gpu_leaves_the_token_embedding_in_host_memory() -> None:
    # llama.cpp printed 8148.38 MiB on the GPU for these tensors (ggml-org/llama.cpp#12171).
    estimate = _estimate("deepseek-r1:14b", "Q4_K_M", Workload(), engine="ollama", device="gpu:0")
    assert estimate.term("weights").expected_bytes / MIB == pytest.approx(8148.38, abs=0.01)


def test_tied_embeddings_are_on_the_gpu_as_the_output() -> None:
    architecture = load_catalog().find("smollm2:135m").architecture
    artefact = compute_artefact(architecture, "Q4_1")
    estimate = estimate_memory(architecture, artefact, Workload(), engine="ollama", device="gpu:0")
    assert estimate.term("weights").expected_bytes == artefact.total_bytes


@pytest.mark.parametrize(
    ("tag", "compute_mib"), [("deepseek-r1:7b", 304.00), ("deepseek-r1:8b-llama-distill", 258.50)]
)
def test_compute_on_a_gpu_is_what_llama_cpp_prints_for_these_shapes(tag: str, compute_mib: float) -> None:
    workload = Workload(context_tokens=4096)
    estimate = _estimate(tag, "Q4_K_M", workload, engine="ollama", device="gpu:0")
    assert estimate.term("compute").expected_bytes / MIB == pytest.approx(compute_mib, abs=0.7)


@pytest.mark.parametrize(
    ("engine", "device", "quantization"),
    [
        ("embedded", "cpu", "Q4_K_M"),
        ("ollama", "cpu", "Q4_K_M"),
        ("ollama", "gpu:0", "Q8_0"),
        ("vllm", "gpu:0", "AWQ"),
    ],
)
def test_memory_grows_with_context_and_with_sequences(
    engine: EngineName, device: str, quantization: str
) -> None:
    def expected(context_tokens: int, sequences: int) -> int:
        workload = Workload(context_tokens=context_tokens, concurrent_sequences=sequences)
        tag = "deepseek-r1:7b"
        return _estimate(tag, quantization, workload, engine=engine, device=device).expected_bytes

    by_context = [expected(tokens, 1) for tokens in (512, 2048, 8192, 32_768, 131_072)]
    by_sequences = [expected(4096, sequences) for sequences in (1, 2, 4, 16)]
    assert by_context == sorted(set(by_context))
    assert by_sequences == sorted(set(by_sequences))


@pytest.mark.parametrize("tag", [model.tag for model in load_catalog().models])
@pytest.mark.parametrize(
    ("engine", "device"), [("embedded", "cpu"), ("ollama", "cpu"), ("ollama", "gpu:0"), ("vllm", "gpu:0")]
)
def test_every_term_is_an_interval_with_a_source(tag: str, engine: EngineName, device: str) -> None:
    quantization = "BF16" if engine == "vllm" else "Q4_K_M"
    workload = Workload(context_tokens=5000, concurrent_sequences=2)
    estimate = _estimate(tag, quantization, workload, engine=engine, device=device)
    assert [term.name for term in estimate.terms if not term.source] == []
    for term in estimate.terms:
        assert 0 <= term.low_bytes <= term.expected_bytes <= term.high_bytes

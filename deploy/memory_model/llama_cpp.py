"""What llama.cpp holds on each device: the embedded engine, and Ollama, which is built on it.

Terms for weights, repacked weights, KV cache, recurrent state, compute buffers and what engine and driver
take beside them. For the embedded engine on a CPU the sum predicts the process's resident memory after a
first prompt, and on an NVIDIA GPU what the driver shows as used. It decides nothing: whether a sum fits is
the planner's. It does not know speculative decoding, adapters or images, nor that a build for CUDA takes
some 0.8 GiB of a card that it sees even if no layer is put there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.memory_model import llama_cpp_compute as compute
from deploy.memory_model import llama_cpp_gpu as gpu_buffers
from deploy.memory_model.llama_cpp_cache import cache_terms, checkpoint_bytes
from deploy.memory_model.llama_cpp_weights import DeviceWeights, weights_by_device
from deploy.serving import CONTEXT_CHECKPOINTS, CPU
from deploy.spec import MIB, MemoryEstimate, MemoryTerm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.architectures.shape import Architecture, Layer
    from deploy.checkpoint import Checkpoint
    from deploy.serving import Placement, Serving
    from deploy.spec import EngineName, Workload

# A GGUF file carries the tokenizer and a template beside the tensors: 5.95 to 7.87 MB in Ollama's R1 files.
_GGUF_HEADER_BYTES = 8_000_000

# Low, expected and high of what processes and drivers take beside llama.cpp's buffers. Python, llama.cpp's
# libraries, tokenizer and threads, after a prompt of 600 tokens on Linux: 48 MiB for SmolLM2 135M, 56 for
# Qwen3-0.6B, 71 and 72 for R1-Distill-Qwen-1.5B in two quantizations.
_EMBEDDED_PROCESS = (40 * MIB, 72 * MIB, 128 * MIB)
# A Go server and its runner process: an estimate, nobody here has measured it.
_OLLAMA_PROCESS = (32 * MIB, 96 * MIB, 256 * MIB)
_GPU_CONTEXT = {
    # The CUDA context, loaded kernels, cuBLAS and pools, as device memory beyond the buffers: 309 MiB in
    # ollama/ollama#6160, 451 to 456 on RTX 4090s (ggml-org/llama.cpp, pull 15860), 609 to 627 on an H200, 527
    # of them its bare context (driver 580.159.04, llama.cpp b11549, 2026-11-26). Model, context and cache
    # hardly matter. Between the latter two.
    "nvidia": (250 * MIB, 550 * MIB, 800 * MIB),
    # No figure is at hand for these: NVIDIA's, and wider.
    "amd": (150 * MIB, 400 * MIB, 1000 * MIB),
    "intel": (150 * MIB, 400 * MIB, 1000 * MIB),
    # Metal has no context of its own in memory beside its command buffers: an estimate.
    "apple": (16 * MIB, 64 * MIB, 256 * MIB),
}

# What CUDA adds to a process's resident memory: 367 to 406 MiB in all beside weights, cache and buffers, half
# of them pages of libraries (llama-server b11549 on an H200, driver 580.159.04, 2026-11-26).
_CUDA_PROCESS = (160 * MIB, 315 * MIB, 450 * MIB)

# Matrices of layers on the CPU are multiplied on the GPU where a prompt is long, and the holes that they
# leave in its buffer are not predicted: 0.3 to 1.25 of the largest such matrix with 7B, 14B and 32B models
# (H200, driver 580.159.04, llama.cpp b11549, 2026-11-26); the median was 0.77.
_STAGED_SHARE, _STAGED_SHARE_HIGH = (3, 4), (3, 2)

# With several GPUs llama.cpp keeps four copies of a micro-batch's inputs (ggml/src/ggml-backend.cpp,
# GGML_SCHED_MAX_COPIES), if every layer is on a GPU.
_PIPELINE_COPIES = 4


@dataclass(frozen=True)
class _Load:
    """What is loaded, and how: the arguments of ``llama_cpp_memory``."""

    architecture: Architecture
    checkpoint: Checkpoint
    workload: Workload
    serving: Serving
    placement: Placement
    engine: EngineName
    vendor: str
    on_cpu: DeviceWeights


def llama_cpp_memory(
    architecture: Architecture,
    checkpoint: Checkpoint,
    workload: Workload,
    serving: Serving,
    placement: Placement,
    *,
    engine: EngineName,
    vendor: str = "nvidia",
) -> MemoryEstimate:
    """What the engine holds on each device once the model is loaded and has answered.

    Args:
        architecture: the model's shape.
        checkpoint: its GGUF file, computed or read.
        workload: context of a sequence, and sequences.
        serving: cache type, micro-batch, flash attention.
        placement: which layers are on which GPU.
        engine: ``embedded`` or ``ollama``.
        vendor: of the GPUs.

    Raises:
        PlanError: the checkpoint is not GGUF, the cache type is unknown, or the placement does not suit the
            model.
    """
    held = weights_by_device(architecture, checkpoint, placement)
    load = _Load(architecture, checkpoint, workload, serving, placement, engine, vendor, held[CPU])
    terms: list[MemoryTerm] = []
    for device, weights in held.items():
        terms += _device_terms(load, device, weights)
    return MemoryEstimate(tuple(terms))


def _device_terms(load: _Load, device: str, weights: DeviceWeights) -> Iterator[MemoryTerm]:
    layers = [load.architecture.layers[number] for number in weights.layers]
    yield _weights_term(load, device, weights)
    if device == CPU and not load.placement.gpus:
        yield _repacked_term(load, weights)
    if layers:
        yield from cache_terms(layers, load.workload, load.serving, device)
    yield _compute_term(load, device, weights, layers)
    yield _overhead_term(load, device)


def _weights_term(load: _Load, device: str, weights: DeviceWeights) -> MemoryTerm:
    stored = weights.stored_bytes
    source = load.checkpoint.source
    own, of_all = stored - weights.copied_bytes, load.checkpoint.tensor_bytes
    parts = [f"{own:,} B of tensors" if own == of_all else f"{own:,} B of {of_all:,} B of tensors"]
    if weights.copied_bytes:
        parts.append(f"{weights.copied_bytes:,} B of the token embedding, copied as the output projection")
    high = stored
    if device == CPU:
        high += _GGUF_HEADER_BYTES
        if load.placement.gpus and load.on_cpu.layers:
            # A file is mapped from the first to the last tensor on the CPU, and the output projection may lie
            # between: 447 MB of the resident memory of a 7B on an H200, llama.cpp b11549, 2026-11-26.
            high += sum(tensor.stored_bytes for tensor in load.checkpoint.tensors if tensor.role == "output")
    return MemoryTerm("weights", stored, stored, high, source, device, " + ".join(parts))


def _repacked_term(load: _Load, weights: DeviceWeights) -> MemoryTerm:
    always, somewhere = weights.always_repacked_bytes, weights.somewhere_repacked_bytes
    if load.engine == "embedded":
        text = f"{always:,} B of Q4_0, Q4_K, IQ4_NL and MXFP4 matrices, a second time"
        source = "llama.cpp's copies for its CPU kernels (ggml-cpu/repack.cpp)"
        return MemoryTerm("weights_repacked", always, always, somewhere, source, CPU, text)
    # Ollama loads without mapping the file, so that a repacked tensor replaces its original.
    source, text = "none unless Ollama maps the file", "0 B: repacked tensors replace the originals"
    return MemoryTerm("weights_repacked", 0, 0, somewhere, source, CPU, text)


def _compute_term(load: _Load, device: str, weights: DeviceWeights, layers: list[Layer]) -> MemoryTerm:
    if device != CPU:
        return _gpu_compute_term(load, device, weights, layers)
    if load.placement.gpus:
        return _host_compute_term(load, layers)
    architecture, workload, serving = load.architecture, load.workload, load.serving
    in_layers = compute.layers_bytes(layers, architecture, workload, serving)
    masks = compute.mask_bytes(architecture, workload, serving)
    beside = compute.inputs_bytes(workload, serving)
    output = compute.output_bytes(architecture, workload)
    expected = in_layers + masks + beside + output
    high = expected + in_layers // 10  # a tenth for another release
    if load.engine == "ollama":
        high = max(high, compute.logits_bytes(architecture, workload, serving) + masks + output)
    text = " + ".join(
        (
            compute.layers_arithmetic(layers, architecture, workload, serving),
            f"mask {compute.mask_arithmetic(architecture, workload, serving) or '0 B'}",
            f"inputs {beside:,} B",
            _output_arithmetic(load),
        )
    )
    # Until a prompt fills the micro-batch and the context, much of the buffer is not touched.
    low = output
    return MemoryTerm("compute", low, expected, high, "llama.cpp's compute and output buffers", device, text)


def _host_compute_term(load: _Load, layers: list[Layer]) -> MemoryTerm:
    """Beside GPUs the CPU looks up the embeddings and makes the masks.

    Layers on the CPU add nothing on NVIDIA's cards, which compute prompts for them; high counts them.
    """
    architecture, workload, serving = load.architecture, load.workload, load.serving
    output = compute.output_bytes(architecture, workload)
    expected = gpu_buffers.host_bytes(architecture, workload, serving) + output
    text = f"{gpu_buffers.host_arithmetic(architecture, workload, serving)} + {_output_arithmetic(load)}"
    source = "llama.cpp's host buffers of embeddings, masks and logits"
    high = 2 * expected - output + compute.layers_bytes(layers, architecture, workload, serving)
    return MemoryTerm("compute", output, expected, high, source, CPU, text)


def _gpu_compute_term(load: _Load, device: str, weights: DeviceWeights, layers: list[Layer]) -> MemoryTerm:
    """One buffer a GPU: the busiest of its layers, or the logits where the output projection is.

    Before June 2026 llama.cpp reserved logits of the whole micro-batch, and Ollama's builds before that do:
    high counts them. Where layers stay on the CPU, their matrices pass through the GPU for long prompts, one
    at a time.
    """
    architecture, workload, serving = load.architecture, load.workload, load.serving
    moment = gpu_buffers.gpu_moment(layers, architecture, workload, serving)
    inputs = gpu_buffers.input_bytes(architecture, workload, serving) if layers else 0
    masks = compute.mask_bytes(architecture, workload, serving) if layers else 0
    last = gpu_buffers.last_logits_bytes(architecture, workload) if weights.has_output else 0
    text = moment.arithmetic
    if layers:
        mask = compute.mask_arithmetic(architecture, workload, serving) or "0 B"
        text += f" + mask {mask} + inputs {inputs - masks:,} B"
    if last > moment.expected_bytes + inputs:
        rows = f"{architecture.vocabulary_size:,} + {architecture.hidden_size:,}"
        text = f"logits {workload.concurrent_sequences} x ({rows}) x 4 B"
    staged, staged_high = _staged_bytes(load)
    if staged:
        text = f"{text} + {staged:,} B for matrices of the layers on the CPU"
    whole = compute.logits_bytes(architecture, workload, serving) if weights.has_output else 0
    copies = inputs * (_PIPELINE_COPIES - 1) if len(load.placement.gpus) > 1 else 0
    # Another release may take a tenth more or less, and so may sequences that share a micro-batch evenly.
    low = (moment.least_bytes + masks) * 9 // 10
    high = max(moment.expected_bytes + moment.expected_bytes // 10, whole, last) + inputs
    return MemoryTerm(
        "compute",
        low,
        max(moment.expected_bytes + inputs, last) + staged,
        high + staged_high + copies,
        f"llama.cpp's compute buffer for {compute.micro_batch(workload, serving)} tokens at once",
        device,
        text,
    )


def _staged_bytes(load: _Load) -> tuple[int, int]:
    """Expected and high room for matrices that stay on the CPU and are multiplied on the GPU."""
    layers = [load.architecture.layers[number] for number in load.on_cpu.layers]
    if not layers:
        return 0, 0
    matrix = load.on_cpu.largest_matrix_bytes
    share, high_share = _STAGED_SHARE, _STAGED_SHARE_HIGH
    cache = gpu_buffers.layer_cache_bytes(layers, load.workload, load.serving)
    high = matrix * high_share[0] // high_share[1] + cache + load.on_cpu.output_bytes
    return matrix * share[0] // share[1], high


def _overhead_term(load: _Load, device: str) -> MemoryTerm:
    if device != CPU:
        name = {"nvidia": "CUDA context", "apple": "Metal"}.get(load.vendor, f"{load.vendor} driver context")
        low, expected, high = _GPU_CONTEXT.get(load.vendor, _GPU_CONTEXT["amd"])
        source = f"{name} and libraries"
        return MemoryTerm("overhead", low, expected, high, source, device, f"{expected // MIB} MiB")
    cuda = _CUDA_PROCESS if load.placement.gpus and load.vendor == "nvidia" else (0, 0, 0)
    process = _EMBEDDED_PROCESS if load.engine == "embedded" else _OLLAMA_PROCESS
    low, expected, high = (own + more for own, more in zip(process, cuda, strict=True))
    text = f"{process[1] // MIB} MiB" + (f" + {cuda[1] // MIB} MiB of CUDA" if cuda[1] else "")
    if load.engine != "embedded":
        source = "server and runner processes, estimated"
        return MemoryTerm("overhead", low, expected, high, source, CPU, text)
    source = "Python, libraries, tokenizer and threads, measured on Linux"
    copied = checkpoint_bytes(load.architecture, load.workload, load.serving)
    if copied:
        source += f"; and copies of windows and states, at most {CONTEXT_CHECKPOINTS} a sequence"
        text += f" + {CONTEXT_CHECKPOINTS} x {copied:,} B"
        expected += CONTEXT_CHECKPOINTS * copied
        high += CONTEXT_CHECKPOINTS * copied * load.workload.concurrent_sequences
    return MemoryTerm("overhead", low, expected, high, source, CPU, text)


def _output_arithmetic(load: _Load) -> str:
    vocabulary = load.architecture.vocabulary_size
    return f"logits {load.workload.concurrent_sequences} x {vocabulary:,} x 4 B"

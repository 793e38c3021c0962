"""What engines write when they cannot start, each with its meaning and a next step.

A table of patterns, taken from logs of failed starts (llama.cpp through xllamacpp 2026.10, vLLM 0.32.0,
Ollama 0.33) and, for what only a GPU or a model hub can do, from the messages in the sources of those
engines, PyTorch, huggingface_hub and Docker. ``deploy.launching.diagnosis`` reads logs with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

CauseName = Literal[
    "architecture",
    "context",
    "damaged_file",
    "disk_full",
    "driver",
    "gated",
    "gpu_too_old",
    "kv_cache",
    "memory",
    "missing_model",
    "missing_module",
    "network",
    "not_executable",
    "option",
    "port",
    "quantization",
    "tokenizer",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """What a log says, what that means, and what to do about it.

    Attributes:
        pattern: its named groups are put into the sentence and the hint; ``tokens`` is a context that fits.
    """

    name: CauseName
    pattern: re.Pattern[str]
    sentence: str
    hint: str


def _cause(name: CauseName, pattern: str, sentence: str, hint: str) -> Cause:
    return Cause(name, re.compile(pattern, re.IGNORECASE | re.DOTALL), sentence, hint)


# Order matters: the first that matches is the cause, the later ones are often its consequences. Dots match
# line ends, so every gap has a length. Tracebacks show source lines, where a name stands in braces.
CAUSES: Final = (
    _cause(
        "port",
        r"couldn't bind HTTP server socket.{0,80}?port: \d+|address already in use",
        "its port was taken by another program",
        "stillroom up --port 0 finds a free port",
    ),
    _cause(
        "missing_model",
        r"failed to open GGUF file '(?P<what>[^']+)' \(No such file",
        "the model file {what} is missing",
        "stillroom models pull",
    ),
    _cause(
        "damaged_file",
        r"invalid magic characters",
        "the model file is not a GGUF file",
        "delete it, then: stillroom models pull",
    ),
    _cause(
        "damaged_file",
        r"is not within the file bounds",
        "the model file is incomplete: its last tensors are cut off",
        "delete it, then: stillroom models pull",
    ),
    _cause(
        "damaged_file",
        r"SafetensorError: Error while deserializing header",
        "a file with weights is incomplete or damaged",
        "fetch the weights again",
    ),
    _cause(
        "damaged_file",
        r"the config file at '(?P<what>[^'{]+)' is not a valid JSON file",
        "the model's configuration {what} is not JSON",
        "fetch the model again",
    ),
    _cause("disk_full", r"no space left on device", "the disk is full", "stillroom doctor"),
    _cause(
        "gated",
        r"GatedRepoError|gated repo|Access to model (?P<what>\S+) is restricted"
        r"|401 Client Error.{0,200}?huggingface|Invalid user(?:name or password| token)",
        "the model hub gives these weights only to those who accepted their licence, with a token",
        "accept the licence on the model's page, then set HF_TOKEN",
    ),
    _cause(
        "missing_model",
        r"Repo id must be in the form.*?: '(?P<what>[^']+)'",
        "the model directory {what} is missing",
        "stillroom plan names models and where they come from",
    ),
    _cause(
        "missing_model",
        r"Invalid repository ID or local directory specified: '(?P<what>[^'{]+)'",
        "the model directory {what} holds no config.json",
        "stillroom plan names models and where they come from",
    ),
    _cause(
        "missing_model",
        r"Cannot find any model weights with `(?P<what>[^`{]+)`",
        "the model directory {what} holds no weights",
        "fetch the model again",
    ),
    _cause(
        "missing_model",
        r"RepositoryNotFoundError|is not a local folder and is not a valid model identifier",
        "the model hub has no model of that name",
        "stillroom models list",
    ),
    _cause(
        "network",
        r"LocalEntryNotFoundError|couldn't connect to '?(?P<what>https?://[^\s']+)"
        r"|outgoing traffic has been disabled|Offline mode is enabled",
        "the weights are not on this machine, and the model hub could not be reached",
        "set STILLROOM_HUB_URL to a mirror, or fetch the weights elsewhere and name their folder",
    ),
    _cause(
        "driver",
        r"driver/library version mismatch",
        "the NVIDIA driver was updated and its old kernel module still runs",
        "restart the machine",
    ),
    _cause(
        "driver",
        r"CUDA driver version is insufficient|NVIDIA driver on your system is too old"
        r"|unsupported toolchain|forward compatibility was attempted on non supported HW",
        "the NVIDIA driver is older than the CUDA that the engine was built for",
        "update the NVIDIA driver, or install an older build of the engine",
    ),
    _cause(
        "driver",
        r"could not select device driver .{0,20}? with capabilities: \[\[gpu\]\]",
        "the container tool cannot reach the GPU: the NVIDIA Container Toolkit is missing",
        "install nvidia-container-toolkit, then restart the container service",
    ),
    _cause(
        "not_executable",
        r"Cannot connect to the Docker daemon",
        "the container service does not run",
        "sudo systemctl start docker",
    ),
    _cause(
        "gpu_too_old",
        r"(?:is not supported for the current GPU"
        r"|only supported on GPUs with compute capability of at least"
        r"|no kernel image is available for execution on the device"
        r"|with CUDA capability \S+ is not compatible with the current PyTorch)",
        "the GPU is too old for this build or number format",
        "stillroom plan --engine embedded, or another quantization: stillroom plan --all",
    ),
    _cause(
        "quantization",
        r"Unknown quantization method:? ?(?P<what>\S+)"
        r"|quantization method \S+ (?:is not|isn't) (?:available|supported)"
        r"|unknown (?:GGML|tensor|model ftype) type"
        r"|has invalid ggml type (?P<type>\d+)",
        "its version does not know this quantization",
        "update the engine, or choose another: stillroom plan --all",
    ),
    _cause(
        "kv_cache",
        r"larger than the available KV cache memory.{0,120}?"
        r"estimated maximum model length is (?P<tokens>\d+)",
        "the KV cache of one sequence is larger than the memory left for it, which holds {tokens} tokens",
        "stillroom up --context {tokens}",
    ),
    _cause(
        "memory",
        r"failed to allocate|out of memory|cudaMalloc failed|unable to allocate|std::bad_alloc"
        r"|cannot allocate memory|\bMemoryError\b"
        r"|is less than requested memory for kv|larger than the available KV cache memory"
        r"|No available memory for the cache blocks"
        r"|is less than desired (?:CPU|GPU) memory utilization"
        r"|Free memory on device .{0,80}? is less than desired"
        r"|requires more system memory|GGML_ASSERT\(\S*mem_buffer != NULL\)"
        r"|what\(\):\s+Resource temporarily unavailable"  # no room for another thread's stack
        r"|Thread creation failed|can't start new thread",
        "it ran out of memory",
        "ask for less (--context, --users, --quant), or leave --as-planned out",
    ),
    _cause(
        "context",
        r"max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len \(\w+=(?P<tokens>\d+)",
        "a context of {asked} tokens was asked for, and the model reads at most {tokens}",
        "stillroom up --context {tokens}",
    ),
    _cause(
        "tokenizer",
        r"reasoning parser could not locate think",
        "the model's tokenizer has no <think> tokens, which its reasoning parser needs",
        "stillroom up --engine embedded",
    ),
    _cause(
        "tokenizer",
        r"need to have sentencepiece or tiktoken installed to convert a slow tokenizer",
        "the model directory holds no tokenizer that it can read",
        "fetch the model again, with its tokenizer.json",
    ),
    _cause(
        "architecture",
        r"unknown model architecture: '(?P<what>[^']+)'"
        r"|Model architectures \[?'(?P<other>[^']+)'\]? (?:are not supported|failed to be inspected)"
        r"|has model type `(?P<kind>[^`{]+)` but Transformers does not recognize",
        "its version does not know the architecture {what!r}",
        "update the engine, or choose another model: stillroom plan",
    ),
    _cause(
        "option",
        r"(?:unrecognized arguments|no such option|unknown (?:flag|argument)):? (?P<what>[^\n]+)",
        "its version does not know the option {what}",
        "update the engine",
    ),
    # Last, and never of what a signal ended, because servers also mention modules that they can do without.
    _cause(
        "missing_module",
        r"No module named '(?P<what>[^']+)'",
        "the Python module {what!r} is missing",
        "install the engine again",
    ),
)

"""llama.cpp's own memory figures, read from its log.

The embedded engine and Ollama both print llama.cpp's lines. This module knows their wording and nothing of
who printed them. The lines appear at verbosity 4 and above::

    load_tensors:   CPU_Mapped model buffer size =    92.10 MiB
    llama_context:        CPU  output buffer size =     0.38 MiB
    llama_kv_cache:        CPU KV buffer size =    90.00 MiB
    sched_reserve:        CPU compute buffer size =    16.64 MiB
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Final

from deploy.engines.base import MeasuredTerm
from deploy.engines.log_steps import last_step
from deploy.serving import CPU
from deploy.spec import MIB

_BUFFER_LINE: Final = re.compile(
    r"(?P<function>[\w~]+):\s+(?P<device>\S+)\s+(?P<kind>model|KV|RS|compute|output) buffer size"
    r"\s*=\s*(?P<mib>\d+(?:\.\d+)?) MiB"
)

# Of the lines that tell how far a start has come.
_STEPS: Final = (
    (re.compile(r"loaded meta data with|print_info: file format"), "reads the model's header"),
    (re.compile(r"load_tensors: loading model tensors"), "loads weights"),
    (re.compile(r"llama_context: constructing"), "makes room for the context"),
    (re.compile(r"sched_reserve:"), "reserves compute buffers"),
    (re.compile(r"warming up the model"), "warms up"),
    (re.compile(r"new slot"), "opens its port"),
)

# One a request, when its sequence is let go of.
_FINISHED: Final = re.compile(r"slot\s+release:.*stop processing")

# Repacked tensors are a second copy that llama.cpp makes on some CPUs, and no part of the file's bytes:
# CPU_REPACK, and where the processor has such instructions AMX and CPU_KLEIDIAI (ggml/src/ggml-cpu).
_REPACKED: Final = re.compile(r"REPACK|KLEIDIAI|AMX")

# Backends that compute on GPUs (ggml/src/ggml-*); ``CUDA_Host`` is main memory that the GPU can read.
_GPU: Final = re.compile(r"(?:CUDA|ROCm|HIP|MUSA|Vulkan|SYCL|MTL|Metal|OpenCL)(?P<index>\d*)(?!.*_Host)")

_TERM_NAMES: Final = {
    "model": "weights",
    "KV": "kv_cache",
    "RS": "recurrent_state",
    "compute": "compute",
    # Logits on their way out are a fraction of a MiB a sequence: no component of their own in any estimate.
    "output": "compute",
}

# Each line is printed with two decimals.
_LINE_ROUNDING_BYTES: Final = math.ceil(0.005 * MIB)


@dataclass
class _Buffers:
    """The lines of one model, by the component and the device that they belong to."""

    sizes: dict[tuple[str, str], float] = field(default_factory=dict)
    lines: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    reserved: dict[str, float] = field(default_factory=dict)

    def add(self, match: re.Match[str]) -> None:
        kind, mib = match["kind"], float(match["mib"])
        device = engine_device(match["device"])
        name = "weights_repacked" if _REPACKED.search(match["device"]) else _TERM_NAMES[kind]
        text = f"{match['device']} {kind} buffer {match['mib']} MiB"
        if kind == "output":
            self.reserved.clear()  # another context begins, with compute buffers of its own
        if kind == "compute" and match["device"] in self.reserved:
            # A context that lays out its graph anew prints its buffers again: they replace the former.
            mib -= self.reserved[match["device"]]
            self.lines[name, device].append(f"then {match['mib']} MiB")
        else:
            self.lines.setdefault((name, device), []).append(text)
        if kind == "compute":
            self.reserved[match["device"]] = float(match["mib"])
        self.sizes[name, device] = self.sizes.get((name, device), 0.0) + mib


def engine_device(name: str) -> str:
    """``cpu`` or ``gpu:N`` of a buffer that llama.cpp names after its backend.

    Example:
        >>> engine_device("CUDA1"), engine_device("CUDA_Host"), engine_device("CPU_Mapped")
        ('gpu:1', 'cpu', 'cpu')
    """
    on_gpu = _GPU.match(name)
    return f"gpu:{on_gpu['index'] or 0}" if on_gpu else CPU


def read_llama_cpp_memory(log: str) -> tuple[MeasuredTerm, ...]:
    """Sum llama.cpp's buffers by kind and device, for the model that was loaded last.

    Args:
        log: the whole log; a server that loaded several models in turn printed several groups.

    Returns:
        One term a kind and device, in the order of first appearance; empty where no buffer line is present.
        Weights on the CPU come with those that are repacked for it, none of them included.

    Example:
        >>> read_llama_cpp_memory("llama_kv_cache: CPU KV buffer size = 90.00 MiB")[0].measured_bytes
        94371840
    """
    buffers, previous = _Buffers(), ""
    for match in _BUFFER_LINE.finditer(log):
        if match["kind"] == "model" and previous not in {"", "model"}:
            buffers = _Buffers()
        previous = match["kind"]
        buffers.add(match)
    if ("weights", CPU) in buffers.sizes and ("weights_repacked", CPU) not in buffers.sizes:
        buffers.sizes["weights_repacked", CPU] = 0.0
        buffers.lines["weights_repacked", CPU] = []
    return tuple(
        MeasuredTerm(
            name=name,
            measured_bytes=round(mib * MIB),
            source=", ".join(buffers.lines[name, device]) or "no buffer of repacked weights",
            device=device,
            rounding_bytes=_LINE_ROUNDING_BYTES * len(buffers.lines[name, device]),
        )
        for (name, device), mib in buffers.sizes.items()
    )


def read_llama_cpp_progress(log: str) -> str:
    """The last step of a start that the log tells of; empty before the first.

    Example:
        >>> read_llama_cpp_progress("cmn  llama_context: constructing llama_context")
        'makes room for the context'
    """
    return last_step(log, _STEPS).sentence


def finished_requests(log: str) -> int:
    """How many requests were answered since the log began, at a verbosity of 4 and above."""
    return len(_FINISHED.findall(log))

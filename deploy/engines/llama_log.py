"""llama.cpp's own memory figures, read from its log.

The embedded engine and Ollama both print llama.cpp's lines. This module knows their wording and nothing of
who printed them. The lines appear at verbosity 4 and above::

    load_tensors:   CPU_Mapped model buffer size =    92.10 MiB
    llama_kv_cache:        CPU KV buffer size =    90.00 MiB
    llama_context:        CPU  output buffer size =     0.38 MiB
    sched_reserve:        CPU compute buffer size =    16.64 MiB
"""

from __future__ import annotations

import re
from typing import Final

from deploy.engines.base import MeasuredTerm
from deploy.spec import MIB

_BUFFER_LINE: Final = re.compile(
    r"(?P<function>[\w~]+):\s+(?P<device>\S+)\s+(?P<kind>model|KV|RS|compute|output) buffer size"
    r"\s*=\s*(?P<mib>\d+(?:\.\d+)?) MiB"
)

# Of the lines that tell how far a start has come; the last that is found is where it stands.
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

# Repacked tensors are a second copy that llama.cpp makes on some CPUs, and no part of the file's bytes.
_REPACK_MARK: Final = "REPACK"

_TERM_NAMES: Final = {
    "model": "weights",
    "KV": "kv_cache",
    "RS": "recurrent_state",
    "compute": "compute",
    # Logits on their way out are a fraction of a MiB a sequence: no component of their own in any estimate.
    "output": "compute",
}


def read_llama_cpp_memory(log: str) -> tuple[MeasuredTerm, ...]:
    """Sum llama.cpp's buffers by kind, over devices, for the model that was loaded last.

    Args:
        log: the whole log; a server that loaded several models in turn printed several groups.

    Returns:
        One term a kind, in the order of first appearance; empty where no buffer line is present.

    Example:
        >>> read_llama_cpp_memory("llama_kv_cache: CPU KV buffer size = 90.00 MiB")[0].measured_bytes
        94371840
    """
    sums: dict[str, float] = {}
    lines: dict[str, list[str]] = {}
    previous = ""
    for match in _BUFFER_LINE.finditer(log):
        kind = match["kind"]
        if kind == "model" and previous not in {"", "model"}:
            sums.clear()
            lines.clear()
        previous = kind
        name = "weights_repacked" if _REPACK_MARK in match["device"] else _TERM_NAMES[kind]
        sums[name] = sums.get(name, 0.0) + float(match["mib"])
        lines.setdefault(name, []).append(f"{match['device']} {kind} buffer {match['mib']} MiB")
    return tuple(
        MeasuredTerm(name=name, measured_bytes=round(mib * MIB), source=", ".join(lines[name]))
        for name, mib in sums.items()
    )


def read_llama_cpp_progress(log: str) -> str:
    """The last step of a start that the log tells of; empty before the first.

    Example:
        >>> read_llama_cpp_progress("cmn  llama_context: constructing llama_context")
        'makes room for the context'
    """
    last, said = -1, ""
    for pattern, sentence in _STEPS:
        for match in pattern.finditer(log):
            if match.start() > last:
                last, said = match.start(), sentence
    return said


def finished_requests(log: str) -> int:
    """How many requests were answered since the log began, at a verbosity of 4 and above."""
    return len(_FINISHED.findall(log))

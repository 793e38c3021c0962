"""Why an engine died, in one sentence, from the log that it left.

Pure text matching. Each pattern was taken from a real log of a failed start; what matches none is answered
with the log's own last line, never with a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class _Cause:
    pattern: re.Pattern[str]
    sentence: str


def _cause(pattern: str, sentence: str) -> _Cause:
    return _Cause(re.compile(pattern, re.IGNORECASE), sentence)


# Order matters: the first that matches is the cause, the later ones are often its consequences.
_CAUSES: Final = (
    _cause(
        r"couldn't bind HTTP server socket.*port: (?P<what>\d+)|address already in use",
        "its port was taken by another program",
    ),
    _cause(
        r"failed to open GGUF file '(?P<what>[^']+)' \(No such file",
        "the model file {what} is missing",
    ),
    _cause(r"invalid magic characters", "the model file is not a GGUF file"),
    _cause(r"is not within the file bounds", "the model file is incomplete: its last tensors are cut off"),
    _cause(r"Repo id must be in the form.*?: '(?P<what>[^']+)'", "the model directory {what} is missing"),
    _cause(
        r"failed to allocate|out of memory|cudaMalloc failed|unable to allocate|std::bad_alloc"
        r"|is less than requested memory for kv|larger than the available KV cache memory"
        r"|No available memory for the cache blocks"
        r"|Free memory on device .* is less than desired",
        "it ran out of memory",
    ),
    _cause(
        r"reasoning parser could not locate think",
        "the model's tokenizer has no <think> tokens, which its reasoning parser needs",
    ),
    _cause(
        r"unknown model architecture: '(?P<what>[^']+)'",
        "its version does not know the architecture {what!r}",
    ),
    # Last, because servers also mention modules that they can do without.
    _cause(r"No module named '(?P<what>[^']+)'", "the Python module {what!r} is missing"),
)

_KILLED: Final = -9
_KILLED_SENTENCE: Final = "it was killed (SIGKILL), as the system does when memory runs out"


def diagnose(log: str, exit_code: int | None) -> str:
    """One sentence, without a full stop, that says why the engine ended.

    Args:
        log: what the engine wrote.
        exit_code: negative for a signal, as ``subprocess`` reports it; None while it lives.

    Example:
        >>> diagnose("E gguf_init: invalid magic characters: 'root', expected 'GGUF'", 1)
        'the model file is not a GGUF file'
    """
    for cause in _CAUSES:
        match = cause.pattern.search(log)
        if match:
            return cause.sentence.format(**match.groupdict())
    if exit_code == _KILLED:
        return _KILLED_SENTENCE
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"its last words were: {lines[-1]}" if lines else "it wrote nothing to its log"

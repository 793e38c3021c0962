"""Ollama's own memory figures, read from its log and from ``/api/ps``.

The llama.cpp inside prints its buffers to the server's log. ``/api/ps`` has their sum, on all devices and on
the GPUs, for whoever cannot see the log. It knows their wording and nothing of how Ollama is started.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deploy.engines.base import MeasuredTerm
from deploy.engines.llama_log import read_llama_cpp_memory
from deploy.serving import CPU

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_ollama_memory(log: str, answers: Iterable[str] = ()) -> tuple[MeasuredTerm, ...]:
    """The buffers by kind and device; where the log has none, their sum by ``/api/ps``.

    Args:
        log: the whole log of the server; empty for a server that somebody else started.
        answers: what ``/api/ps`` answered, among other texts.

    Example:
        >>> ps = '{"models": [{"name": "m", "size": 209505483, "size_vram": 0}]}'
        >>> [(term.name, term.device, term.measured_bytes) for term in read_ollama_memory("", [ps])]
        [('buffers', 'cpu', 209505483)]
    """
    terms = read_llama_cpp_memory(log)
    return terms or tuple(term for text in answers for term in _from_ps(text))


def _from_ps(text: str) -> tuple[MeasuredTerm, ...]:
    """The sum of the only model's buffers; of several it is not known which is ours."""
    models = _models(text)
    if len(models) != 1:
        return ()
    size, on_gpus = models[0].get("size"), models[0].get("size_vram")
    if not isinstance(size, int) or not isinstance(on_gpus, int) or not 0 <= on_gpus <= size:
        return ()
    # Of several GPUs it is not told how much each holds: the first is named, and the sum is right.
    parts = ((CPU, size - on_gpus), ("gpu:0", on_gpus))
    source = f"/api/ps: size {size:,}, size_vram {on_gpus:,}"
    return tuple(MeasuredTerm("buffers", part, source, device) for device, part in parts if part)


def _models(text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError:
        return []
    models = document.get("models") if isinstance(document, dict) else None
    return [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []

"""Whether Ollama serves a model as it was planned, by ``/api/ps`` and by its log. Pure.

Ollama may take a shorter context, fewer GPU layers or another cache than it was asked for, and answers
requests all the same. A server that somebody else started keeps its own cache type and parallel requests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deploy.engines.ollama_log import read_cuts, read_loaded
from deploy.engines.ollama_model import gpu_layers
from deploy.serving import CPU
from deploy.spec import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.plan import Plan
    from deploy.spec import LaunchSpec, MemoryEstimate

# What /api/ps counts: llama.cpp's buffers, without CUDA's context and the process.
_BUFFERS: Final = ("weights", "weights_repacked", "kv_cache", "recurrent_state", "compute", "lora")

# Of all bytes: one layer of 24, the shallowest models that are split, is 4 %, and no estimate is exact.
# Beyond this whole layers are elsewhere.
_SHARE_TOLERANCE: Final = 0.1


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model, as ``/api/ps`` describes it.

    Attributes:
        buffers_bytes: of llama.cpp, on all devices; where every layer is on GPUs, on those alone.
        gpu_bytes: the part on GPUs.
        context_tokens: of one sequence; None where it is not told.
        quantization: as Ollama names it; empty where it is not told.
        file_format: ``gguf``, or ``safetensors`` for what its MLX engine serves; empty likewise.
    """

    name: str
    buffers_bytes: int
    gpu_bytes: int
    context_tokens: int | None
    quantization: str
    file_format: str


def deviations(spec: LaunchSpec, plan: Plan, log: str, answers: Mapping[str, str]) -> tuple[str, ...]:
    """What is otherwise than planned, each as a sentence with the figure seen and the figure planned.

    Args:
        spec: what was launched or attached to.
        plan: what it should be.
        log: what the server wrote since its start; empty where somebody else started it.
        answers: what ``spec.memory_urls`` answered, by URL.

    Example:
        >>> deviations(spec, plan, "", {ps_url: ps})  # doctest: +SKIP
        ('Ollama serves 4,096 tokens of context, and 8,192 were planned: longer prompts are cut',)
    """
    models = read_ps("".join(answers.get(url, "") for url in spec.memory_urls))
    if models is None:
        return ("Ollama's /api/ps cannot be read: whether the model is served as planned is not known",)
    served = next((model for model in models if model.name.casefold() == spec.served_model.casefold()), None)
    if served is None:
        others = ", ".join(model.name for model in models) or "none"
        return (f"{spec.served_model} is not loaded (loaded: {others}): the next request loads it again",)
    found = (*_of_model(served, plan), *_of_place(served, plan), *_of_load(log, plan), *_of_prompts(log))
    return tuple(found)


def read_ps(text: str) -> tuple[ServedModel, ...] | None:
    """The models that are loaded; None where the answer is not that of ``/api/ps``."""
    try:
        models = json.loads(text)["models"]
        return tuple(_served(model) for model in models)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _served(model: Mapping[str, Any]) -> ServedModel:
    details = model.get("details") or {}
    context = model.get("context_length")
    return ServedModel(
        name=str(model["name"]),
        buffers_bytes=int(model["size"]),
        gpu_bytes=int(model["size_vram"]),
        context_tokens=int(context) if context else None,
        quantization=str(details.get("quantization_level", "")),
        file_format=str(details.get("format", "")),
    )


def _of_model(served: ServedModel, plan: Plan) -> Iterator[str]:
    planned, seen = plan.workload.context_tokens, served.context_tokens
    if seen is None:
        yield f"Ollama does not tell the context that it serves, and {planned:,} tokens were planned"
    elif seen != planned:
        effect = "longer prompts are cut" if seen < planned else "it takes more memory"
        yield f"Ollama serves {seen:,} tokens of context, and {planned:,} were planned: {effect}"
    if served.file_format not in {"", "gguf"}:
        yield f"the model is stored as {served.file_format}, and GGUF was planned"
    wanted = plan.artefact.quantization.upper()
    # Ollama has no name for every mix, and counts others' own mixes as what they are nearest to.
    told = served.quantization.upper() not in {"", "UNKNOWN"} and not wanted.startswith("UD-")
    if told and served.quantization.upper() != wanted:
        yield f"the model's weights are {served.quantization}, and {wanted} was planned"


def _of_place(served: ServedModel, plan: Plan) -> Iterator[str]:
    whole, seen = served.buffers_bytes, served.gpu_bytes
    if not plan.placement.gpus:
        if seen:
            yield f"{_gib(seen)} of {_gib(whole)} are on GPUs, and the CPU alone was planned"
        return
    if not seen:
        yield f"no GPU is used: all {_gib(whole)} are in main memory, and {plan.device} was planned"
        return
    share, planned = seen / max(1, whole), _gpu_share(plan.memory.component(*_BUFFERS))
    # With every layer on GPUs, Ollama does not count what stays in main memory: its share is 1.
    more_counts = gpu_layers(plan) <= plan.layer_count
    if planned - share > _SHARE_TOLERANCE or (more_counts and share - planned > _SHARE_TOLERANCE):
        yield (f"{share:.0%} of {_gib(whole)} are on GPUs, and {planned:.0%} were planned, on {plan.device}")


def _of_load(log: str, plan: Plan) -> Iterator[str]:
    loaded, layers = read_loaded(log), gpu_layers(plan)
    if loaded.gpu_layers is not None and loaded.gpu_layers != layers:
        yield f"{loaded.gpu_layers} layers are on GPUs, and {layers} were planned"
    sequences = plan.workload.concurrent_sequences
    if loaded.sequences is not None and loaded.sequences != sequences:
        yield f"Ollama serves {loaded.sequences} requests at once, and {sequences} were planned"
    wanted = plan.serving.kv_cache_type
    if loaded.cache_types is not None and set(loaded.cache_types) != {wanted}:
        seen = " and ".join(dict.fromkeys(loaded.cache_types))
        yield f"Ollama stores keys and values as {seen}, and {wanted} was planned"


def _of_prompts(log: str) -> Iterator[str]:
    cuts = read_cuts(log)
    if not cuts:
        return
    worst = max(cuts, key=lambda cut: cut.prompt_tokens - cut.kept_tokens)
    which = "a prompt was" if len(cuts) == 1 else f"{len(cuts)} prompts were"
    yield (
        f"{which} longer than the context and cut without a word to who sent it: "
        f"{worst.prompt_tokens:,} tokens to {worst.kept_tokens:,}"
    )


def _gpu_share(memory: MemoryEstimate) -> float:
    on_cpu = memory.on(CPU).expected_bytes
    return 1 - on_cpu / max(1, memory.expected_bytes)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.1f} GiB"

"""Which option is better: one order over everything that was weighed, and why the first is first.

Pure. Every rule that decides between two options stands here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.plan import Rejection, Unknown, device_name
from deploy.serving import CPU, Placement
from deploy.speed import MINIMUM_TOKENS_PER_S

if TYPE_CHECKING:
    from deploy.plan import PlanRequest
    from deploy.planning.options import PlanOption
    from deploy.spec import EngineName

# Below four bits quality falls off a cliff (+0.66 perplexity at Q3_K_M, +3.5 at Q2_K for Llama-3-8B, as
# `llama-quantize --help` prints): a smaller model first.
_LEAST_SENSIBLE_BITS = 4
# A reasoning model thinks for one to several thousand tokens before it answers: at this rate 2,000 take five
# and a half minutes. What is slower is picked only where nothing is faster.
COMFORTABLE_TOKENS_PER_S = 6.0
# Beside a GPU that holds another model whole, one that spills out of it has to be quick all the same.
_COMFORTABLE_BESIDE_GPU_TOKENS_PER_S = 20.0
# What a quantization costs counts against another model from here on: GPQA Diamond has 198 questions, so
# that a score of 60 has a standard error of 3.5 points. Below it engine and speed decide.
_DECISIVE_LOSS = 0.02
# Between quantizations of one model even less is worth avoiding, down to where only the size differs.
_UNNOTICED_LOSS = 0.002
# From here on vLLM's continuous batching is worth its larger footprint.
_THROUGHPUT_SEQUENCES = 4


def rank(option: PlanOption, request: PlanRequest) -> tuple[object, ...]:
    """A sort key, smaller is better; the model's id makes ties deterministic."""
    loss = option.subject.loss(option.quality)
    noticed = loss if loss > _UNNOTICED_LOSS else 0.0
    ability = option.subject.ability * (1 - (loss if loss > _DECISIVE_LOSS else 0.0))
    first = (not option.fits, option.subject.bundled, option.quality.nominal_bits < _LEAST_SENSIBLE_BITS)
    last = (
        spills(option),
        _engine_order(option, request).index(option.engine),
        noticed,
        option.memory.expected_bytes,
        option.subject.id,
    )
    if request.prefer == "speed":
        return (*first, -option.tokens_per_s, -ability, *last)
    if request.prefer == "context":
        return (*first, -context_room(option, request), -ability, *last)
    return (*first, not _comfortable(option), -ability, *last)


def context_room(option: PlanOption, request: PlanRequest) -> int:
    """How many tokens of context would fit if all that is left of the budget went to the cache.

    An estimate for ordering: linear in what the cache takes now.
    """
    cache = option.memory.component("kv_cache").expected_bytes
    asked = option.loaded.architecture.max_context_tokens
    tokens = request.workload.context_tokens
    if cache <= 0 or tokens <= 0:
        return asked
    left = sum(option.budgets.values()) - option.memory.expected_bytes
    return max(0, min(asked, int(tokens * (1 + left / cache))))


def reason(option: PlanOption, request: PlanRequest, *, named: bool) -> str:
    """One sentence: what was picked, why it and why this engine, and how fast it is."""
    where = device_name(option.placement, option.loaded.architecture.layer_count)
    if named:
        why = f"fits {where}"
    elif request.prefer == "speed":
        why = f"the fastest that fits {where}"
    elif request.prefer == "context":
        why = f"room for the longest context on {where}"
    elif option.subject.ability:
        why = f"the most able that fits {where} (GPQA Diamond {option.subject.ability:g})"
    else:
        why = f"nothing with a published GPQA Diamond score fits {where}"
    return f"{option.title}: {why}; {_engine_reason(option, request)}; {speed_words(option)}"


def speed_words(option: PlanOption) -> str:
    """The decode speed in words."""
    if isinstance(option.decode, Unknown):
        return f"its speed is not known: {option.decode.reason}"
    rate = option.decode.expected_tokens_per_s
    slow = f", below the usable {MINIMUM_TOKENS_PER_S:g}" if rate < MINIMUM_TOKENS_PER_S else ""
    return f"about {rate:.3g} tokens/s, {_interval(option)}{slow}"


def _interval(option: PlanOption) -> str:
    if isinstance(option.decode, Unknown):
        return ""
    return f"{option.decode.low_tokens_per_s:.3g} to {option.decode.high_tokens_per_s:.3g}"


def _comfortable(option: PlanOption) -> bool:
    """Fast enough to think; where no speed is known, whole on GPUs."""
    whole = not spills(option)
    if isinstance(option.decode, Unknown):
        return whole
    beside = bool(option.loaded.machine.gpus) and not whole
    return option.tokens_per_s >= (
        _COMFORTABLE_BESIDE_GPU_TOKENS_PER_S if beside else COMFORTABLE_TOKENS_PER_S
    )


def spills(option: PlanOption) -> bool:
    """Whether decoder layers are left to the CPU."""
    return any(term.device == CPU for term in option.memory.component("kv_cache", "recurrent_state").terms)


def _engine_order(option: PlanOption, request: PlanRequest) -> tuple[EngineName, ...]:
    """Ollama for a person, vLLM for many at once, the embedded engine where neither is."""
    if request.workload.concurrent_sequences >= _THROUGHPUT_SEQUENCES and option.placement != Placement():
        return ("vllm", "ollama", "embedded")
    return ("ollama", "vllm", "embedded")


def _engine_reason(option: PlanOption, request: PlanRequest) -> str:
    users = request.workload.concurrent_sequences
    if len(request.engines) == 1:
        return f"{option.engine} as asked"
    if option.engine == "vllm":
        many = f"it batches {users} at once"
        return f"vLLM because {many if users > 1 else f'it loads {option.quantization}'}"
    if option.engine == "embedded":
        return "the embedded engine because no other can load it here"
    if option.placement.gpus and spills(option):
        return "Ollama because it splits layers between GPU and CPU"
    return (
        "Ollama because it is the simplest for so few at once"
        if option.placement.gpus
        else "Ollama on the CPU"
    )


def is_memory(rejection: Rejection) -> bool:
    """Whether memory was the reason."""
    return rejection.needed_bytes > rejection.budget_bytes

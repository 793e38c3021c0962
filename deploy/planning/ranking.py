"""Which option is better: one order over everything that was weighed, and why the first is first.

Pure. Every rule that decides between two options stands here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.memory_model.limits import largest_context
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
# From here on more speed makes a model no more useful to one reader: a reasoning model thinks for one to
# several thousand tokens before it answers, and 2,000 take under two minutes.
_FULL_SPEED_TOKENS_PER_S = 20.0
# Below, half the speed costs a tenth of the usefulness (2 ** -0.15 = 0.90). By this judgement a 7B at 6
# tokens/s stands above a 1.5B at any speed (GPQA Diamond 49.1 and 33.8), a 70B at 15 above a 32B (65.2 and
# 62.1), and an 8B at full speed above a 32B that spills out of the GPU at 7 (61.1 and 62.1).
_SLOWNESS_EXPONENT = 0.15
_DECISIVE_POINTS = 0.5
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
    first = (not option.fits, option.subject.bundled, option.quality.nominal_bits < _LEAST_SENSIBLE_BITS)
    last = (
        spills(option),
        _engine_order(option, request).index(option.engine),
        loss if loss > _UNNOTICED_LOSS else 0.0,
        -round(option.tokens_per_s, 1),
        option.memory.expected_bytes,
        option.subject.id,
    )
    # Half a point decides nothing: a simpler engine or a more precise quantization then does.
    useful = -round(usefulness(option) / _DECISIVE_POINTS)
    if request.prefer == "speed":
        return (*first, -option.tokens_per_s, useful, *last)
    if request.prefer == "context":
        return (*first, -context_room(option, request) if option.fits else 0, useful, *last)
    return (*first, useful, *last)


def usefulness(option: PlanOption) -> float:
    """The model's published ability, less what its quantization costs, less what its slowness costs.

    More memory only adds options and speed, so that the best usefulness never falls with it.
    """
    loss = option.subject.loss(option.quality)
    ability = option.subject.ability * (1 - (loss if loss > _DECISIVE_LOSS else 0.0))
    rate = option.tokens_per_s
    if isinstance(option.decode, Unknown):
        # Whole on a GPU no distill is slow; what spills counts as the slowest that is not turned down.
        rate = MINIMUM_TOKENS_PER_S if spills(option) else _FULL_SPEED_TOKENS_PER_S
    slowness: float = min(1.0, rate / _FULL_SPEED_TOKENS_PER_S) ** _SLOWNESS_EXPONENT
    return ability * slowness


def context_room(option: PlanOption, request: PlanRequest) -> int:
    """The longest context that fits where the option is placed, at most the model's own."""
    return largest_context(
        lambda workload: option.loaded.memory(workload, option.placement),
        option.budgets,
        request.workload,
        most_tokens=option.loaded.architecture.max_context_tokens,
    )


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
        why = f"the best of ability and speed that fits {where} (GPQA Diamond {option.subject.ability:g})"
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


def spills(option: PlanOption) -> bool:
    """Whether decoder layers are left to the CPU."""
    return any(term.device == CPU for term in option.memory.component("kv_cache", "recurrent_state").terms)


def _engine_order(option: PlanOption, request: PlanRequest) -> tuple[EngineName, ...]:
    """Ollama for a person, vLLM for many at once or several GPUs, the embedded engine where neither is.

    On several GPUs Ollama computes layer after layer, one GPU at a time; vLLM's ranks compute together.
    """
    many = request.workload.concurrent_sequences >= _THROUGHPUT_SEQUENCES
    if (many and option.placement != Placement()) or len(option.placement.gpus) > 1:
        return ("vllm", "ollama", "embedded")
    return ("ollama", "vllm", "embedded")


def _engine_reason(option: PlanOption, request: PlanRequest) -> str:
    users = request.workload.concurrent_sequences
    if len(request.engines) == 1:
        return f"{option.engine} as asked"
    if option.engine == "vllm":
        if users > 1:
            return f"vLLM because it batches {users} at once"
        ranks = len(option.placement.gpus)
        together = f"{ranks} GPUs compute together" if ranks > 1 else f"it loads {option.quantization}"
        return f"vLLM because {together}"
    if option.engine == "embedded":
        return "the embedded engine, on the CPU"
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

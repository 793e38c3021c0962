"""Asking less of the same model: a smaller cache, fewer tokens, fewer at once, less in reserve.

Each change was weighed again and fits. It knows no other model, no other quantization and no other hardware.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from deploy.memory_model.kv_cache import kv_block
from deploy.plan import Change
from deploy.planning.options import gib
from deploy.spec import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.plan import PlanRequest, Rejection
    from deploy.planning.options import PlanOption, Weigher

# Less context than this holds no question with its passages.
LEAST_CONTEXT_TOKENS = 2048
# llama.cpp and vLLM both take contexts in whole blocks of this many tokens.
CONTEXT_STEP = 256
# The estimate is nearly linear in context; where windows or rounding bend it, a few smaller tries find the
# rest.
_CONTEXT_TRIES = (1.0, 0.9, 0.75, 0.5)

# How often what lies between a context that fits and one that does not is halved.
_CONTEXT_REFINEMENTS = 3

# Smaller caches by engine, the most precise first.
SMALLER_KV_CACHES = {"ollama": ("q8_0", "q4_0"), "embedded": ("q8_0", "q4_0"), "vllm": ("fp8",)}

# Less than this holds no embedder, and is as well not reserved at all.
_LEAST_RESERVE_BYTES = 256 * MIB

# How much is given up, from 0, as in ``deploy.plan.Change``.
# 8 bits cost no measurable quality; 4 bits do, if less than a step down in quantization below 4 bits.
KV_CACHE_EFFORTS = {"q8_0": 0.05, "fp8": 0.05, "q4_0": 0.15}
_RESERVE_EFFORT = 0.5


@dataclass(frozen=True)
class Reducer:
    """Asks less of rejected options until they fit.

    Attributes:
        weigher: weighed the options, and weighs them again, changed.
    """

    weigher: Weigher
    _verdicts: dict[tuple[object, ...], bool] = field(default_factory=dict, repr=False, compare=False)

    def smaller_cache(self, option: PlanOption, rejection: Rejection) -> Iterator[Change]:
        """A smaller cache type, fewer tokens, fewer sequences, each alone.

        A cache that is smaller than what is missing may still be the reason that layers are left to the CPU.
        """
        users = self.weigher.request.workload.concurrent_sequences
        if self.weigher.named:
            # What all of these together do not mend, none does.
            if self.fits(option, self._asking_least(option)):
                yield from self._smaller_type(option)
                yield from self._less_context(option)
                yield from self._fewer_users(option)
        elif rejection.term != "speed":
            yield from self._less_cache(option, rejection)
        elif users > 1 and self.fits(option, self.asking(concurrent_sequences=1)):
            yield _users(option, 1, users)

    def _asking_least(self, option: PlanOption) -> PlanRequest:
        asked = self.weigher.request.workload.context_tokens
        least = self.asking(context_tokens=min(asked, LEAST_CONTEXT_TOKENS), concurrent_sequences=1)
        smaller = self._smaller_types(option)
        return replace(least, kv_cache_type=smaller[-1]) if smaller else least

    def _smaller_types(self, option: PlanOption) -> list[str]:
        asked = _bytes_per_element(self.weigher.request.kv_cache_type or "f16")
        return [kind for kind in SMALLER_KV_CACHES[option.engine] if _bytes_per_element(kind) < asked]

    def _smaller_type(self, option: PlanOption, *, most: int | None = None) -> Iterator[Change]:
        """The most precise smaller type that is enough, of so many."""
        for kind in self._smaller_types(option)[:most]:
            if self.fits(option, replace(self.weigher.request, kv_cache_type=kind)):
                typed = f"{named(option)} --kv-cache {kind}"
                yield Change("kv_cache", f"a KV cache in {kind}", typed, KV_CACHE_EFFORTS[kind])
                return

    def _less_context(self, option: PlanOption) -> Iterator[Change]:
        """The context halved until it fits, then as much more as a few further tries find."""
        asked = self.weigher.request.workload.context_tokens

        def enough(tokens: int) -> bool:
            return self.fits(option, self.asking(context_tokens=tokens))

        too_long, tokens = asked, _in_blocks(asked / 2)
        while tokens > LEAST_CONTEXT_TOKENS and not enough(tokens):
            too_long, tokens = tokens, _in_blocks(tokens / 2)
        tokens = max(tokens, LEAST_CONTEXT_TOKENS)
        if tokens >= asked or not enough(tokens):
            return
        for _ in range(_CONTEXT_REFINEMENTS):
            between = _in_blocks((tokens + too_long) / 2)
            if between > tokens and enough(between):
                tokens = between
            else:
                too_long = between
        yield _context(option, tokens, asked)

    def _fewer_users(self, option: PlanOption) -> Iterator[Change]:
        """The most at once that fit, by bisection."""
        users = self.weigher.request.workload.concurrent_sequences
        fewest, most = 0, users - 1
        while fewest < most:
            middle = (fewest + most + 1) // 2
            if self.fits(option, self.asking(concurrent_sequences=middle)):
                fewest = middle
            else:
                most = middle - 1
        if fewest:
            yield _users(option, fewest, users)

    def _less_cache(self, option: PlanOption, rejection: Rejection) -> Iterator[Change]:
        """The same in few tries, from how much is missing; only where the cache is large enough."""
        cache = option.memory.component("kv_cache").expected_bytes
        if cache <= rejection.short_bytes:
            return
        yield from self._smaller_type(option, most=1)
        share = 1 - rejection.short_bytes / cache
        workload = self.weigher.request.workload
        asked, users = workload.context_tokens, workload.concurrent_sequences
        for factor in _CONTEXT_TRIES:
            tokens = _in_blocks(asked * share * factor)
            if tokens >= LEAST_CONTEXT_TOKENS and self.fits(option, self.asking(context_tokens=tokens)):
                yield _context(option, tokens, asked)
                break
        fewer = min(users - 1, int(users * share))
        if fewer >= 1 and self.fits(option, self.asking(concurrent_sequences=fewer)):
            yield _users(option, fewer, users)

    def less_reserve(self, option: PlanOption) -> Iterator[Change]:
        """What is reserved on GPUs halved until it fits, or nothing reserved."""
        request, name = self.weigher.request, named(option)
        reserved = request.reserved_bytes
        if not reserved or not self.fits(option, replace(request, reserved_bytes=0)):
            return
        smaller = reserved // 2 // MIB * MIB
        while smaller >= _LEAST_RESERVE_BYTES:
            if self.fits(option, replace(request, reserved_bytes=smaller)):
                effort = _RESERVE_EFFORT * (1 - smaller / reserved)
                typed = f"{name} --reserve {_size(smaller)}"
                yield Change("request", f"{gib(smaller)} in reserve", typed, effort)
                return
            smaller = smaller // 2 // MIB * MIB
        yield Change("request", "without --reserve", name, _RESERVE_EFFORT, "--reserve")

    def asking(self, **workload: int) -> PlanRequest:
        """The request with another context or another number at once."""
        request = self.weigher.request
        return replace(request, workload=replace(request.workload, **workload))

    def fits(self, option: PlanOption, request: PlanRequest) -> bool:
        """Whether the option fits where something else is asked for."""
        key = (option.subject.id, option.quantization, option.engine, request)
        if key not in self._verdicts:
            weigher = replace(self.weigher, request=request)
            self._verdicts[key] = weigher.weigh(option.subject, option.quantization, option.engine).fits
        return self._verdicts[key]


def named(option: PlanOption) -> str:
    """How the option is typed."""
    return f"{option.subject.typed} --quant {option.quantization} --engine {option.engine}"


def _context(option: PlanOption, tokens: int, asked: int) -> Change:
    typed = f"{named(option)} --context {tokens}"
    return Change("context", f"a context of {tokens:,} tokens", typed, 1 - tokens / asked)


def _users(option: PlanOption, fewer: int, asked: int) -> Change:
    return Change("users", f"{fewer} at once", f"{named(option)} --users {fewer}", 1 - fewer / asked)


def _in_blocks(tokens: float) -> int:
    return int(tokens) // CONTEXT_STEP * CONTEXT_STEP


def _bytes_per_element(kv_cache_type: str) -> float:
    block = kv_block(kv_cache_type)
    return block.bytes / block.weights


def _size(size_bytes: int) -> str:
    """Whole MiB as they are typed.

    Example:
        >>> _size(15 * 2**30), _size(1536 * 2**20)
        ('15GiB', '1536MiB')
    """
    return f"{size_bytes // MIB}MiB" if size_bytes % GIB else f"{size_bytes // GIB}GiB"

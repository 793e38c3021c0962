"""What would make a rejected option fit: the nearest change, and the smallest ones where nothing fits.

Every change that is named was weighed again and fits, but for those that take other hardware, which say how
much it takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from deploy.plan import Change, Rejection
from deploy.planning.options import gib
from deploy.serving import CPU
from deploy.spec import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deploy.plan import PlanRequest
    from deploy.planning.options import PlanOption, Weigher

# Less context than this holds no question with its passages.
_LEAST_CONTEXT_TOKENS = 2048
# llama.cpp and vLLM both take contexts in whole blocks of this many tokens.
_CONTEXT_STEP = 256
# The estimate is nearly linear in context; where windows or rounding bend it, a few smaller tries find the
# rest.
_CONTEXT_TRIES = (1.0, 0.9, 0.75, 0.5)

# Where a model was trained for less than is asked for, its memory may still not do: then a part of it.
_CONTEXT_PARTS = (1, 2, 4, 8, 16)

# The smallest cache that costs no measurable quality, by engine: 8 bits (llama.cpp's q8_0, vLLM's fp8).
_SMALLER_KV_CACHE = {"ollama": "q8_0", "embedded": "q8_0", "vllm": "fp8"}

# Efforts order changes of different kinds: from what nobody notices to what costs money.
_KV_CACHE_EFFORT = 0.05
_QUANTIZATION_EFFORT = 0.1
_ENGINE_EFFORT = 0.3
_REQUEST_EFFORT = 0.5
_MODEL_EFFORT = 0.6
_HARDWARE_EFFORT = 1.0


@dataclass(frozen=True)
class ChangeFinder:
    """Finds what would make rejected options fit.

    Attributes:
        weigher: weighed the options, and weighs them again, changed.
        options: what may be named instead: all options of the report, where nothing fits others too.
    """

    weigher: Weigher
    options: Sequence[PlanOption]

    @cached_property
    def _fitting(self) -> list[PlanOption]:
        return [option for option in self.options if option.fits]

    def nearest(self, option: PlanOption) -> Change | None:
        """The change that gives up least; None where none is known."""
        return min(self.changes(option), key=lambda change: change.effort, default=None)

    def smallest(self, options: Sequence[PlanOption], count: int) -> tuple[Change, ...]:
        """The smallest changes over rejected options: the best of each kind, then more of the same kinds."""
        found = sorted(
            (_told_alone(change, option) for option in options for change in self.changes(option)),
            key=lambda change: change.effort,
        )
        of_each_kind: dict[str, Change] = {}
        others: dict[str, Change] = {}
        for change in found:
            if of_each_kind.setdefault(change.kind, change).description != change.description:
                others.setdefault(change.description, change)
        chosen = [*of_each_kind.values(), *others.values()][:count]
        return tuple(sorted(chosen, key=lambda change: change.effort))

    def changes(self, option: PlanOption) -> Iterator[Change]:
        """Every change that would make the option fit."""
        rejection = option.outcome
        if not isinstance(rejection, Rejection):
            return
        if rejection.term == "kv_cache_type":
            kind = _SMALLER_KV_CACHE[option.engine]
            change = Change("kv_cache", f"a KV cache in {kind}", f"--kv-cache {kind}", _KV_CACHE_EFFORT)
            yield from self._and_more(change, option, replace(self.weigher.request, kv_cache_type=kind))
        elif rejection.term in {"engine", "format", "license", "languages", "context", "disk"}:
            yield from self._without_memory(option, rejection)
        elif rejection.term == "speed":
            yield from self._faster(option)
        else:
            yield from self._less_cache(option, rejection)
            if rejection.term == "max_memory":
                yield from self._more_allowed(option, rejection)
            else:
                yield _hardware(option)
        yield from self._lower_quantization(option)
        yield from self._other_model(option)

    def _without_memory(self, option: PlanOption, rejection: Rejection) -> Iterator[Change]:
        request, tag = self.weigher.request, option.subject.typed
        if rejection.term == "context":
            yield from self._trained_context(option)
        elif rejection.term == "disk":
            missing = gib(rejection.short_bytes)
            yield Change("disk", f"{missing} more of free disk", "", _HARDWARE_EFFORT)
        elif rejection.term in {"engine", "format"}:
            others = [other for other in self._fitting if other.subject.id == option.subject.id]
            if others:
                other = others[0]
                yield Change(
                    "engine",
                    f"{other.engine} with {other.quantization}",
                    f"{tag} --engine {other.engine} --quant {other.quantization}",
                    _ENGINE_EFFORT,
                )
            if rejection.term == "engine":
                yield _another_gpu(
                    max(option.memory.on(device).expected_bytes for device in option.placement.devices)
                )
        else:
            given_up: dict[str, Any] = {"license": ""} if rejection.term == "license" else {"languages": ()}
            freed = f"--{rejection.term}"
            change = Change("request", f"without {freed}", "", _REQUEST_EFFORT, freed)
            yield from self._and_more(change, option, replace(request, **given_up))

    def _and_more(self, change: Change, option: PlanOption, request: PlanRequest) -> Iterator[Change]:
        """The change of the request, if it is enough; else with each further one that then is.

        Args:
            change: whose ``options`` are what it alone adds.
            option: that it is tried on.
            request: as changed.
        """
        weigher = replace(self.weigher, request=request)
        changed = weigher.weigh(option.subject, option.quantization, option.engine)
        if changed.fits:
            yield replace(change, options=f"{_named(option)} {change.options}".strip())
            return
        for further in ChangeFinder(weigher, ()).changes(changed):
            yield replace(
                further,
                description=f"{change.description}, and {further.description}",
                options=f"{further.options} {change.options}".strip() if further.options else "",
                effort=change.effort + further.effort,
                without=change.without or further.without,
            )

    def _trained_context(self, option: PlanOption) -> Iterator[Change]:
        """As much context as the model was trained for, or the largest part of it that fits."""
        request, trained = self.weigher.request, option.subject.architecture.max_context_tokens
        for part in _CONTEXT_PARTS:
            tokens = trained // part
            shorter = replace(request, workload=replace(request.workload, context_tokens=tokens))
            if part == _CONTEXT_PARTS[-1] or self._fits(option, shorter):
                effort = 1 - tokens / request.workload.context_tokens
                change = Change("context", f"a context of {tokens:,} tokens", f"--context {tokens}", effort)
                yield from self._and_more(change, option, shorter)
                return

    def _more_allowed(self, option: PlanOption, rejection: Rejection) -> Iterator[Change]:
        allowed = -(-rejection.needed_bytes // GIB)
        if self._fits(option, replace(self.weigher.request, most_memory_bytes=allowed * GIB)):
            yield Change(
                "request",
                f"{allowed} GiB allowed",
                f"{_named(option)} --max-memory {allowed}GiB",
                _REQUEST_EFFORT,
            )

    def _faster(self, option: PlanOption) -> Iterator[Change]:
        request, name = self.weigher.request, _named(option)
        # Speed is checked last: what is too slow fits in every other way.
        accepted = _floor(option.tokens_per_s)
        if accepted:
            yield Change(
                "speed",
                f"accepting {accepted:g} tokens/s",
                f"{name} --min-speed {accepted:g}",
                _REQUEST_EFFORT,
            )
        alone = replace(request, workload=replace(request.workload, concurrent_sequences=1))
        if request.workload.concurrent_sequences > 1 and self._fits(option, alone):
            users = request.workload.concurrent_sequences
            yield Change("users", "1 at once", f"{name} --users 1", 1 - 1 / users)
        yield _another_gpu(sum(option.memory.on(device).expected_bytes for device in option.budgets))

    def _less_cache(self, option: PlanOption, rejection: Rejection) -> Iterator[Change]:
        """A smaller cache type, fewer tokens, fewer sequences; only where the cache is large enough."""
        cache = option.memory.component("kv_cache").expected_bytes
        if cache <= rejection.short_bytes:
            return
        request, name = self.weigher.request, _named(option)
        smaller = _SMALLER_KV_CACHE[option.engine]
        if request.kv_cache_type is None and self._fits(option, replace(request, kv_cache_type=smaller)):
            yield Change(
                "kv_cache", f"a KV cache in {smaller}", f"{name} --kv-cache {smaller}", _KV_CACHE_EFFORT
            )
        share = 1 - rejection.short_bytes / cache
        asked, users = request.workload.context_tokens, request.workload.concurrent_sequences
        for factor in _CONTEXT_TRIES:
            tokens = int(asked * share * factor) // _CONTEXT_STEP * _CONTEXT_STEP
            if tokens >= _LEAST_CONTEXT_TOKENS and self._fits(
                option, replace(request, workload=replace(request.workload, context_tokens=tokens))
            ):
                yield Change(
                    "context",
                    f"a context of {tokens:,} tokens",
                    f"{name} --context {tokens}",
                    1 - tokens / asked,
                )
                break
        fewer = min(users - 1, int(users * share))
        if fewer >= 1 and self._fits(
            option, replace(request, workload=replace(request.workload, concurrent_sequences=fewer))
        ):
            yield Change("users", f"{fewer} at once", f"{name} --users {fewer}", 1 - fewer / users)

    def _fits(self, option: PlanOption, request: PlanRequest) -> bool:
        """Whether the option fits where something else is asked for."""
        weigher = replace(self.weigher, request=request)
        return weigher.weigh(option.subject, option.quantization, option.engine).fits

    def _lower_quantization(self, option: PlanOption) -> Iterator[Change]:
        """The most precise quantization of the same model on the same engine that fits."""
        same = [
            other
            for other in self._fitting
            if other.subject.id == option.subject.id and other.engine == option.engine
        ]
        if not same:
            return
        losses = {other.quantization: other.subject.loss(other.quality) for other in same}
        best = min(same, key=lambda other: (losses[other.quantization], other.memory.expected_bytes))
        yield Change(
            "quantization",
            f"{best.quantization} instead of {option.quantization}",
            _named(best),
            _QUANTIZATION_EFFORT + losses[best.quantization],
        )

    def _other_model(self, option: PlanOption) -> Iterator[Change]:
        """The best of each other model that fits; the bundled one only where there is no other."""
        fitting = [other for other in self._fitting if other.subject.id != option.subject.id]
        fitting = [other for other in fitting if not other.subject.bundled] or fitting
        first: dict[str, PlanOption] = {}
        for other in fitting:
            first.setdefault(other.subject.id, other)
        for best in first.values():
            lost = 1 - min(1.0, best.ability / option.ability) if option.ability else 0.0
            yield Change("model", best.title, _named(best), _MODEL_EFFORT + lost)


def _told_alone(change: Change, option: PlanOption) -> Change:
    """The change away from the option's own row: where no command tells for which one it is, words do."""
    if change.options:
        return change
    return replace(change, description=f"{change.description}, for {option.title}")


def _named(option: PlanOption) -> str:
    return f"{option.subject.typed} --quant {option.quantization} --engine {option.engine}"


def _floor(rate: float) -> float:
    """A rate with one significant digit, never above it; 0 for none.

    Example:
        >>> _floor(1.97), _floor(0.0479), _floor(0.0)
        (1.0, 0.04, 0.0)
    """
    if rate <= 0:
        return 0.0
    step = 10.0 ** math.floor(math.log10(rate))
    return round(math.floor(rate / step) * step, 12)


def _hardware(option: PlanOption) -> Change:
    """More memory, of every device that is short."""
    short = {
        device: missing
        for device, budget in option.budgets.items()
        if (missing := option.memory.on(device).expected_bytes - budget) > 0
    }
    effort = _HARDWARE_EFFORT + _share(sum(short.values()))
    names = {device: "main memory" if device == CPU else f"memory on {device}" for device in short}
    wanted = " and ".join(f"{gib(missing)} more {names[device]}" for device, missing in short.items())
    return Change("hardware", wanted, "", effort)


def _another_gpu(needed_bytes: int) -> Change:
    effort = _HARDWARE_EFFORT + 1 + _share(needed_bytes)
    return Change("hardware", f"a GPU with {gib(needed_bytes)} free", "", effort)


def _share(size_bytes: int) -> float:
    """A size as a number from 0 to 1 that grows with it: what orders changes of one kind."""
    return size_bytes / (size_bytes + 16 * GIB)
